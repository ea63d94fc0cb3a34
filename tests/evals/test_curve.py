"""`swiftkit curve RUN...`: checkpoints in the order of their steps, each with its interval and its
difference."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.compared_runs import evaluate, rows
from helpers.tables import columns

from swiftkit.cli.main import main
from swiftkit.evals.curve import Curve, CurvePoint
from swiftkit.evals.paired import Difference
from swiftkit.evals.print_curve import print_curve
from swiftkit.evals.stats import Estimate


def curve(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["curve", *map(str, arguments)])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three checkpoints, given out of order: 20 %, 80 % and 70 % right."""
    folder = tmp_path_factory.mktemp("curve")
    data = rows(folder / "rows.jsonl")
    shares = {300: 7, 20: 2, 100: 8}
    return [
        evaluate(data, folder / f"checkpoint-{step}", lambda n, s=share: n % 10 < s)
        for step, share in shares.items()
    ]


def test_curve_checkpoints_stand_in_the_order_of_their_steps(
    runs: list[Path], tmp_path: Path
) -> None:
    """By steps, not by names; the best is named; each is compared with the first, as `compare`
    would."""
    done = curve(*runs, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [point["step"] for point in found["points"]] == [20, 100, 300]
    assert [point["found"]["value"] for point in found["points"]] == pytest.approx([0.2, 0.8, 0.7])
    assert [point["against_first"] and point["against_first"]["difference"] for point in found["points"]] == [
        None, pytest.approx(0.6), pytest.approx(0.5),
    ]  # fmt: skip
    picture = tmp_path / "curve.svg"
    shown = curve(*runs, "-o", picture)
    assert (
        "checkpoint-100 (accuracy 80.0 %), +60.0 points against the first"
        in shown.stdout.replace("\n", " ")
    )
    assert picture.read_text(encoding="utf-8").count("<svg") == 1


def test_curve_that_cannot_be_drawn_says_why(runs: list[Path], tmp_path: Path) -> None:
    """One run, a folder without a report, an unknown metric, an unknown format, other data."""
    other = evaluate(rows(tmp_path / "other.jsonl", 20), tmp_path / "checkpoint-7", lambda _: True)
    for arguments, said in (
        (runs[:1], "two runs at least"),
        ([runs[0], tmp_path], "has no report.json"),
        ([*runs, "--metric", "x"], "--metric x"),
        ([*runs, "-o", tmp_path / "curve.xyz"], "no picture format"),
        ([*runs, other], "were scored by different data"),
    ):
        done = curve(*arguments)
        assert done.exit_code == 2
        assert said in str(done.exception) + done.output


def test_curve_that_only_falls_has_no_better_run(tmp_path: Path) -> None:
    """The first is the best."""
    data = tmp_path / "rows.jsonl"
    falling = [
        evaluate(rows(data), tmp_path / f"run{step}", lambda n, s=step: n % 10 >= s)
        for step in (1, 2)
    ]
    assert "No run is above the first" in curve(*falling).stdout


@pytest.mark.parametrize("metric", ["accuracy", "tool_accuracy[tool:get_weather]", "准确率" * 6])
def test_print_curve_fits_80_columns(
    metric: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paths are broken at their separators; numbers and bars stay whole."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    estimate = Estimate(1.0, 0.0, (0.9, 1.0))
    difference = Difference(0.5, 1.0, 0.5, (0.2, 0.8), 0.0001, 0.1, 9, "", p_holm=0.0001)
    runs = [f"runs/curve_of_the_tuned_model/checkpoint-{step}" for step in (100, 200)]
    first = CurvePoint(runs[0], 100, "m", 1, 1.0, estimate)
    print_curve(
        Curve("t", metric, [first, CurvePoint(runs[1], 200, "m", 1, 1.0, estimate, difference)])
    )
    table = capsys.readouterr().out.partition("No run is above")[0].splitlines()
    assert max(map(columns, table)) <= 80
    assert sum("100.0 %" in line and "█" * 20 in line for line in table) == 2
    assert "checkpoint-200" in " ".join(table).split()
    assert "against" in " ".join(table).split()
