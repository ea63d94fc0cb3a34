"""Compare two runs on the same samples: paired tests, intervals, Holm's correction.

* One tally of total 1 and right 0 or 1 a cluster on both sides: McNemar's exact test; the interval
  is Agresti and Min's (2005), who add half a win and half a loss.
* Otherwise: clusters (chains, or the trials of a sample) are swapped between A and B at random,
  which is all that chance could do if they were equal; the interval is a paired bootstrap over
  clusters. Both draw with a fixed seed. Beyond 500 clusters both follow the normal distribution
  closely, and the linearised variance is used.

`smallest` is the difference that so many samples, with this much disagreement, show in four of five
cases; a test of single samples needs six that differ, all in one direction, to show anything.
"""

import math
import random
from collections.abc import Mapping, Sequence

import msgspec

from swiftkit.evals.stats import Z95, Tally, sums_by_cluster

LEVEL = 0.05
_DRAWS, _SEED = 2000, 20261121
_MANY = 500  # clusters; more would take seconds to draw
_Z80 = 0.8416212335729143  # quantile of the normal distribution
_FEWEST = 6  # differing samples with which McNemar's exact test can fall below 0.05

Pairs = Sequence[tuple[float, float, float, float]]  # of a cluster: A's right, total; B's
PairedTest = tuple[tuple[float, float], float, float, str]  # ci95, p, smallest, name of the test


class Difference(msgspec.Struct, frozen=True):
    """One metric of both runs. `difference` is b - a; `p_holm` is corrected for all metrics."""

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
    def is_shown(self) -> bool:
        return self.p_holm <= LEVEL


def difference(a: Sequence[Tally], b: Sequence[Tally]) -> Difference | None:
    """Return the difference on the clusters of both; None where one side counted nothing."""
    total_a, total_b = sum(tally.total for tally in a), sum(tally.total for tally in b)
    if not total_a or not total_b:
        return None
    value_a = sum(tally.right for tally in a) / total_a
    value_b = sum(tally.right for tally in b) / total_b
    sums_a, sums_b = sums_by_cluster(a), sums_by_cluster(b)
    pairs = []
    for cluster in sorted(sums_a.keys() | sums_b.keys()):
        pairs.append((*sums_a.get(cluster, (0.0, 0.0)), *sums_b.get(cluster, (0.0, 0.0))))
    is_proportion = all(
        total_a == total_b == 1 and right_a in (0, 1) and right_b in (0, 1)
        for right_a, total_a, right_b, total_b in pairs
    )
    if is_proportion:
        ci95, p, smallest, test = _mcnemar(pairs)
    else:
        ci95, p, smallest, test = _permutation_test(pairs, value_a, value_b)
    size, smallest = len(pairs), min(1.0, smallest)
    return Difference(value_a, value_b, value_b - value_a, ci95, p, smallest, size, test)


def holm(differences: Mapping[str, Difference]) -> dict[str, Difference]:
    """Return the differences with p_holm (Holm 1979): chance shows any of them in 5 % of cases."""
    corrected = dict(differences)
    highest = 0.0
    for rank, name in enumerate(sorted(differences, key=lambda name: differences[name].p)):
        p = differences[name].p * (len(differences) - rank)
        highest = max(highest, min(1.0, p))
        corrected[name] = msgspec.structs.replace(differences[name], p_holm=highest)
    return corrected


def _mcnemar(pairs: Pairs) -> PairedTest:
    size = len(pairs)
    wins = sum(right_b > right_a for right_a, _, right_b, _ in pairs)
    losses = sum(right_b < right_a for right_a, _, right_b, _ in pairs)
    differing = wins + losses
    # Agresti and Min: half a win and half a loss are added to each
    middle = (wins - losses) / (size + 2)
    variance = max(0.0, differing + 1 - (wins - losses) ** 2 / (size + 2))
    half = Z95 * math.sqrt(variance) / (size + 2)
    smallest = max((Z95 + _Z80) * math.sqrt(differing) / size, _FEWEST / size)
    interval = max(-1.0, middle - half), min(1.0, middle + half)
    return interval, sign_test(wins, losses), smallest, "McNemar's exact test"


def sign_test(wins: int, losses: int) -> float:
    """Return the chance that a fair coin falls as unevenly as this, in either direction."""
    size = wins + losses
    binomial = tail = 1  # of `size` over 0
    for k in range(min(wins, losses)):
        binomial = binomial * (size - k) // (k + 1)  # `size` over k + 1
        tail += binomial
    return min(1.0, 2 * tail / (1 << size))


def _permutation_test(pairs: Pairs, value_a: float, value_b: float) -> PairedTest:
    measured, size = value_b - value_a, len(pairs)
    sum_a = sum(total_a for _, total_a, _, _ in pairs)
    sum_b = sum(total_b for _, _, _, total_b in pairs)
    squares = 0.0  # of each cluster's part in the difference, to first order
    for right_a, total_a, right_b, total_b in pairs:
        part_a = (right_a - value_a * total_a) / sum_a
        part_b = (right_b - value_b * total_b) / sum_b
        squares += (part_b - part_a) ** 2
    stderr = math.sqrt(squares * size / max(1, size - 1))
    smallest = max((Z95 + _Z80) * stderr, 1 / max(sum_a, sum_b))
    if size > _MANY:
        p = math.erfc(abs(measured) / stderr / math.sqrt(2)) if stderr else 1.0
        interval = measured - Z95 * stderr, measured + Z95 * stderr
        return interval, p, smallest, "normal test over clusters"
    luck = random.Random(_SEED)  # noqa: S311 - not a secret
    swapped = [_swapped_difference(pairs, luck) for _ in range(_DRAWS)]
    as_large = sum(abs(each) >= abs(measured) - 1e-12 for each in swapped)
    p = (1 + as_large) / (_DRAWS + 1)
    drawn = sorted(_ratio_difference(luck.choices(pairs, k=size)) for _ in range(_DRAWS))
    tail = round(0.025 * _DRAWS)
    interval = min(drawn[tail], measured), max(drawn[-1 - tail], measured)
    return interval, p, smallest, "permutation test over clusters"


def _swapped_difference(pairs: Pairs, luck: random.Random) -> float:
    """Return the difference where chance has decided, for each cluster, which run it belongs to."""
    swaps = luck.getrandbits(len(pairs))
    mixed = []
    for number, pair in enumerate(pairs):
        mixed.append(pair[2:] + pair[:2] if swaps >> number & 1 else pair)
    return _ratio_difference(mixed)


def _ratio_difference(pairs: Pairs) -> float:
    """Return B's ratio of sums less A's; 0 where one side counted nothing."""
    right_a, total_a, right_b, total_b = map(sum, zip(*pairs, strict=True))
    if not total_a or not total_b:
        return 0.0
    return right_b / total_b - right_a / total_a
