"""One-to-one matching by the greatest total."""

import time
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.scoring.assignment import in_order, unordered

sizes = st.tuples(st.integers(1, 5), st.integers(1, 5))
matrices = sizes.flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 9).map(float), min_size=size[1], max_size=size[1]),
        min_size=size[0],
        max_size=size[0],
    )
)


def total(weights: list[list[float]], pairs: list[tuple[int, int]]) -> float:
    return sum(weights[i][j] for i, j in pairs)


@settings(max_examples=200, deadline=None)
@given(matrices)
def test_unordered_is_optimal(weights: list[list[float]]) -> None:
    """As many pairs as the shorter side has, each row and column once, and no better total
    exists."""
    rows, columns = len(weights), len(weights[0])
    pairs = unordered(weights)
    few = min(rows, columns)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs) == few
    choices = (
        zip(i, j, strict=True)
        for i in combinations(range(rows), few)
        for j in permutations(range(columns), few)
    )
    assert total(weights, pairs) == max(total(weights, list(choice)) for choice in choices)


@settings(max_examples=200, deadline=None)
@given(matrices)
def test_in_order_is_optimal(weights: list[list[float]]) -> None:
    """Both sides rise from pair to pair, and no better total exists among those that do."""
    rows, columns = len(weights), len(weights[0])
    pairs = in_order(weights)
    assert all(i < k and j < m for (i, j), (k, m) in pairwise(pairs))
    choices = (
        list(zip(i, j, strict=True))
        for size in range(min(rows, columns) + 1)
        for i in combinations(range(rows), size)
        for j in combinations(range(columns), size)
    )
    assert total(weights, pairs) == max(total(weights, choice) for choice in choices)


@pytest.mark.parametrize("match", [unordered, in_order])
def test_large_ones_take_no_time(match: object) -> None:
    """Three hundred on each side, all alike: far less than a second of CPU."""
    start = time.process_time()
    assert match([[1.0] * 300 for _ in range(300)])  # type: ignore[operator]
    assert time.process_time() - start < 5
