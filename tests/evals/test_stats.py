"""Intervals: equal to scipy's where scipy has them, and covering the truth as often as they say."""

import random
from itertools import combinations

import pytest
from scipy.stats import binomtest, norm, t

from swiftkit.evals.stats import (
    Z95,
    Mean,
    Tally,
    estimate,
    mean_estimate,
    pass_at,
    pass_hat,
    passes,
    student_quantile,
    wilson,
)


@pytest.mark.parametrize(("right", "size"), [(0, 5), (5, 5), (1, 3), (17, 40), (999, 1000)])
def test_wilson_equals_scipys(right: int, size: int) -> None:
    """The closed form equals scipy's Wilson interval, at the ends too."""
    theirs = binomtest(right, size).proportion_ci(method="wilson")
    assert wilson(right / size, size) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_quantiles_equal_scipys() -> None:
    """The normal quantile is exact, Student's within 1 % from 3 degrees of freedom on."""
    assert pytest.approx(norm.ppf(0.975)) == Z95
    for freedom in (3, 5, 10, 30, 300):
        assert student_quantile(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=0.01)


def test_estimate_of_independent_units_is_a_proportion() -> None:
    """One unit a cluster: the value, the binomial standard error, Wilson's interval."""
    found = estimate([Tally(str(number), float(number < 30), 1) for number in range(40)])
    assert found is not None
    assert (found.value, found.stderr) == pytest.approx((0.75, (0.75 * 0.25 / 40) ** 0.5))
    assert found.ci95 == wilson(0.75, 40)


def test_estimate_of_nothing_is_none() -> None:
    """An empty metric has no value, not 0."""
    assert estimate([]) is None


def test_estimate_trials_of_one_sample_are_no_new_samples() -> None:
    """Eight equal trials of ten samples are as sure as ten samples, not as eighty."""
    once = estimate([Tally(str(number), float(number < 5), 1) for number in range(10)])
    often = estimate(
        [Tally(str(number), float(number < 5), 1) for number in range(10) for _ in range(8)]
    )
    assert once is not None
    assert often is not None
    assert often.ci95[1] - often.ci95[0] >= once.ci95[1] - once.ci95[0]


@pytest.mark.parametrize("right", [0.0, 2.0])
def test_estimate_at_0_and_100_percent_keeps_a_width(right: float) -> None:
    """All right or all wrong in 12 chains is not certainty."""
    found = estimate([Tally(str(number), right, 2) for number in range(12)])
    assert found is not None
    low, high = found.ci95
    assert 0.1 < high - low < 0.5


@pytest.mark.parametrize(("share", "likeness"), [(0.5, 0.5), (0.85, 0.1), (0.85, 0.5)])
def test_estimate_of_clusters_covers_the_truth(share: float, likeness: float) -> None:
    """Chains of 1 to 4 calls that succeed together: 95 % intervals hold the truth in 93 to 97 % of
    1,000 runs."""
    luck = random.Random(7)  # noqa: S311 - not a secret
    shape = share * (1 - likeness) / likeness, (1 - share) * (1 - likeness) / likeness
    hits = 0
    for _ in range(1000):
        tallies = []
        for chain in range(60):
            ease, calls = luck.betavariate(*shape), luck.randint(1, 4)
            tallies.append(
                Tally(str(chain), sum(luck.random() < ease for _ in range(calls)), calls)
            )
        found = estimate(tallies)
        assert found is not None
        hits += found.ci95[0] <= share <= found.ci95[1]
    assert 930 <= hits <= 970


@pytest.mark.parametrize("share", [0.3, 0.8, 0.95])
def test_wilson_covers_the_truth(share: float) -> None:
    """Independent samples: 93 to 97 % of 4,000 intervals hold the truth, counted over sizes from 60
    to 140."""
    luck = random.Random(3)  # noqa: S311 - not a secret
    hits = 0
    for run in range(4000):
        size = 60 + run % 81
        low, high = wilson(sum(luck.random() < share for _ in range(size)) / size, size)
        hits += low <= share <= high
    assert 0.93 <= hits / 4000 <= 0.97


