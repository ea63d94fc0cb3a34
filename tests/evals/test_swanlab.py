"""An evaluation in SwanLab: the run that the training's run.json names (real SwanLab:
tests/e2e/test_resume.py)."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.paths import ROOT

from swiftkit.errors import UsageError
from swiftkit.evals.report.report import EvalReport
from swiftkit.evals.stats import Estimate
from swiftkit.evals.swanlab import TrackedRun, find_tracked_run, log_report, swanlab_metrics
from swiftkit.training.record_run import begin
from swiftkit.training.run_record import SwanLab, note

RUN = SwanLab("abc", "local", "p", "", "n", "/nowhere/run-1", "")
REPORT = EvalReport(
    task="tool-call", model="m", n=4, scored=3, skipped=0, errors=1, usage={}, latency={}, elapsed_s=1.0, gates=[],
    metrics={"tool_accuracy": Estimate(0.5, 0.1, (0.25, 0.75)), "tool_accuracy[weather]": Estimate(1, 0, (1, 1))},
    data="d", run="runs/x",
)  # fmt: skip


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output folder of a training that has no SwanLab run yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text("model: m\noutput_dir: out\nadd_version: false\n")
    path = begin(["env", "swift", "sft", "recipe.yaml"], {})
    assert path
    return path.parent


@pytest.mark.parametrize(
    ("place", "step"), [("out", None), ("out/checkpoint-50", 50), ("out/merged", None)]
)
def test_find_tracked_run_by_what_lies_in_its_folder(
    training: Path, place: str, step: int | None
) -> None:
    """Its folder, a checkpoint, which tells its step, or a merged model."""
    pytest.importorskip("swanlab")
    note(training / "run.json", RUN)
    Path(place).mkdir(exist_ok=True)
    assert find_tracked_run(Path(place)) == TrackedRun(RUN, step)


def test_find_tracked_run_missing_parts_are_wrong_usage(
    training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No record, a record without SwanLab, a damaged one, no key for the cloud."""
    pytest.importorskip("swanlab")
    monkeypatch.delenv("SWANLAB_API_KEY", raising=False)
    monkeypatch.setenv("SWANLAB_ROOT", str(training / "none"))
    with pytest.raises(UsageError, match="names no SwanLab run"):
        find_tracked_run(training)
    note(
        training / "run.json",
        SwanLab("a", "online", "p", "w", "n", "/x/y", "https://swanlab.cn/@w/p/runs/a"),
    )
    with pytest.raises(UsageError, match="SWANLAB_API_KEY"):
        find_tracked_run(training)
    (training / "run.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        find_tracked_run(training)
    with pytest.raises(UsageError, match="there is no run"):
        find_tracked_run(Path("/"))


def test_eval_wrong_training_run_is_one_line() -> None:
    """By the command line, also when it comes from the environment; no endpoint is asked."""
    command = [
        sys.executable,
        "-m",
        "swiftkit",
        "eval",
        "tool-call",
        "--data",
        "x",
        "--base-url",
        "http://127.0.0.1:9",
    ]
    done = subprocess.run([*command, "--training-run", "/nowhere"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("swiftkit: --training-run /nowhere: there is no run.json")


def test_swanlab_metrics_have_intervals_and_no_breakdowns() -> None:
    """The headline metrics with their intervals and counts, under the task's name; not the
    parts."""
    assert swanlab_metrics(REPORT) == {
        "tool-call/tool_accuracy": 0.5,
        "tool-call/tool_accuracy_low": 0.25,
        "tool-call/tool_accuracy_high": 0.75,
        "tool-call/scored": 3,
        "tool-call/errors": 1,
    }


def test_log_report_failing_swanlab_costs_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that cannot be made: one line, and the evaluation goes on to its end."""
    pytest.importorskip("swanlab")
    (tmp_path / "file").touch()
    told = SwanLab("abc", "local", "p", "", "n", str(tmp_path / "file/swanlog/run-1"), "")
    log_report(TrackedRun(told, 3), REPORT)
    said = capsys.readouterr()
    assert "SwanLab did not take the metrics, which stand in runs/x" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "path",
    sorted({*(ROOT / "recipes").rglob("*.yaml")} - {*(ROOT / "recipes/megatron").iterdir()}),
    ids=lambda path: path.stem,
)
def test_recipe_that_reports_to_swanlab_loads_its_plugin(path: Path) -> None:
    """Else SwanLab prints three errors at each log, and the run cannot be found again."""
    recipe = yaml.safe_load(path.read_text())
    if "swanlab" in recipe.get("report_to", []):
        assert "swiftkit/swift_plugins/swanlab_run.py" in recipe["external_plugins"]
