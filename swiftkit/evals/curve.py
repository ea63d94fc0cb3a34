"""Several runs of one task on the same data, such as a training's checkpoints, as one curve.

Each point is a run's metric with its interval; all are compared with the first, paired on the
samples that both have, and p is corrected (Holm) for their number. A step is the number at the end
of the run folder's name, as in checkpoint-200; runs without one stand in the order given.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from swiftkit.errors import UsageError
from swiftkit.evals.compare import compare
from swiftkit.evals.paired import Difference, holm
from swiftkit.evals.percent import p_value, percent, points
from swiftkit.evals.report.report import EvalReport
from swiftkit.evals.run_directory import data_sha256
from swiftkit.evals.stats import Estimate
from swiftkit.evals.task import load_task
from swiftkit.files.jsonl import decode_line
from swiftkit.terminal import say

_STEP = re.compile(r"(\d+)$")


class CurvePoint(msgspec.Struct, frozen=True):
    """One run's metric; `against_first` is None for the first run."""

    run: str
    step: int | None
    model: str | None
    scored: int
    coverage: float
    estimate: Estimate = msgspec.field(name="found")
    against_first: Difference | None = None


class Curve(msgspec.Struct, frozen=True):
    task: str
    metric: str
    points: list[CurvePoint]

    @property
    def has_steps(self) -> bool:
        """True if each point has a step of its own."""
        steps = {point.step for point in self.points}
        return None not in steps and len(steps) == len(self.points)


def make_curve(paths: Sequence[Path], metric: str | None = None, data: Path | None = None) -> Curve:
    """Return the curve of two finished runs or more. Raises UsageError where they do not match."""
    if len(paths) < 2:
        fix = "give the folders that `swiftkit eval` wrote"
        raise UsageError(f"a curve needs two runs at least ({fix})")
    paths = sorted(paths, key=lambda path: _step(path) or 0)
    reports = []
    for path in paths:
        file = path / "report.json"
        if not file.is_file():
            fix = "evaluate it first, or finish it: the same command resumes"
            raise UsageError(f"{path} has no report.json ({fix})")
        decode = msgspec.json.Decoder(EvalReport).decode
        reports.append(decode_line(file.read_bytes(), str(file), decode))
    task = reports[0].task
    metric = metric or load_task(task).headline
    for path, report in zip(paths, reports, strict=True):
        if metric not in report.metrics:
            known = ", ".join(report.metrics)
            raise UsageError(f"--metric {metric}: {path} has none of that name (it has {known})")
    data = data or _reported_data(reports)
    differences, gold = {}, ""
    notes: dict[str, None] = {}
    for path in paths[1:]:
        comparison = compare(paths[0], path, [metric], data)
        differences[str(path)] = comparison.metrics[metric]
        gold = comparison.data_sha256
        if comparison.note:
            notes[comparison.note] = None
    _check_same_gold(paths, reports, gold)
    for note in notes:
        say(note)
    differences = holm(differences)
    curve_points = []
    for path, report in zip(paths, reports, strict=True):
        run, step, estimate = str(path), _step(path), report.metrics[metric]
        point = CurvePoint(run, step, report.model, report.scored, report.coverage, estimate)
        curve_points.append(msgspec.structs.replace(point, against_first=differences.get(run)))
    return Curve(task, metric, curve_points)


def curve_sentence(curve: Curve) -> str:
    """Return which run is the best, and whether the curve shows more than chance."""
    # of equals the earliest, which took the least training
    best = max(curve.points, key=lambda point: point.estimate.value)
    difference = best.against_first
    run = f"{best.run} ({curve.metric} {percent(best.estimate.value)})"
    if difference is None:
        return f"No run is above the first, {run}."
    if difference.is_shown:
        return f"The best is {run}, {points(difference.difference)} points against the first."
    p = p_value(difference.p_holm)
    return f"The highest is {run}; a difference from the first was not shown (p = {p})."


def _reported_data(reports: Sequence[EvalReport]) -> Path | None:
    """Return the file by whose gold all reports were scored, where it is still there: `grade` may
    have taken another than the run's own."""
    gold = {report.data_sha256 for report in reports}
    for file in {Path(report.data) for report in reports}:
        if len(gold) == 1 and file.exists() and data_sha256(file) in gold:
            return file
    return None


def _check_same_gold(paths: Sequence[Path], reports: Sequence[EvalReport], gold: str) -> None:
    """Raise UsageError for reports that were not scored by one gold, or by another than `gold`,
    that of the differences."""
    first = reports[0].data_sha256
    fix = "swiftkit grade RUN --data FILE, for each of them"
    for path, report in zip(paths, reports, strict=True):
        if report.data_sha256 and first and report.data_sha256 != first:
            raise UsageError(f"{paths[0]} and {path} were scored by different data ({fix})")
    if first and first != gold:
        reason = f"the reports were scored by other data than the differences, {reports[0].data}"
        raise UsageError(f"{reason} ({fix})")


def _step(path: Path) -> int | None:
    match = _STEP.search(path.name)
    return int(match[1]) if match else None
