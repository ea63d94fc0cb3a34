"""Intervals: equal to scipy's where scipy has them, and covering the truth as often as they say."""

import random

import pytest
from scipy.stats import binomtest, norm, t

from swiftkit.stats import Z95, Tally, _student, estimate, wilson


@pytest.mark.parametrize(("right", "size"), [(0, 5), (5, 5), (1, 3), (17, 40), (999, 1000)])
def test_wilson_is_scipys(right: int, size: int) -> None:
    """The closed form equals scipy's Wilson interval, at the ends too."""
    theirs = binomtest(right, size).proportion_ci(method="wilson")
    assert wilson(right / size, size) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_quantiles_are_scipys() -> None:
    """The normal quantile is exact, Student's within 1 % from 3 degrees of freedom on."""
    assert pytest.approx(norm.ppf(0.975)) == Z95
    for freedom in (3, 5, 10, 30, 300):
        assert _student(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=0.01)


def test_independent_units_make_a_proportion() -> None:
    """One unit a cluster: the value, the binomial standard error, Wilson's interval."""
    found = estimate([Tally(str(number), float(number < 30), 1) for number in range(40)])
    assert found is not None
    assert (found.value, found.stderr) == pytest.approx((0.75, (0.75 * 0.25 / 40) ** 0.5))
    assert found.ci95 == wilson(0.75, 40)


def test_nothing_counted_is_no_estimate() -> None:
    """An empty metric has no value, not 0."""
    assert estimate([]) is None


def test_trials_of_one_sample_do_not_count_as_new_samples() -> None:
    """Eight equal trials of ten samples are as sure as ten samples, not as eighty."""
    once = estimate([Tally(str(number), float(number < 5), 1) for number in range(10)])
    often = estimate([Tally(str(number), float(number < 5), 1) for number in range(10) for _ in range(8)])
    assert once is not None
    assert often is not None
    assert often.ci95[1] - often.ci95[0] >= once.ci95[1] - once.ci95[0]


@pytest.mark.parametrize("right", [0.0, 2.0])
def test_the_ends_keep_a_width(right: float) -> None:
    """All right or all wrong in 12 chains is not certainty."""
    found = estimate([Tally(str(number), right, 2) for number in range(12)])
    assert found is not None
    low, high = found.ci95
    assert 0.1 < high - low < 0.5


@pytest.mark.parametrize(("share", "likeness"), [(0.5, 0.5), (0.85, 0.1), (0.85, 0.5)])
def test_clustered_intervals_cover_the_truth(share: float, likeness: float) -> None:
    """Chains of 1 to 4 calls that succeed together: 95 % intervals hold the truth in 93 to 98 % of 1,000 runs."""
    luck = random.Random(7)  # noqa: S311 - not a secret
    shape = share * (1 - likeness) / likeness, (1 - share) * (1 - likeness) / likeness
    hits = 0
    for _ in range(1000):
        tallies = []
        for chain in range(60):
            ease, calls = luck.betavariate(*shape), luck.randint(1, 4)
            tallies.append(Tally(str(chain), sum(luck.random() < ease for _ in range(calls)), calls))
        found = estimate(tallies)
        assert found is not None
        hits += found.ci95[0] <= share <= found.ci95[1]
    assert 930 <= hits <= 980
