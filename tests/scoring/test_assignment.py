"""One-to-one matching by the greatest total."""

import random
import subprocess
import sys
import time
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

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


@pytest.mark.parametrize(
    "values", [[0.0, 1.0], [0.2, 0.5, 0.7, 1.0], []], ids=["ties", "few", "any"]
)
def test_unordered_equals_scipy_on_larger_matrices(values: list[float]) -> None:
    """Square and not, with many equal weights and with none."""
    draw = random.Random(0)  # noqa: S311
    for _ in range(150):
        rows, columns = draw.randint(1, 24), draw.randint(4, 24)
        weights = [
            [draw.choice(values) if values else draw.random() for _ in range(columns)]
            for _ in range(rows)
        ]
        pairs = unordered(weights)
        assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == min(rows, columns)
        best = linear_sum_assignment(weights, maximize=True)
        expected = total(weights, list(zip(*best, strict=True)))
        assert total(weights, pairs) == pytest.approx(expected, abs=1e-9)


def test_scoring_imports_neither_numpy_nor_scipy() -> None:
    """The base install has none of them."""
    weights = [[1.0, 0.5, 0.5, 0.1]] * 4
    code = f"""
import sys
from swiftkit.scoring import assignment, rewards
assignment.unordered({weights})
assert not {{"numpy", "scipy"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("match", [unordered, in_order])
def test_large_ones_take_no_time(match: object) -> None:
    """Three hundred on each side, all alike: far less than a second of CPU."""
    start = time.process_time()
    assert match([[1.0] * 300 for _ in range(300)])  # type: ignore[operator]
    assert time.process_time() - start < 5
