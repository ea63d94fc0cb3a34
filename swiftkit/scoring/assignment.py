"""Match two lists one to one by the greatest total weight, in any order or in the given one.

Each function takes weights[row][column] and returns (row, column) pairs: as many as the shorter
side has, or in order as many as pay.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import permutations
from math import inf

Weights = Sequence[Sequence[float]]


def unordered(weights: Weights) -> list[tuple[int, int]]:
    """Return the best pairs, whatever their order, of one row and one column at least."""
    if len(weights) > len(weights[0]):
        transposed = list(zip(*weights, strict=True))
        return [(row, column) for column, row in unordered(transposed)]
    columns = [max(range(len(row)), key=row.__getitem__) for row in weights]
    # otherwise each row has a best column of its own: nothing can be better
    if len(set(columns)) < len(weights):
        columns = _permuted(weights) if len(weights[0]) <= 3 else _assigned(weights)
    return list(enumerate(columns))


def in_order(weights: Weights) -> list[tuple[int, int]]:
    """Return the best pairs in which both sides rise; every pair has a weight above 0."""
    if not weights:
        return []
    rows, columns = len(weights), len(weights[0])
    # best[i][j]: the greatest total of the rows from i and the columns from j
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


def best_share(
    match: Callable[[Weights], list[tuple[int, int]]], weights: Weights, size: int
) -> list[tuple[int, int]]:
    """Return the pairs with the greatest total / (size - pairs), of those that `match` may choose.

    A matching in order may leave out pairs, and one with a smaller total but more pairs can be
    worth more: size - pairs are the different calls of both sides. By Dinkelbach's method (1967):
    each pair is worth the share that it must at least reach more, until the share stands still,
    which takes two or three rounds.
    """
    best: list[tuple[int, int]] = []
    share = 0.0
    while True:
        raised = [[weight + share if weight > 0 else 0.0 for weight in row] for row in weights]
        pairs = match(raised)
        total = sum(weights[row][column] for row, column in pairs)
        if total <= share * (size - len(pairs)) + 1e-12:
            return best
        best, share = pairs, total / (size - len(pairs))


def _permuted(weights: Weights) -> list[int]:
    """Return the best column of each row by trying all: for few columns the fastest."""

    def total(columns: Iterable[int]) -> float:
        return sum(row[column] for row, column in zip(weights, columns, strict=True))

    return list(max(permutations(range(len(weights[0])), len(weights)), key=total))


def _assigned(weights: Weights) -> list[int]:
    """Return the best column of each row; there are at least as many columns as rows.

    The Hungarian algorithm by shortest augmenting paths (Jonker and Volgenant, 1987), in time
    rows² x columns: row after row is added, and where its column is taken, the rows on the cheapest
    path to a free column move on. Potentials keep each reduced cost, which is
    -weight - potential of the row - potential of the column, at 0 or above.
    """
    rows, columns = len(weights), len(weights[0])
    row_potentials, column_potentials = [0.0] * rows, [0.0] * columns
    row_of = [-1] * columns  # the row that a column is assigned to, -1: it is free
    for added in range(rows):
        costs = [inf] * columns  # of the cheapest known path from the added row to each column
        previous = [-1] * columns  # the column before it on that path, -1: none
        visited: list[int] = []
        left = set(range(columns))
        row, column, distance = added, -1, 0.0
        while row >= 0:
            start = distance - row_potentials[row]
            for other in left:
                cost = start - weights[row][other] - column_potentials[other]
                if cost < costs[other]:
                    costs[other], previous[other] = cost, column
            # of the nearest columns a free one, if there is one
            column = min(left, key=lambda other: (costs[other], row_of[other]))
            left.remove(column)
            visited.append(column)
            row, distance = row_of[column], costs[column]
        row_potentials[added] += distance
        for other in visited[:-1]:
            gain = distance - costs[other]
            row_potentials[row_of[other]] += gain
            column_potentials[other] -= gain
        while column >= 0:
            before = previous[column]
            row_of[column] = row_of[before] if before >= 0 else added
            column = before
    column_of = {row: column for column, row in enumerate(row_of)}
    return [column_of[row] for row in range(rows)]
