"""Put an evaluation's numbers into the SwanLab run of the training that the model comes from.

The training's run.json tells the run (swift_plugins/swanlab_run.py). In SwanLab's cloud that run is
resumed. Its local mode knows no resuming: there the numbers stand in a folder of their own beside
the training's, under the same run id, and `swanlab sync` of both folders makes one run of them.
"""

import importlib.util
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

from swiftkit.errors import UsageError
from swiftkit.evals.report.report import Report
from swiftkit.recipe.machine import has_swanlab_key
from swiftkit.terminal import say
from swiftkit.training.checkpoints import last_step, step_of
from swiftkit.training.run_record import RECORD, SwanLab, read_record
from swiftkit.training.swanlab import do_without_dashboard


class TrackedRun(NamedTuple):
    """`step` is the number of updates that the evaluated model has seen; None where it is not
    known."""

    swanlab: SwanLab
    step: int | None


def find(place: Path) -> TrackedRun:
    """By the training's output folder, or what lies in it: a checkpoint, a merged model. Raises
    UsageError, so before anything is asked."""
    folder = next(
        (path for path in (place, *place.absolute().parents[:2]) if (path / RECORD).is_file()), None
    )
    if folder is None:
        raise UsageError(
            f"--training-run {place}: there is no {RECORD} (give a training's output folder)"
        )
    record = read_record(folder / RECORD)
    if record is None:
        raise UsageError(
            f"{folder / RECORD} cannot be read (it was written by another version, or is damaged)"
        )
    if record.swanlab is None:
        raise UsageError(f"{folder / RECORD} names no SwanLab run (train with --report_to swanlab)")
    if importlib.util.find_spec("swanlab") is None:
        raise UsageError("--training-run needs SwanLab (pip install swanlab)")
    if record.swanlab.mode == "online" and not has_swanlab_key(os.environ):
        raise UsageError("--training-run: SwanLab's cloud needs a key (set SWANLAB_API_KEY)")
    trained = step_of(place.resolve())
    return TrackedRun(record.swanlab, last_step(folder) if trained is None else trained)


def metrics_of(report: Report) -> dict[str, float]:
    """What is drawn: TASK/METRIC with the bounds of its interval, and how many samples it rests on;
    not the parts."""
    found: dict[str, float] = {}
    for name, estimate in report.metrics.items():
        if "[" not in name:
            low, high = estimate.ci95
            found |= {name: estimate.value, f"{name}_low": low, f"{name}_high": high}
    found |= {"scored": report.scored, "errors": report.errors}
    return {f"{report.task}/{name}": value for name, value in found.items()}


def log(run: TrackedRun, report: Report) -> None:
    """Add the report's metrics. What SwanLab cannot do costs no result: it is said, and the report
    stays."""
    try:
        with redirect_stdout(sys.stderr):  # ours is the report's
            place = _log(run, metrics_of(report))
    except Exception as error:  # a library's, or a network's
        say(f"swiftkit: SwanLab did not take the metrics, which stand in {report.run}: {error}")
        return
    at = "" if run.step is None else f" at step {run.step}"
    say(f"swiftkit: the metrics are in SwanLab's run {run.swanlab.id}{at}: {place}")


def _log(run: TrackedRun, metrics: dict[str, float]) -> str:
    import swanlab

    do_without_dashboard()
    told = run.swanlab
    quiet = {
        "probe": {"hardware": False, "requirements": False, "monitor": False},
        "terminal": {"proxy_type": "none"},
    }
    made = swanlab.init(
        mode=told.mode,
        project=told.project,
        workspace=told.workspace or None,
        name=told.name,
        id=told.id,
        resume="must" if told.mode == "online" else "allow",
        log_dir=str(Path(told.folder).parent),
        settings=swanlab.Settings(**quiet),
    )
    made.log(metrics, step=run.step)
    place = told.url or str(made.dir)
    made.finish()
    return place
