"""A run as a JUnit test suite, the XML that CI servers show.

One test case says whether the samples have answers, and one a gate stands for its verdict: a gate
that failed is a `failure`; an inconclusive one is an `error`, because CI shows `skipped` as if all
were well. Something is red exactly if the exit status is not 0.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree

from swiftkit.errors import SwiftkitError
from swiftkit.evals.gates import GateVerdict
from swiftkit.evals.report.report import EvalReport
from swiftkit.evals.report.table import counts_line
from swiftkit.evals.results import TrialOutcome
from swiftkit.files.jsonl import write_atomically
from swiftkit.terminal import shorten

_ERRORS_SHOWN = 20
# what XML 1.0 has no way to write
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: EvalReport, outcomes: Sequence[TrialOutcome]) -> bytes:
    """Return the suite of a run."""
    suite = _suite(report.task, report.elapsed_s)
    case = _case(suite, report.task, "answers")
    counts = counts_line(report)
    status = report.exit_status
    if status == 4:
        _problem(case, "error", f"too few answers for a verdict: {counts}", "coverage")
    elif report.errors and not report.gates:
        _problem(case, "failure", f"errors are left: {counts}", "errors")
    for result in report.gates:
        case = _case(suite, report.task, f"gate {result.gate}")
        if result.verdict is GateVerdict.FAILED:
            _problem(case, "failure", result.reason, result.verdict)
        elif result.verdict is GateVerdict.INCONCLUSIVE:
            _problem(case, "error", f"inconclusive: {result.reason}", result.verdict)
    lines = [counts]
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed[:_ERRORS_SHOWN]:
        place = f"{shorten(outcome.sample.id, 200)}, trial {outcome.trial}"
        lines.append(f"{place}: {shorten(outcome.error, 500)}")
    return _written(suite, "\n".join(lines))


@contextmanager
def junit_until_report(file: Path | None, task: str) -> Iterator[None]:
    """Keep a suite in the file that says why there is no report, until the report's own is there.

    So no green suite of an earlier run is left to CI, even by a process that is killed, and a file
    that cannot be written is known before anything is asked. Raises DataError for that.
    """
    if file is None or (file.exists() and not file.is_file()):  # a pipe takes the report alone
        yield
        return
    write_junit(file, _without_report(task, "the command has not come to its report"))
    try:
        yield
    except Exception as error:
        with suppress(SwiftkitError):  # of a full disk: what is raised says more
            write_junit(file, _without_report(task, str(error) or type(error).__name__))
        raise


def write_junit(file: Path, suite: bytes) -> None:
    with write_atomically(file) as output:
        output.write(suite)


def _without_report(task: str, reason: str) -> bytes:
    suite = _suite(task, 0.0)
    _problem(_case(suite, task, "answers"), "error", reason, "no report")
    return _written(suite, reason)


def _suite(task: str, seconds: float) -> ElementTree.Element:
    return ElementTree.Element("testsuite", name=_legal(f"swiftkit {task}"), time=f"{seconds:.3f}")


def _case(suite: ElementTree.Element, task: str, name: str) -> ElementTree.Element:
    names = {"classname": _legal(f"swiftkit.{task}"), "name": _legal(name), "time": "0.000"}
    return ElementTree.SubElement(suite, "testcase", names)


def _problem(case: ElementTree.Element, tag: str, message: str, kind: str) -> None:
    ElementTree.SubElement(case, tag, message=_legal(message), type=kind).text = _legal(message)


def _written(suite: ElementTree.Element, output: str) -> bytes:
    """Return the XML of a suite, once its cases are counted."""
    suite.set("tests", str(len(suite.findall("testcase"))))
    for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(count, str(len(suite.findall(f"testcase/{tag}"))))
    ElementTree.SubElement(suite, "system-out").text = _legal(output)
    ElementTree.indent(suite)
    xml: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("�", text)
