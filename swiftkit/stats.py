"""How sure a number is: an estimate with its standard error and its 95 % interval, in plain Python.

Each metric is a ratio, right / total, summed over *clusters* (chains, or samples asked several times): the calls of
one chain succeed and fail together, so that counting them as independent would make the interval too narrow.

* One tally of total 1 a cluster: a proportion. Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001
  recommend it for small samples).
* Otherwise: the ratio estimator's linearised variance over clusters (Cochran 1977, ch. 6), turned into an effective
  sample size for Wilson's interval (Korn and Graubard 1998). It stays inside [0, 1] and keeps a width at 0 % and 100 %,
  where a bootstrap gives none.

Closed forms on purpose: importing scipy costs more CPU than asking and scoring 2,000 samples. The tests compare them
with scipy and measure the coverage.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


class Tally(NamedTuple):
    """What one unit adds to a metric: `right` of `total`, in the cluster whose members succeed together."""

    cluster: str
    right: float
    total: float


class Estimate(msgspec.Struct, frozen=True):
    """A metric as report.json holds it. `ci95` is [low, high]."""

    value: float
    stderr: float
    ci95: tuple[float, float]


def estimate(tallies: Sequence[Tally]) -> Estimate | None:
    """The ratio of the sums with its interval; None where nothing was counted."""
    total = sum(tally.total for tally in tallies)
    if not total:
        return None
    value = sum(tally.right for tally in tallies) / total
    clusters = _sums_by_cluster(tallies)
    if all(count == 1 and right in (0, 1) for right, count in clusters):
        size = float(total)
        return Estimate(value, math.sqrt(value * (1 - value) / size), wilson(value, size))
    variance = _cluster_variance(clusters, value, total)
    size = _effective_size(value, variance, total, len(clusters))
    return Estimate(value, math.sqrt(variance), wilson(value, size, _student(len(clusters) - 1)))


def wilson(share: float, size: float, quantile: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share in [0, 1] seen in `size` units (which may be fractional)."""
    squared = quantile * quantile
    middle = (share + squared / (2 * size)) / (1 + squared / size)
    half = quantile / (1 + squared / size) * math.sqrt(share * (1 - share) / size + squared / (4 * size * size))
    return (0.0 if share == 0 else max(0.0, middle - half), 1.0 if share == 1 else min(1.0, middle + half))


def _sums_by_cluster(tallies: Sequence[Tally]) -> list[tuple[float, float]]:
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for cluster, right, total in tallies:
        entry = sums[cluster]
        entry[0] += right
        entry[1] += total
    return [(right, total) for right, total in sums.values()]


def _cluster_variance(clusters: Sequence[tuple[float, float]], value: float, total: float) -> float:
    if len(clusters) < 2:
        return 0.0
    squares = sum((right - value * count) ** 2 for right, count in clusters)
    return squares * len(clusters) / (len(clusters) - 1) / (total * total)


def _effective_size(value: float, variance: float, total: float, clusters: int) -> float:
    """How many independent units carry the same information; at 0 % and 100 %, and for one cluster, the clusters."""
    if variance <= 0:
        return float(clusters)
    return min(total, value * (1 - value) / variance)


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t (Cornish-Fisher expansion, Abramowitz and Stegun 26.7.5)."""
    if freedom < 1:
        return 12.706  # the quantile at one degree of freedom, the widest there is
    z = Z95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
