"""The page of a run: intervals and breakdowns, and nothing that a model or a file says can break
out of it."""

import sys
from typing import Any

import msgspec
import pytest
from helpers.tables import columns

from swiftkit.evals.gates import GateVerdict
from swiftkit.evals.report.markdown import markdown
from swiftkit.evals.report.report import EvalReport, GateResult, make_report
from swiftkit.evals.report.table import print_report
from swiftkit.evals.results import RunResults, TrialOutcome
from swiftkit.evals.run_directory import RunConfig
from swiftkit.evals.stats import Bounds, Mean, Measure, Tally, measures_of
from swiftkit.evals.tasks import gsm8k
from swiftkit.records import Sample, Score

HOSTILE = "x|y`<script>](http://evil)\n# new \x1b[31m"
CONFIG = RunConfig("t", HOSTILE, "", "", HOSTILE, 1, 0, 1, None, None, None, 0, "")


def report_of(metrics: dict[str, Any], outcomes: list[TrialOutcome]) -> EvalReport:
    results = RunResults(gsm8k.TASK, [])
    return make_report("run", CONFIG, outcomes, measures_of(metrics), {}, results, 1.0)


def test_markdown_metrics_and_breakdowns_have_their_intervals() -> None:
    """Breakdowns stand in a table of their own, means of categories beside the other metrics."""
    halves = [Tally(str(number), float(number % 2), 1) for number in range(20)]
    mean = Mean([(1, halves), (1, halves)])
    metrics = {"accuracy": halves, "overall": mean, "accuracy[a]": halves, "none": []}
    main, breakdowns = markdown(report_of(metrics, []), []).split("## By category, tool or kind")
    assert "| accuracy | 50.0 % | 11.2 | 29.9 to 70.1 % |" in main
    assert "| overall | 50.0 % | 7.9 | 35.8 to 64.2 % |" in main
    assert "| accuracy[a] | 50.0 % |" in breakdowns
    assert "none" not in main + breakdowns


def test_report_missing_answers_have_their_worst_and_best_case() -> None:
    """A column in table and page: empty for a metric that misses nothing; a metric that nothing
    counted for yet has no value."""
    halves = [Tally(str(number), float(number % 2), 1) for number in range(20)]
    measured = measures_of({"accuracy": halves, "accuracy[a]": halves})
    worst, best = (Measure(measured["accuracy"].estimate, *pair) for pair in ((0, 1), (1, 1)))
    low, high = (
        measure._replace(estimate=msgspec.structs.replace(measure.estimate, value=value))
        for measure, value in ((worst, 0.25), (best, 0.75))
    )
    bounds = {"accuracy": Bounds(low, high), "accuracy[b]": Bounds(low, high)}
    report = make_report("run", CONFIG, [], measured, bounds, RunResults(gsm8k.TASK, []), 1.0)
    gates = [GateResult("accuracy>=0.5", GateVerdict.INCONCLUSIVE, "5 of 20 <b>")]
    page = markdown(msgspec.structs.replace(report, gates=gates), [])
    assert "| accuracy | 50.0 % | 11.2 | 29.9 to 70.1 % | 25.0 to 75.0 % |" in page
    assert "| accuracy[a] | 50.0 % | 11.2 | 29.9 to 70.1 % |  |" in page
    assert "| accuracy[b] | - | - | - | 25.0 to 75.0 % |" in page
    assert "**inconclusive**: 5 of 20 &lt;b>" in page


def test_report_hostile_text_stays_within_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, places, models and reasons: no new line, no HTML, no link, no cell, no control
    character."""
    sample = Sample(HOSTILE, [], [], None, {"where": HOSTILE})
    outcomes = [TrialOutcome(sample, 0, Score(0.0, False, HOSTILE), "")]
    report = report_of({f"accuracy[tool:{HOSTILE}]": [Tally("a", 1, 1)]}, outcomes)
    page = markdown(report, outcomes)
    for forbidden in ("<script>", "](http", "\n# new", "\x1b", "x|y"):
        assert forbidden not in page
    (row,) = (line for line in page.splitlines() if line.startswith("| accuracy"))
    assert row.count("|") == 5
    print_report(report)
    assert "\x1b[31m" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "metric", ["tool_accuracy[tool:get_current_weather_of_a_city_and_its_region]", "准确率" * 12]
)
def test_print_report_long_names_fit_80_columns(
    metric: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values stay whole; the name is broken at its separators, or between Chinese characters."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    halves = [Tally(str(number), float(number % 2), 1) for number in range(20)]
    print_report(report_of({"tool_accuracy": halves, metric: halves}, []))
    table = capsys.readouterr().out.partition("0 asked")[0].splitlines()[2:]
    assert max(map(columns, table)) <= 80
    assert sum("50.0 %" in line and "29.9 to 70.1 %" in line for line in table) == 2
