"""Paired tests: they find a planted difference, and on equal models they cry wolf no more often
than they say."""

import random

import pytest
from scipy.stats import binomtest

from swiftkit.evals.paired import Difference, difference, holm
from swiftkit.evals.stats import Tally


def drawn(
    luck: random.Random, size: int, gain: float, most_calls: int = 1
) -> tuple[list[Tally], list[Tally]]:
    """Two models on the same samples of their own difficulty; the second is better by `gain`, up to
    chance."""
    sides: tuple[list[Tally], list[Tally]] = ([], [])
    for number in range(size):
        ease, calls = luck.betavariate(2, 1.2) * 0.8, luck.randint(1, most_calls)
        for side, share in zip(sides, (ease, min(1, ease + gain)), strict=True):
            side.append(Tally(str(number), sum(luck.random() < share for _ in range(calls)), calls))
    return sides


def test_difference_of_proportions_is_mcnemars_test() -> None:
    """12 wins and 3 losses of 100: scipy's binomial test, the difference, and an interval around
    it."""
    a = [Tally(str(i), float(i < 50), 1) for i in range(100)]
    b = [Tally(str(i), float(3 <= i < 62), 1) for i in range(100)]
    found = difference(a, b)
    assert found is not None
    assert (found.test, found.clusters) == ("McNemar's exact test", 100)
    assert (found.a, found.b, found.difference) == pytest.approx((0.5, 0.59, 0.09))
    assert found.p == pytest.approx(binomtest(12, 15).pvalue)
    assert 0 < found.ci95[0] < 0.09 < found.ci95[1] < 0.2


def test_difference_of_equal_runs_is_nothing() -> None:
    """The same answers: p = 1; six samples all in one direction are the fewest that could show
    anything."""
    a = [Tally(str(i), float(i < 50), 1) for i in range(100)]
    found = difference(a, a)
    assert found is not None
    assert (found.difference, found.p, found.smallest) == (0, 1, 0.06)
    chains = [Tally(str(i), i % 3, 2) for i in range(40)]
    again = difference(chains, chains)
    assert again is not None
    assert (again.difference, again.p) == (0, 1)
    assert difference(a, []) is None


@pytest.mark.parametrize(("most_calls", "size", "runs"), [(1, 150, 1000), (4, 80, 120)])
def test_difference_of_equal_models_is_shown_as_rarely_as_it_says(
    most_calls: int, size: int, runs: int
) -> None:
    """At most 5 % of comparisons of equal models show a difference (3.9 % of 4,000 and of 1,500
    did, in a longer run), and 93 to 97 % of the intervals hold 0."""
    luck = random.Random(17)  # noqa: S311 - not a secret
    cries = held = 0
    for _ in range(runs):
        found = difference(*drawn(luck, size, 0.0, most_calls))
        assert found is not None
        cries += found.p <= 0.05
        held += found.ci95[0] <= 0 <= found.ci95[1]
    assert cries <= 0.05 * runs
    assert 0.93 <= held / runs <= 0.97


@pytest.mark.parametrize(("most_calls", "size", "runs"), [(1, 300, 200), (4, 150, 40)])
def test_difference_that_was_planted_is_found(most_calls: int, size: int, runs: int) -> None:
    """20 points more: nine of ten comparisons find it, and their intervals hold it."""
    luck = random.Random(23)  # noqa: S311 - not a secret
    pairs = [difference(*drawn(luck, size, 0.2, most_calls)) for _ in range(runs)]
    found = [each for each in pairs if each is not None]
    assert sum(each.p <= 0.05 and each.difference > 0 for each in found) >= 0.9 * runs
    assert sum(each.ci95[0] <= 0.196 <= each.ci95[1] for each in found) >= 0.9 * runs


def test_smallest_difference_is_found_in_four_of_five_cases() -> None:
    """A difference of the size that `smallest` names is shown in 70 to 92 % of simulations."""
    luck = random.Random(29)  # noqa: S311 - not a secret
    first = difference(*drawn(luck, 400, 0.1))
    assert first is not None
    found = [difference(*drawn(luck, 400, first.smallest)) for _ in range(200)]
    assert 0.7 <= sum(each is not None and each.p <= 0.05 for each in found) / 200 <= 0.92


def test_difference_of_many_clusters_takes_the_normal_test() -> None:
    """Beyond 500 clusters nothing is drawn, and the p-value is much the same."""
    luck = random.Random(31)  # noqa: S311 - not a secret
    found = difference(*drawn(luck, 600, 0.02, 3))
    assert found is not None
    assert found.test == "normal test over clusters"
    assert found.ci95[0] < found.difference < found.ci95[1]


def test_holm_corrects_as_by_hand() -> None:
    """The smallest p times the number of tests, the next times one less, never falling, never above
    1."""
    each = Difference(0, 0, 0, (0, 0), 0, 0, 1, "")
    found = {
        name: Difference(*(0, 0, 0, (0, 0), p, 0, 1, ""))
        for name, p in (("x", 0.04), ("y", 0.01), ("z", 0.03))
    }
    assert {name: one.p_holm for name, one in holm(found).items()} == pytest.approx(
        {"x": 0.06, "y": 0.03, "z": 0.06}
    )
    assert holm({"one": each})["one"].p_holm == 0
