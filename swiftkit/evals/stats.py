"""Estimate metrics with their standard errors and 95 % intervals, in plain Python.

Each metric is a ratio, right / total, summed over *clusters* (chains, or samples asked several
times): the calls of one chain succeed and fail together, so they are not independent.

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

Closed forms, tested against scipy, whose import costs more than asking and scoring 2,000 samples.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


class Tally(NamedTuple):
    """One unit's part in a metric: `right` of `total`; a cluster's members succeed together."""

    cluster: str
    right: float
    total: float


class Mean(NamedTuple):
    """A weighted mean of ratios, (weight, tallies) each."""

    parts: Sequence[tuple[float, Sequence[Tally]]]


MetricTallies = Mapping[str, Sequence[Tally] | Mean]  # by the metric's name


class Estimate(msgspec.Struct, frozen=True):
    """A metric as report.json holds it. `ci95` is [low, high]."""

    value: float
    stderr: float
    ci95: tuple[float, float]


class Measure(NamedTuple):
    """A metric and what it is the ratio of; `total` is 0 for a mean of several ratios."""

    estimate: Estimate
    right: float
    total: float


class Bounds(NamedTuple):
    """A metric if all missing answers were wrong, and if all were right."""

    worst: Measure
    best: Measure


def summarize(metrics: MetricTallies) -> dict[str, Estimate]:
    """Return the estimates of the metrics that counted anything."""
    estimates = {}
    for name, tallies in metrics.items():
        metric = mean_estimate(tallies) if isinstance(tallies, Mean) else estimate(tallies)
        if metric is not None:
            estimates[name] = metric
    return estimates


def measures_of(metrics: MetricTallies) -> dict[str, Measure]:
    """Return the metrics that counted anything."""
    measures = {}
    for name, estimate in summarize(metrics).items():
        tallies = metrics[name]
        right = total = 0.0
        if not isinstance(tallies, Mean):
            right = sum(tally.right for tally in tallies)
            total = sum(tally.total for tally in tallies)
        measures[name] = Measure(estimate, right, total)
    return measures


def estimate(tallies: Sequence[Tally]) -> Estimate | None:
    """Return the ratio of the sums with its interval; None where nothing was counted."""
    total = sum(tally.total for tally in tallies)
    if not total:
        return None
    value = sum(tally.right for tally in tallies) / total
    clusters = list(sums_by_cluster(tallies).values())
    if all(count == 1 and right in (0, 1) for right, count in clusters):
        size = float(total)
        return Estimate(value, math.sqrt(value * (1 - value) / size), wilson(value, size))
    variance = 0.0
    if len(clusters) > 1:
        squares = sum((right - value * count) ** 2 for right, count in clusters)
        variance = squares * len(clusters) / (len(clusters) - 1) / (total * total)
    if variance <= 0:  # one cluster, or all at 0 % or 100 %
        size = float(len(clusters))
    else:
        # The effective sample size: so many independent units carry the same information. That is
        # at most the number of units that are right or wrong; shares vary less than these.
        size = value * (1 - value) / variance
        if all(right == int(right) for right, _ in clusters):
            size = min(total, size)
    interval = wilson(value, size, student_quantile(len(clusters) - 1))
    return Estimate(value, math.sqrt(variance), interval)


def mean_estimate(mean: Mean) -> Estimate | None:
    """Return the weighted mean of independent ratios; None without parts that all counted."""
    parts = []
    for weight, tallies in mean.parts:
        part = estimate(tallies)
        if part is None:
            return None
        parts.append((weight, part))
    if not parts:
        return None
    scale = math.fsum(weight for weight, _ in parts)
    shares = [(weight / scale, part) for weight, part in parts]
    value = math.fsum(share * part.value for share, part in shares)
    below = math.hypot(*(share * (part.value - part.ci95[0]) for share, part in shares))
    above = math.hypot(*(share * (part.ci95[1] - part.value) for share, part in shares))
    stderr = math.hypot(*(share * part.stderr for share, part in shares))
    return Estimate(value, stderr, (max(0.0, value - below), min(1.0, value + above)))


def passes(tallies: Sequence[Tally], trials: int) -> dict[str, list[Tally]]:
    """Return pass^k and pass@k of tallies of 1 or 0, one a trial of its cluster; {} for one trial.

    k is each number up to 4, then the powers of two, and the number of trials. A cluster with fewer
    than k trials, some of which had errors, does not count for k.
    """
    metrics: dict[str, list[Tally]] = {}
    if trials < 2:
        return metrics
    clusters = sums_by_cluster(tallies)
    sizes = {k for k in (1, 2, 3, 4, 8, 16, 32, 64, 128) if k < trials}
    for k in sorted(sizes | {trials}):
        all_right, one_right = [], []
        for name, (right, total) in clusters.items():
            if total >= k:
                all_right.append(Tally(name, pass_hat(round(total), round(right), k), 1.0))
                one_right.append(Tally(name, pass_at(round(total), round(right), k), 1.0))
        metrics[f"pass^{k}"] = all_right
        metrics[f"pass@{k}"] = one_right
    return metrics


def pass_hat(trials: int, right: int, k: int) -> float:
    """Return the chance that k of these trials, drawn without replacement, are all right."""
    return math.comb(right, k) / math.comb(trials, k)


def pass_at(trials: int, right: int, k: int) -> float:
    """Return the chance that at least one of k of these trials is right."""
    return 1 - math.comb(trials - right, k) / math.comb(trials, k)


def wilson(share: float, size: float, quantile: float = Z95) -> tuple[float, float]:
    """Return Wilson's score interval of a share of `size` units, which may be fractional."""
    squared = quantile * quantile
    scale = 1 + squared / size
    middle = (share + squared / (2 * size)) / scale
    spread = math.sqrt(share * (1 - share) / size + squared / (4 * size * size))
    half = quantile / scale * spread
    low = 0.0 if share == 0 else max(0.0, middle - half)
    high = 1.0 if share == 1 else min(1.0, middle + half)
    return low, high


def sums_by_cluster(tallies: Sequence[Tally]) -> dict[str, tuple[float, float]]:
    """Return right and total of each cluster."""
    sums: dict[str, tuple[float, float]] = {}
    for cluster, right, total in tallies:
        right_before, total_before = sums.get(cluster, (0.0, 0.0))
        sums[cluster] = right_before + right, total_before + total
    return sums


def student_quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t (Abramowitz and Stegun 26.7.5)."""
    if freedom < 1:
        return 12.706  # the quantile at one degree of freedom, the widest there is
    z = Z95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
