"""A comparison of two runs as text for the terminal."""

from collections.abc import Sequence

from swiftkit.evals.compare import ChangedSample, Comparison
from swiftkit.evals.percent import p_value, percent, points
from swiftkit.terminal import print_lines, print_table, shorten

_MOST_SHOWN = 10
_COLUMNS = ("metric", "A", "B", "B - A", "95 % interval", "p\n(Holm)", "could\nshow")


def print_comparison(comparison: Comparison) -> None:
    """Print the table of metrics, wins and losses, and the verdict on stdout."""
    lines = [f"A {comparison.a}", f"B {comparison.b}"]
    for name, (setting_a, setting_b) in comparison.differs.items():
        lines.append(shorten(f"differ in {name}: {setting_a!r}, {setting_b!r}", 200))
    if comparison.note:
        lines.append(comparison.note)
    alone = f"scored in A alone {comparison.only_a}, in B alone {comparison.only_b}"
    lines.append(f"{comparison.paired} pairs of {comparison.samples} samples; {alone}")
    print_lines(lines)
    rows = []
    for name, metric in comparison.metrics.items():
        low, high = metric.ci95
        interval = f"{points(low)} to {points(high)}"
        values = percent(metric.a), percent(metric.b), points(metric.difference), interval
        rows.append((name, *values, p_value(metric.p_holm), f"{100 * metric.smallest:.1f}"))
    print_table(_COLUMNS, rows, right=range(1, len(_COLUMNS)))
    print_lines(_sample_lines("won", comparison.wins))
    print_lines(_sample_lines("lost", comparison.losses))
    print_lines([comparison.sentence])


def _sample_lines(verb: str, samples: Sequence[ChangedSample]) -> list[str]:
    shown = samples[:_MOST_SHOWN]
    lines = [f"{verb} by B: {len(samples)}{', the first are' if len(samples) > len(shown) else ''}"]
    for sample in shown:
        lines.append(f"  {sample.id} ({sample.where}): {shorten(sample.reason, 200)}")
    return lines
