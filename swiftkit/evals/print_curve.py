"""A curve of runs for people: a table with bars in the terminal, or a picture in a file."""

from pathlib import Path

from swiftkit.errors import UsageError
from swiftkit.evals.curve import Curve, curve_sentence
from swiftkit.evals.percent import p_value, percent, points
from swiftkit.files.jsonl import write_atomically
from swiftkit.terminal import print_lines, print_table

_BAR_COLUMNS = 20


def print_curve(curve: Curve) -> None:
    """Print a row and a bar for each run, and which is the best, on stdout."""
    rows = []
    for point in curve.points:
        low, high = point.estimate.ci95
        interval = f"{100 * low:.1f} to {100 * high:.1f}"
        bar = "█" * round(_BAR_COLUMNS * point.estimate.value)
        difference, p = "", ""
        if point.against_first is not None:
            difference = points(point.against_first.difference)
            p = p_value(point.against_first.p_holm)
        rows.append((point.run, percent(point.estimate.value), interval, bar, difference, p))
    columns = ("run", curve.metric, "95 % interval", "", "against the first", "p (Holm)")
    print_table(columns, rows, right=(1, 2, 4, 5))
    print_lines([curve_sentence(curve)])


def draw_curve(curve: Curve, output: Path) -> None:
    """Draw the curve with its intervals, in the format of the name's ending. Raises UsageError."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        reason = "matplotlib draws it, and is not installed (pip install matplotlib)"
        raise UsageError(f"-o {output}: {reason}") from error
    figure = Figure(figsize=(7, 4), layout="constrained")
    picture_format = output.suffix.removeprefix(".")
    formats = figure.canvas.get_supported_filetypes()
    if picture_format not in formats:
        known = ", ".join(sorted(formats))
        raise UsageError(f"-o {output}: no picture format of that name (there are {known})")
    places, labels, values, below, above = [], [], [], [], []
    for number, point in enumerate(curve.points):
        value, (low, high) = point.estimate.value, point.estimate.ci95
        place, label = number, Path(point.run).name
        if curve.has_steps and point.step is not None:
            place, label = point.step, str(point.step)
        places.append(place)
        labels.append(label)
        values.append(100 * value)
        below.append(100 * abs(value - low))
        above.append(100 * abs(high - value))
    axes = figure.subplots()
    axes.errorbar(places, values, yerr=[below, above], marker="o", capsize=3)
    axes.set_xticks(places, [label.replace("$", r"\$") for label in labels])
    xlabel = "step" if curve.has_steps else "run"
    axes.set(xlabel=xlabel, ylabel=f"{curve.metric}, %", ylim=(0, 100))
    with write_atomically(output) as file:
        figure.savefig(file, format=picture_format)
