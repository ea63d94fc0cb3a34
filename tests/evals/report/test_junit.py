"""The JUnit suite: well-formed whatever a name says, and red exactly if the exit status is not 0."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.errors import DataError, EndpointError
from swiftkit.evals.gates import GateVerdict
from swiftkit.evals.report.junit import junit, junit_until_report
from swiftkit.evals.report.report import EvalReport, GateResult
from swiftkit.evals.results import TrialOutcome
from swiftkit.records import Sample

texts = st.text(max_size=20) | st.sampled_from(
    ["]]>", "<script>&\"'", "\x00\x1b[31m", "\ud800", "\ufffe", "a\nb", "&#0;", "<!--", "多步"]
)
gate_results = st.lists(
    st.builds(GateResult, gate=texts, verdict=st.sampled_from(GateVerdict), reason=texts)
)


def suite_of(xml: bytes) -> ElementTree.Element:
    """Return a suite after a look at what its usual schema wants."""
    suite = ElementTree.fromstring(xml)  # noqa: S314 - our own
    assert suite.tag == "testsuite"
    cases = suite.findall("testcase")
    assert int(suite.attrib["tests"]) == len(cases) > 0
    for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.attrib[count]) == len(suite.findall(f"testcase/{tag}"))
    assert float(suite.attrib["time"]) >= 0
    for case in cases:
        assert {"name", "classname", "time"} == case.attrib.keys()
        assert len(case) <= 1
        assert all({"message", "type"} == problem.attrib.keys() for problem in case)
    assert [child.tag for child in suite] == ["testcase"] * len(cases) + ["system-out"]
    return suite


@given(
    gates=gate_results,
    scored=st.integers(1, 20),
    errors=st.integers(0, 5),
    skipped=st.integers(0, 5),
    text=texts,
)
def test_junit_is_red_exactly_if_the_exit_status_is_not_0(
    gates: list[GateResult], scored: int, errors: int, skipped: int, text: str
) -> None:
    size = scored + errors + skipped
    report = EvalReport(
        text, text, size, scored, skipped, errors, {}, {}, {}, 1.5, gates, text,
        coverage=scored / size,
    )  # fmt: skip
    outcomes = [TrialOutcome(Sample(text, [], [], None), 0, None, text)] * errors
    suite = suite_of(junit(report, outcomes))
    is_red = int(suite.attrib["failures"]) + int(suite.attrib["errors"]) > 0
    assert is_red == (report.exit_status != 0)
    assert len(suite.findall("testcase")) == 1 + len(gates)
    for case, result in zip(suite.findall("testcase")[1:], gates, strict=True):
        tags = {GateVerdict.FAILED: ["failure"], GateVerdict.INCONCLUSIVE: ["error"]}
        assert [problem.tag for problem in case] == tags.get(result.verdict, [])


def test_junit_without_a_report_is_red(tmp_path: Path) -> None:
    """From the first moment, also if the process is killed; an old green suite is gone."""
    file = tmp_path / "new/junit.xml"

    def end() -> None:
        assert suite_of(file.read_bytes()).attrib["errors"] == "1"
        raise EndpointError("no <answer> \x00")

    with pytest.raises(EndpointError), junit_until_report(file, "gsm8k"):
        end()
    suite = suite_of(file.read_bytes())
    assert suite.attrib["errors"] == "1"
    assert "no <answer>" in "".join(suite.itertext())
    assert list(file.parent.iterdir()) == [file]
    (tmp_path / "file").touch()
    with pytest.raises(DataError), junit_until_report(tmp_path / "file/junit.xml", "gsm8k"):
        pytest.fail("it is known before the run that it cannot be written")
