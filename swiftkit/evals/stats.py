"""How sure a number is: an estimate with its standard error and its 95 % interval, in plain Python.

Each metric is a ratio, right / total, summed over *clusters* (chains, or samples asked several
times): the calls of one chain succeed and fail together, so that counting them as independent would
make the interval too narrow.

* One tally of total 1 a cluster: a proportion. Wilson's score interval (Wilson 1927; Brown, Cai and
  DasGupta 2001 recommend it for small samples).
* Otherwise: the ratio estimator's linearised variance over clusters (Cochran 1977, ch. 6), turned
  into an effective sample size for Wilson's interval (Korn and Graubard 1998). It stays inside [0,
  1] and keeps a width at 0 % and 100 %, where a bootstrap gives none.
* A weighted mean of several ratios (BFCL's overall scores): the variances add up; each bound is the
  root of the sum of the squared distances to the parts' own bounds (MOVER, Zou and Donner 2008),
  which keeps them in [0, 1] too.

pass^k, the chance that k trials of a task all succeed (Yao et al. 2024, tau-bench), and pass@k, the
chance that one of them does (Chen et al. 2021), are means over tasks of the unbiased estimates C(c,
k) / C(n, k) and 1 - C(n - c, k) / C(n, k), for c successes in n trials: a task is a cluster.

Closed forms on purpose: importing scipy costs more CPU than asking and scoring 2,000 samples. The
tests compare them with scipy and measure the coverage.
"""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


class Tally(NamedTuple):
    """What one unit adds to a metric: `right` of `total`, in the cluster whose members succeed
    together."""

    cluster: str
    right: float
    total: float


class Tallies(Sequence[Tally]):
    """A list of tallies in a quarter of its memory."""

    def __init__(self, tallies: Iterable[Tally] = ()) -> None:
        self._clusters: list[str] = []
        self._right, self._total = array("d"), array("d")
        self.extend(tallies)

    def append(self, tally: Tally) -> None:
        self._clusters.append(tally.cluster)
        self._right.append(tally.right)
        self._total.append(tally.total)

    def extend(self, tallies: Iterable[Tally]) -> None:
        for tally in tallies:
            self.append(tally)

    def __len__(self) -> int:
        return len(self._clusters)

    def __getitem__(self, index: Any) -> Any:
        return Tally(self._clusters[index], self._right[index], self._total[index])

    def __iter__(self) -> Iterator[Tally]:
        return map(Tally, self._clusters, self._right, self._total)


class Mean(NamedTuple):
    """A weighted mean of ratios, (weight, tallies) each; nothing was counted for it where a part
    counted nothing."""

    parts: Sequence[tuple[float, Sequence[Tally]]]


Counted = Mapping[str, Sequence[Tally] | Mean]  # what each metric is made of


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
    clusters = list(sums_by_cluster(tallies).values())
    if all(count == 1 and right in (0, 1) for right, count in clusters):
        size = float(total)
        return Estimate(value, math.sqrt(value * (1 - value) / size), wilson(value, size))
    variance = _cluster_variance(clusters, value, total)
    # shares vary less than units that are right or wrong
    counts = all(right == int(right) for right, _ in clusters)
    size = _effective_size(value, variance, total if counts else math.inf, len(clusters))
    return Estimate(value, math.sqrt(variance), wilson(value, size, _student(len(clusters) - 1)))


def mean_estimate(mean: Mean) -> Estimate | None:
    """The weighted mean of independent ratios; None where a part has nothing counted, or there is
    no part."""
    found = [(weight, estimate(tallies)) for weight, tallies in mean.parts]
    known = [(weight, part) for weight, part in found if part is not None]
    if not known or len(known) < len(found):
        return None
    scale = math.fsum(weight for weight, _ in known)
    shares = [(weight / scale, part) for weight, part in known]
    value = math.fsum(weight * part.value for weight, part in shares)
    below = math.hypot(*(weight * (part.value - part.ci95[0]) for weight, part in shares))
    above = math.hypot(*(weight * (part.ci95[1] - part.value) for weight, part in shares))
    stderr = math.hypot(*(weight * part.stderr for weight, part in shares))
    return Estimate(value, stderr, (max(0.0, value - below), min(1.0, value + above)))


def passes(tallies: Sequence[Tally], trials: int) -> dict[str, Tallies]:
    """pass^k and pass@k of tallies that are 1 or 0, one a trial of their cluster; none for a single
    trial.

    A cluster with fewer than k trials, some of which had errors, does not count for k.
    """
    found: dict[str, Tallies] = {}
    if trials < 2:
        return found
    clusters = sums_by_cluster(tallies)
    for k in _sizes(trials):
        whole = [
            (name, round(right), round(count))
            for name, (right, count) in clusters.items()
            if count >= k
        ]
        found[f"pass^{k}"] = Tallies(
            Tally(name, pass_hat(count, right, k), 1.0) for name, right, count in whole
        )
        found[f"pass@{k}"] = Tallies(
            Tally(name, pass_at(count, right, k), 1.0) for name, right, count in whole
        )
    return found


def pass_hat(trials: int, right: int, k: int) -> float:
    """The chance that k of these trials, drawn without replacement, are all right."""
    return math.comb(right, k) / math.comb(trials, k)


def pass_at(trials: int, right: int, k: int) -> float:
    """The chance that one at least of k of these trials is right."""
    return 1 - math.comb(trials - right, k) / math.comb(trials, k)


def _sizes(trials: int) -> list[int]:
    """Each k up to 4, then the powers of two, and all."""
    return sorted({k for k in (1, 2, 3, 4, 8, 16, 32, 64, 128) if k < trials} | {trials})


def wilson(share: float, size: float, quantile: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share in [0, 1] seen in `size` units (which may be
    fractional)."""
    squared = quantile * quantile
    middle = (share + squared / (2 * size)) / (1 + squared / size)
    half = (
        quantile
        / (1 + squared / size)
        * math.sqrt(share * (1 - share) / size + squared / (4 * size * size))
    )
    return (
        0.0 if share == 0 else max(0.0, middle - half),
        1.0 if share == 1 else min(1.0, middle + half),
    )


def sums_by_cluster(tallies: Sequence[Tally]) -> dict[str, tuple[float, float]]:
    """right and total of each cluster."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for cluster, right, total in tallies:
        entry = sums[cluster]
        entry[0] += right
        entry[1] += total
    return {cluster: (right, total) for cluster, (right, total) in sums.items()}


def _cluster_variance(clusters: Sequence[tuple[float, float]], value: float, total: float) -> float:
    if len(clusters) < 2:
        return 0.0
    squares = sum((right - value * count) ** 2 for right, count in clusters)
    return squares * len(clusters) / (len(clusters) - 1) / (total * total)


def _effective_size(value: float, variance: float, most: float, clusters: int) -> float:
    """How many independent units carry the same information; at 0 % and 100 %, and for one cluster,
    the clusters."""
    if variance <= 0:
        return float(clusters)
    return min(most, value * (1 - value) / variance)


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t (Cornish-Fisher expansion, Abramowitz and Stegun
    26.7.5)."""
    if freedom < 1:
        return 12.706  # the quantile at one degree of freedom, the widest there is
    z = Z95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
