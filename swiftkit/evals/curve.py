"""Several runs of one task on the same data, as one curve: checkpoints of a training, in the order
of their steps.

Each point is a run's metric with its interval; each but the first is compared with the first,
paired on the samples that both have, and p is corrected (Holm) for the number of comparisons. A
step is the number at the end of the run folder's name, as in checkpoint-200; runs without one stand
in the order given.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from swiftkit.errors import UsageError
from swiftkit.evals.compare import compare
from swiftkit.evals.paired import Difference, holm
from swiftkit.evals.report.report import Report
from swiftkit.evals.stats import Estimate
from swiftkit.evals.task import load_task
from swiftkit.files.jsonl import decode_line, write_atomically

_STEP = re.compile(r"(\d+)$")
_WIDTH = 30  # characters of a bar


class Point(msgspec.Struct, frozen=True):
    """`against_first` is None for the first."""

    run: str
    step: int | None
    model: str | None
    scored: int
    coverage: float
    found: Estimate
    against_first: Difference | None = None


class Curve(msgspec.Struct, frozen=True):
    task: str
    metric: str
    points: list[Point]

    @property
    def best(self) -> Point:
        """Of equals the earliest, which took the least training."""
        return max(self.points, key=lambda point: point.found.value)


def curve(paths: Sequence[Path], metric: str | None = None, data: Path | None = None) -> Curve:
    """The curve of at least two finished runs. Raises UsageError where they have no common ground,
    or no report."""
    if len(paths) < 2:
        raise UsageError(
            "a curve needs two runs at least (give the folders that `swiftkit eval` wrote)"
        )
    reports = {path: _report(path) for path in sorted(paths, key=_order)}
    task = next(iter(reports.values())).task
    metric = metric or load_task(task).headline
    points = [_point(path, report, metric) for path, report in reports.items()]
    first, *others = reports
    found = {str(path): compare(first, path, [metric], data).metrics[metric] for path in others}
    compared = holm(found)
    placed = [
        msgspec.structs.replace(point, against_first=compared.get(point.run)) for point in points
    ]
    return Curve(task, metric, placed)


def _order(path: Path) -> int:
    match = _STEP.search(path.name)
    return int(match[1]) if match else 0


def _report(path: Path) -> Report:
    file = path / "report.json"
    if not file.is_file():
        raise UsageError(
            f"{path} has no report.json (evaluate it first, or finish it: the same command resumes)"
        )
    return decode_line(file.read_bytes(), str(file), msgspec.json.Decoder(Report).decode)


def _point(path: Path, report: Report, metric: str) -> Point:
    if metric not in report.metrics:
        raise UsageError(
            f"--metric {metric}: {path} has none of that name (it has {', '.join(report.metrics)})"
        )
    match = _STEP.search(path.name)
    step = int(match[1]) if match else None
    return Point(
        str(path), step, report.model, report.scored, report.coverage, report.metrics[metric]
    )


def print_curve(found: Curve) -> None:
    """A row and a bar for each run, and the best, on stdout."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from swiftkit.terminal import printable

    table = Table(
        "run",
        found.metric,
        "95 % interval",
        "",
        "against the first",
        "p (Holm)",
        title_justify="left",
    )
    for point in found.points:
        cells = [
            printable(point.run),
            *_numbers(point.found),
            "█" * round(_WIDTH * point.found.value),
        ]
        other = point.against_first
        cells += (
            ["", ""] if other is None else [f"{100 * other.difference:+.1f}", f"{other.p_holm:.3f}"]
        )
        table.add_row(*map(Text, cells))
    console = Console(highlight=False)
    console.print(table)
    console.print(Text(printable(sentence(found))), soft_wrap=True)


def _numbers(found: Estimate) -> tuple[str, str]:
    return f"{100 * found.value:.1f} %", " to ".join(f"{100 * bound:.1f}" for bound in found.ci95)


def sentence(found: Curve) -> str:
    """The best, and whether the curve shows more than chance."""
    best, other = found.best, found.best.against_first
    value = f"{found.metric} {100 * best.found.value:.1f} %"
    if other is None:
        return f"No run is above the first, {best.run} ({value})."
    if other.shown:
        return f"The best is {best.run} ({value}), {100 * other.difference:+.1f} points against the first."
    return f"The highest is {best.run} ({value}); a difference from the first was not shown (p = {other.p_holm:.3f})."


def draw(found: Curve, output: Path) -> None:
    """The curve with its intervals as a picture, in the format of the name's ending. Raises
    UsageError."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            f"-o {output}: matplotlib draws it, and is not installed (pip install matplotlib)"
        ) from error
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    places = _places(found.points)
    values = [100 * point.found.value for point in found.points]
    bounds = [
        [100 * abs(point.found.value - point.found.ci95[side]) for point in found.points]
        for side in (0, 1)
    ]
    axes.errorbar(places, values, yerr=bounds, marker="o", capsize=3)
    names = [str(place) if _have_steps(found.points) else Path(point.run).name
             for place, point in zip(places, found.points, strict=True)]  # fmt: skip
    axes.set_xticks(places, [name.replace("$", r"\$") for name in names])
    axes.set(
        xlabel="step" if _have_steps(found.points) else "run",
        ylabel=f"{found.metric}, %",
        ylim=(0, 100),
    )
    kinds = figure.canvas.get_supported_filetypes()
    if output.suffix.removeprefix(".") not in kinds:
        raise UsageError(
            f"-o {output}: no picture format of that name (there are {', '.join(sorted(kinds))})"
        )
    with write_atomically(output) as file:
        figure.savefig(file, format=output.suffix.removeprefix("."))


def _places(points: Sequence[Point]) -> list[int]:
    steps = [point.step for point in points if point.step is not None]
    return steps if _have_steps(points) else list(range(len(points)))


def _have_steps(points: Sequence[Point]) -> bool:
    steps = {point.step for point in points}
    return None not in steps and len(steps) == len(points)
