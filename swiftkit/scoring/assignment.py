"""Match two lists one to one by the greatest total weight, in any order or in the given one.

Each function takes weights[row][column], at least one of each, and gives (row, column) pairs: as
many as the shorter side has, or in order as many as pay.
"""

from collections.abc import Sequence
from itertools import permutations

Weights = Sequence[Sequence[float]]


def unordered(weights: Weights) -> list[tuple[int, int]]:
    if len(weights) > len(weights[0]):
        return [(i, j) for j, i in unordered(list(zip(*weights, strict=True)))]
    tops = [max(range(len(row)), key=row.__getitem__) for row in weights]
    # otherwise each row has its own best column: nothing can be better
    if len(set(tops)) < len(weights):
        tops = _permuted(weights) if len(weights[0]) <= 3 else _assigned(weights)
    return list(enumerate(tops))


def in_order(weights: Weights) -> list[tuple[int, int]]:
    """Both sides rise from pair to pair, and every pair has a weight above 0."""
    rows, columns = len(weights), len(weights[0])
    # [i][j]: of the rows from i and the columns from j
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            paired = weights[i][j] + best[i + 1][j + 1] if weights[i][j] > 0 else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < rows and j < columns:
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs


def _permuted(weights: Weights) -> list[int]:
    choices = permutations(range(len(weights[0])), len(weights))
    return list(
        max(choices, key=lambda choice: sum(row[j] for row, j in zip(weights, choice, strict=True)))
    )


def _assigned(weights: Weights) -> list[int]:
    from scipy.optimize import linear_sum_assignment

    return [int(j) for j in linear_sum_assignment(weights, maximize=True)[1]]
