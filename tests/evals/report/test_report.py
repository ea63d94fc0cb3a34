"""The page of a run: intervals and breakdowns, and nothing that a model or a file says can break
out of it."""

from typing import Any

import pytest

from swiftkit.evals.report.report import Outcome, make_report, markdown, print_table, summarize
from swiftkit.evals.results import Account
from swiftkit.evals.run_directory import Config
from swiftkit.evals.stats import Mean, Tally
from swiftkit.records import Response, Sample, Score

HOSTILE = "x|y`<script>](http://evil)\n# new \x1b[31m"
CONFIG = Config("t", HOSTILE, "", "", HOSTILE, 1, 0, 1, None, None, None, 0, "")


def page(counted: dict[str, Any], outcomes: list[Outcome]) -> str:
    return markdown(
        make_report(CONFIG, outcomes, summarize(counted), [], Account(None, 0), 1.0), outcomes
    )


def test_metrics_and_breakdowns_with_their_intervals() -> None:
    """Breakdowns stand in a table of their own, means of categories beside the other metrics."""
    halves = [Tally(str(number), float(number % 2), 1) for number in range(20)]
    text = page(
        {
            "accuracy": halves,
            "overall": Mean([(1, halves), (1, halves)]),
            "accuracy[a]": halves,
            "none": [],
        },
        [],
    )
    first, second = text.split("## By category, tool or kind")
    assert "| accuracy | 50.0 % | 11.2 | 29.9 to 70.1 % |" in first
    assert "| overall | 50.0 % | 7.9 | 35.8 to 64.2 % |" in first
    assert "| accuracy[a] | 50.0 % |" in second
    assert "none" not in text


def test_what_others_wrote_stays_within_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, places, models and reasons: no new line, no HTML, no link, no cell, no control
    character."""
    sample = Sample(HOSTILE, [], [], None, {"where": HOSTILE})
    outcomes = [Outcome(sample, 0, Response(HOSTILE), Score(0.0, False, HOSTILE))]
    counted = {f"accuracy[tool:{HOSTILE}]": [Tally("a", 1, 1)]}
    text = page(counted, outcomes)
    assert not any(found in text for found in ("<script>", "](http", "\n# new", "\x1b", "x|y"))
    (row,) = (line for line in text.splitlines() if line.startswith("| accuracy"))
    assert row.count("|") == 5
    print_table(make_report(CONFIG, outcomes, summarize(counted), [], Account(None, 0), 1.0))
    assert "\x1b[31m" not in capsys.readouterr().out
