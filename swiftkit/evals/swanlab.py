"""Put an evaluation's numbers into the SwanLab run of the training that the model comes from.

The training's run.json names the run (swift_plugins/swanlab_run.py). In SwanLab's cloud that run is
resumed. Its local mode cannot resume: there the numbers stand in a folder of their own beside the
training's, under the same run id, and `swanlab sync` of both folders makes one run of them.
"""

import importlib.util
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

from swiftkit.errors import UsageError
from swiftkit.evals.report.report import EvalReport, is_breakdown
from swiftkit.recipe.machine import has_swanlab_key
from swiftkit.terminal import say
from swiftkit.training.checkpoints import last_step, step_of
from swiftkit.training.run_record import RECORD, SwanLab, read_record
from swiftkit.training.swanlab import do_without_dashboard


class TrackedRun(NamedTuple):
    """`step`: the updates that the evaluated model has seen; None where they are not known."""

    swanlab: SwanLab
    step: int | None


def find_tracked_run(place: Path) -> TrackedRun:
    """Find the run.json in `place` (an output folder, a checkpoint) or in up to two parents.

    Raises UsageError where the metrics could not be logged, so before anything is asked.
    """
    for folder in (place, *place.absolute().parents[:2]):
        if (folder / RECORD).is_file():
            break
    else:
        fix = "give a training's output folder"
        raise UsageError(f"--training-run {place}: there is no {RECORD} ({fix})")
    record = read_record(folder / RECORD)
    if record is None:
        reason = "it was written by another version, or is damaged"
        raise UsageError(f"{folder / RECORD} cannot be read ({reason})")
    if record.swanlab is None:
        raise UsageError(f"{folder / RECORD} names no SwanLab run (train with --report_to swanlab)")
    if importlib.util.find_spec("swanlab") is None:
        raise UsageError("--training-run needs SwanLab (pip install swanlab)")
    if record.swanlab.mode == "online" and not has_swanlab_key(os.environ):
        raise UsageError("--training-run: SwanLab's cloud needs a key (set SWANLAB_API_KEY)")
    step = step_of(place.resolve())
    if step is None:
        step = last_step(folder)
    return TrackedRun(record.swanlab, step)


def log_report(run: TrackedRun, report: EvalReport) -> None:
    """Add the report's metrics to the run. A failure of SwanLab is printed and costs no result."""
    try:
        with redirect_stdout(sys.stderr):  # stdout is the report's
            place = _log_metrics(run, swanlab_metrics(report))
    except Exception as error:  # a library's, or a network's
        say(f"swiftkit: SwanLab did not take the metrics, which stand in {report.run}: {error}")
        return
    at = "" if run.step is None else f" at step {run.step}"
    say(f"swiftkit: the metrics are in SwanLab's run {run.swanlab.id}{at}: {place}")


def swanlab_metrics(report: EvalReport) -> dict[str, float]:
    """Return the values to draw: TASK/METRIC with its interval, and how many have a score."""
    metrics: dict[str, float] = {}
    for name, estimate in report.metrics.items():
        if not is_breakdown(name):
            low, high = estimate.ci95
            metrics |= {name: estimate.value, f"{name}_low": low, f"{name}_high": high}
    metrics |= {"scored": report.scored, "errors": report.errors}
    return {f"{report.task}/{name}": value for name, value in metrics.items()}


def _log_metrics(run: TrackedRun, metrics: dict[str, float]) -> str:
    """Log the metrics, and return where SwanLab shows them."""
    import swanlab

    do_without_dashboard()
    recorded = run.swanlab
    quiet = {
        "probe": {"hardware": False, "requirements": False, "monitor": False},
        "terminal": {"proxy_type": "none"},
    }
    swanlab_run = swanlab.init(
        mode=recorded.mode,
        project=recorded.project,
        workspace=recorded.workspace or None,
        name=recorded.name,
        id=recorded.id,
        resume="must" if recorded.mode == "online" else "allow",
        log_dir=str(Path(recorded.folder).parent),
        settings=swanlab.Settings(**quiet),
    )
    swanlab_run.log(metrics, step=run.step)
    place = recorded.url or str(swanlab_run.dir)
    swanlab_run.finish()
    return place
