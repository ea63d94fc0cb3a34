"""Is B better than A on the same samples? Paired tests of a metric, its difference with an
interval, Holm's correction.

* One tally of total 1 and right 0 or 1 a cluster on both sides: McNemar's exact test; the interval
  is Agresti and Min's (2005), who add half a win and half a loss.
* Otherwise: clusters (chains, or the trials of a sample) are swapped between A and B at random,
  which is all that chance could do if they were equal; the interval is a paired bootstrap over
  clusters. Both draw with a fixed seed. Beyond _MANY clusters both follow the normal distribution
  closely, and the linearised variance is used.

`smallest` is the difference that so many samples, with this much disagreement, show in four of five
cases; a test of single samples needs six that differ, all in one direction, to show anything.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from swiftkit.evals.stats import Tally, sums_by_cluster

LEVEL = 0.05
_DRAWS, _MANY, _SEED = 4000, 2000, 20261121
_Z95, _Z80 = 1.959963984540054, 0.8416212335729143
_FEWEST = 6  # differing samples with which McNemar's exact test can fall below 0.05


class Difference(msgspec.Struct, frozen=True):
    """One metric of both runs. `difference` is b - a, with its 95 % interval; `p_holm` is corrected
    for all metrics."""

    a: float
    b: float
    difference: float
    ci95: tuple[float, float]
    p: float
    smallest: float
    clusters: int
    test: str
    p_holm: float = 1.0

    @property
    def shown(self) -> bool:
        return self.p_holm <= LEVEL


def difference(a: Sequence[Tally], b: Sequence[Tally]) -> Difference | None:
    """The metric's difference on the clusters of both; None where one side counted nothing."""
    left, right = sums_by_cluster(a), sums_by_cluster(b)
    names = sorted(left.keys() | right.keys())
    pairs = [(*left.get(name, (0.0, 0.0)), *right.get(name, (0.0, 0.0))) for name in names]
    total_a, total_b = sum(pair[1] for pair in pairs), sum(pair[3] for pair in pairs)
    if not total_a or not total_b:
        return None
    value_a, value_b = (
        sum(pair[0] for pair in pairs) / total_a,
        sum(pair[2] for pair in pairs) / total_b,
    )
    if all(pair[1] == pair[3] == 1 and {pair[0], pair[2]} <= {0, 1} for pair in pairs):
        interval, p, smallest, test = _mcnemar(pairs)
    else:
        interval, p, smallest, test = _swapped(pairs, value_a, value_b)
    return Difference(value_a, value_b, value_b - value_a, interval, p, smallest, len(pairs), test)


def holm(found: Mapping[str, Difference]) -> dict[str, Difference]:
    """With p_holm (Holm 1979): over all these metrics, chance alone shows a difference in 5 % of
    cases at most."""
    highest = 0.0
    corrected: dict[str, Difference] = {}
    for rank, (name, each) in enumerate(sorted(found.items(), key=lambda entry: entry[1].p)):
        highest = max(highest, min(1.0, each.p * (len(found) - rank)))
        corrected[name] = msgspec.structs.replace(each, p_holm=highest)
    return {name: corrected[name] for name in found}


Pairs = Sequence[tuple[float, float, float, float]]  # right and total of A, right and total of B
_Found = tuple[tuple[float, float], float, float, str]


def _mcnemar(pairs: Pairs) -> _Found:
    from scipy.stats import binomtest

    size = len(pairs)
    wins, losses = (
        sum(pair[2] > pair[0] for pair in pairs),
        sum(pair[2] < pair[0] for pair in pairs),
    )
    p = float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    middle = (wins - losses) / (size + 2)
    width = (
        _Z95
        * math.sqrt(max(0.0, wins + losses + 1 - (wins - losses) ** 2 / (size + 2)))
        / (size + 2)
    )
    smallest = max((_Z95 + _Z80) * math.sqrt(wins + losses) / size, _FEWEST / size)
    return (
        (max(-1.0, middle - width), min(1.0, middle + width)),
        p,
        min(1.0, smallest),
        "McNemar's exact test",
    )


def _swapped(pairs: Pairs, value_a: float, value_b: float) -> _Found:
    import numpy as np
    from scipy.stats import norm

    table = np.array(pairs, float)
    right_a, total_a, right_b, total_b = table.T
    found, size = value_b - value_a, len(pairs)
    moves = (right_b - value_b * total_b) / total_b.sum() - (
        right_a - value_a * total_a
    ) / total_a.sum()
    error = float(np.sqrt((moves**2).sum() * size / max(1, size - 1)))
    smallest = min(1.0, max((_Z95 + _Z80) * error, 1 / float(max(total_a.sum(), total_b.sum()))))
    if size > _MANY:
        p = float(2 * norm.sf(abs(found) / error)) if error else 1.0
        return (
            (found - _Z95 * error, found + _Z95 * error),
            p,
            smallest,
            "normal test over clusters",
        )
    random = np.random.default_rng(_SEED)
    swaps = random.integers(0, 2, (_DRAWS, size)).astype(float)
    drawn = _ratios(swaps, table, table[:, [2, 3, 0, 1]])
    p = (1 + int((np.abs(drawn) >= abs(found) - 1e-12).sum())) / (_DRAWS + 1)
    weights = random.multinomial(size, np.full(size, 1 / size), _DRAWS).astype(float)
    low, high = np.percentile(_ratios(weights, table, np.zeros_like(table)), [2.5, 97.5])
    return (
        (float(min(low, found)), float(max(high, found))),
        p,
        smallest,
        "permutation test over clusters",
    )


def _ratios(weights: Any, chosen: Any, other: Any) -> Any:
    """The difference of ratios for each row of weights: so much of each cluster of `chosen`, the
    rest of `other`."""
    import numpy as np

    right_a, total_a, right_b, total_b = (weights @ (chosen - other) + other.sum(axis=0)).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(right_b / total_b - right_a / total_a)