@pytest.mark.parametrize(("trials", "right"), [(4, 0), (4, 1), (4, 3), (4, 4), (6, 2), (7, 5)])
def test_pass_k_equals_counting_all_choices(trials: int, right: int) -> None:
    """pass^k and pass@k are the shares of the choices of k trials that are all right, and that have
    a right one."""
    outcomes = [True] * right + [False] * (trials - right)
    for k in range(1, trials + 1):
        chosen = list(combinations(outcomes, k))
        assert pass_hat(trials, right, k) == pytest.approx(sum(map(all, chosen)) / len(chosen))
        assert pass_at(trials, right, k) == pytest.approx(sum(map(any, chosen)) / len(chosen))


def test_passes_keep_the_trials_of_a_task_together() -> None:
    """A task's trials stay together, one that lacks trials leaves the larger k, a single trial has
    no pass^k."""
    tallies = [
        Tally("a", 1, 1),
        Tally("b", 1, 1),
        Tally("a", 0, 1),
        Tally("b", 1, 1),
        Tally("c", 0, 1),
    ]
    found = {
        name: [tally.right for tally in entries] for name, entries in passes(tallies, 2).items()
    }
    assert found == {
        "pass^1": [0.5, 1, 0],
        "pass@1": [0.5, 1, 0],
        "pass^2": [0, 1],
        "pass@2": [1, 1],
    }
    assert passes(tallies, 1) == {}
    assert list(passes([], 20))[::2] == [
        "pass^1",
        "pass^2",
        "pass^3",
        "pass^4",
        "pass^8",
        "pass^16",
        "pass^20",
    ]


@pytest.mark.parametrize("k", [1, 2, 4])
def test_estimate_of_pass_k_covers_the_truth(k: int) -> None:
    """60 tasks of their own difficulty, 4 trials each: pass^k's interval holds E[p^k] in 93 to 97 %
    of 600 runs."""
    luck = random.Random(11)  # noqa: S311 - not a secret
    a, b = 1.4, 1.2
    truth = 1.0
    for step in range(k):
        truth *= (a + step) / (a + b + step)
    hits = 0
    for _ in range(600):
        tallies = []
        for task in range(60):
            ease = luck.betavariate(a, b)
            tallies += [Tally(str(task), float(luck.random() < ease), 1) for _ in range(4)]
        found = estimate(passes(tallies, 4)[f"pass^{k}"])
        assert found is not None
        hits += found.ci95[0] <= truth <= found.ci95[1]
    assert 0.93 <= hits / 600 <= 0.97


def test_mean_estimate_covers_the_truth_and_stays_within_bounds() -> None:
    """Three categories of their own size and share: 93 to 97 % of 1,500 intervals hold the weighted
    mean."""
    luck = random.Random(5)  # noqa: S311 - not a secret
    plan = [(3.0, 80, 0.9), (1.0, 40, 0.6), (1.0, 25, 0.3)]
    truth = sum(weight * share for weight, _, share in plan) / 5
    hits = 0
    for _ in range(1500):
        parts = [
            (w, [Tally(str(i), float(luck.random() < p), 1) for i in range(n)]) for w, n, p in plan
        ]
        found = mean_estimate(Mean(parts))
        assert found is not None
        hits += found.ci95[0] <= truth <= found.ci95[1]
    assert 0.93 <= hits / 1500 <= 0.97
    perfect = mean_estimate(Mean([(1, [Tally("a", 1, 1)]), (1, [Tally("b", 1, 1)])]))
    assert perfect is not None
    assert perfect.ci95[0] < perfect.value == perfect.ci95[1] == 1
    assert mean_estimate(Mean([(1, [Tally("a", 1, 1)]), (1, [])])) is None
