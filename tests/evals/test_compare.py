"""`swiftkit compare A B`: the verdict, what was won and lost, and runs that say nothing about each
other."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.compared_runs import evaluate, rows
from helpers.tables import columns

from swiftkit.cli.main import main
from swiftkit.evals.compare import Comparison
from swiftkit.evals.paired import Difference
from swiftkit.evals.print_comparison import print_comparison


def compare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def test_compare_better_worse_and_equal_runs_have_their_verdicts(tmp_path: Path) -> None:
    """Exit status 0, 1 and 3; wins and losses are named; what a model wrote does not reach the
    terminal raw."""
    data = rows(tmp_path / "rows.jsonl")
    a = evaluate(data, tmp_path / "a", lambda number: number % 2 == 0)
    b = evaluate(data, tmp_path / "b", lambda number: number % 2 == 0 or number > 30)
    done = compare(a, b, "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["verdict"]) == (0, "better")
    assert [each["id"] for each in found["wins"]] == [f"r{number}" for number in range(31, 60, 2)]
    assert found["losses"] == []
    assert found["metrics"]["accuracy"]["difference"] == pytest.approx(15 / 60)
    assert "accuracy 50.0 % against 75.0 %, +25.0 points" in found["sentence"]
    done = compare(b, a)
    assert done.exit_code == 1
    assert "B is worse than A: accuracy 75.0 % against 50.0 %, -25.0 points" in done.stdout
    assert "lost by B: 15, the first are" in done.stdout
    assert "\x1b[31m" not in done.stdout
    done = compare(a, a)
    assert done.exit_code == 3
    assert "No difference between A and B was shown" in done.stdout
    assert "show one of 10.0 points or more" in done.stdout


def test_compare_only_samples_that_both_scored_count(tmp_path: Path) -> None:
    """An error in one run, and a run of fewer samples, leave their pairs out and are counted."""
    data = rows(tmp_path / "rows.jsonl")
    a = evaluate(data, tmp_path / "a", lambda number: number < 10, broken=3)
    b = evaluate(data, tmp_path / "b", lambda number: number < 12, "--limit", "20")
    found = json.loads(compare(a, b, "--json").stdout)
    assert (found["paired"], found["only_a"], found["only_b"]) == (19, 0, 1)
    assert found["metrics"]["accuracy"]["a"] == pytest.approx(9 / 19)


def test_compare_trials_of_a_sample_are_one_cluster(tmp_path: Path) -> None:
    """Three trials of a sample are one cluster, not three samples."""
    data = rows(tmp_path / "rows.jsonl", 12)
    flags = ("--trials", "3", "--temperature", "1")
    a = evaluate(data, tmp_path / "a", lambda number: number < 2, *flags)
    b = evaluate(data, tmp_path / "b", lambda number: number < 10, *flags)
    found = json.loads(compare(a, b, "--json").stdout)
    assert (found["paired"], found["samples"], found["metrics"]["accuracy"]["clusters"]) == (
        36,
        12,
        12,
    )
    assert found["metrics"]["accuracy"]["test"] == "permutation test over clusters"
    assert found["metrics"]["accuracy"]["p"] < 0.05


def test_compare_runs_without_common_ground_are_refused(tmp_path: Path) -> None:
    """Other data, no run, an unknown metric, data that is gone or changed: one line, status 2."""
    data, other = rows(tmp_path / "rows.jsonl", 5), rows(tmp_path / "other.jsonl", 6)
    other.write_text(other.read_text(encoding="utf-8").replace("q ", "Q "), encoding="utf-8")
    a = evaluate(data, tmp_path / "a", lambda _: True)
    b = evaluate(other, tmp_path / "b", lambda _: True)
    moved = data.rename(tmp_path / "moved.jsonl")
    for arguments, said in (
        ((a, b), "different data"),
        ((a, tmp_path / "none"), "is no run"),
        ((a, a), "give its place by --data"),
        ((a, a, "--data", other), "not what the runs were made with"),
        ((a, a, "--data", moved, "--metric", "beauty"), "no such metric"),
    ):
        done = compare(*arguments)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
    assert compare(a, a, "--data", moved).exit_code == 3


@pytest.mark.parametrize(
    "metric",
    ["parameter_value_accuracy", "tool_accuracy[tool:get_current_weather_of_a_city]", "准确率" * 9],
)
def test_print_comparison_fits_80_columns(
    metric: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers and words of the head stay whole beside long names and Chinese ones."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    path = "runs/" + "a-rather-long-folder/" * 5
    difference = Difference(0.5, 1.0, -0.25, (-1.0, -0.123), 0.0001, 0.1, 9, "", p_holm=0.0001)
    print_comparison(
        Comparison(
            task="t", a=path, b=path, headline=metric, verdict="worse", sentence="", paired=1, samples=1, only_a=0,
            only_b=0, differs={}, metrics={"accuracy": difference, metric: difference}, wins=[], losses=[],
        )
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert f"A {path}\n" in printed
    table = printed[printed.index("metric") : printed.index("won by B")].splitlines()
    assert max(map(columns, table)) <= 80
    words = " ".join(table).split()
    for word in (
        "metric",
        "interval",
        "(Holm)",
        "could",
        "show",
        "50.0",
        "100.0",
        "-25.0",
        "-12.3",
    ):
        assert word in words
    assert sum("100.0 %" in line and "< 0.001" in line for line in table) == 2
