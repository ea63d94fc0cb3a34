"""Match the calls of an answer's turns with the expected calls of a chain's steps, in order.

In order means: no call is matched with an earlier step than a call of an earlier turn. Inside one
turn and inside one step the order is free, but for a turn of more than _MOST_FREE calls, which
counts as so many turns: the number of its orders would grow without bound.

By dynamic programming over the steps. After each of them there are fronts: the calls that cannot be
had any more, which are those of all turns before the last one that was used, and those of it that
were used. A step takes calls behind a front and so leads to further fronts. Of two fronts that
which has used more calls must be worth more, or it is dropped.

A step of few expected calls is walked through once for all fronts, with the best total for each set
of its calls that are answered (2 ** _MOST_TABLED of them at most). For a larger step each front is
followed alone, and of the calls behind it the best are kept by an assignment (assignment.py).
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, groupby
from math import inf
from typing import Any, NamedTuple

from swiftkit.scoring.assignment import Weights, unordered

_MOST_FREE = 4
_MOST_TABLED = 5
_LEAST_GAIN = 1e-12  # more than a rounding error

Places = tuple[tuple[int, int], ...]  # (row, column) of each pair
Offers = Sequence[tuple[int, list[int]]]  # turns, and their rows that a step could use
# the pairs that led to a total: (the pairs before, row, column); () for none
Trail = tuple[Any, ...]
# (rows of a turn that are used, columns of a step that are answered, as bits): the best total
_Table = dict[tuple[frozenset[int], int], tuple[float, Trail]]
_NONE_USED: frozenset[int] = frozenset()


class _Front(NamedTuple):
    """The calls that cannot be had any more: all before `turn`, and `used` of it."""

    turn: int
    used: frozenset[int]
    total: float
    trail: Trail


def in_steps(
    weights: Weights, turn_of: Sequence[int], step_of: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the pairs with the greatest total that are in order; each has a weight above 0.

    turn_of[row] and step_of[column] rise with row and column.
    """
    turns = _turns(turn_of)
    fronts = [_Front(0, _NONE_USED, 0.0, ())]
    for _, step in groupby(range(len(step_of)), key=step_of.__getitem__):
        columns = list(step)
        offers = []
        for turn, members in enumerate(turns):
            rows = [row for row in members if any(weights[row][column] > 0 for column in columns)]
            if rows:
                offers.append((turn, rows))
        reached = list(fronts)
        if len(columns) <= _MOST_TABLED:
            reached += _tabled(fronts, offers, columns, weights)
        else:
            for front in fronts:
                reached += _extended(front, offers, columns, weights)
        fronts = _worthwhile(reached)
    trail = max(fronts, key=lambda front: front.total).trail
    pairs = []
    while trail:
        trail, row, column = trail
        pairs.append((row, column))
    return sorted(pairs)


def whole_steps(exact: Weights, step_of: Sequence[int], ordered: bool = False) -> int:
    """Return the most steps of which each has all its calls behind those of the step before.

    exact[row][column] is 0 where a call does not answer an expected one.
    ordered: the calls of a step must come in their order too.
    """
    ends = [0.0]  # by number of whole steps: the fewest calls from the first on that hold them
    for _, step in groupby(range(len(step_of)), key=step_of.__getitem__):
        columns = list(step)
        reached = [_end_of_step(exact, int(start), columns, ordered) for start in ends]
        ends.append(inf)
        for count, end in enumerate(reached, 1):
            ends[count] = min(ends[count], end)
        if ends[-1] == inf:
            ends.pop()
    return len(ends) - 1


def _end_of_step(exact: Weights, start: int, columns: list[int], ordered: bool) -> float:
    """Return the place behind the calls from `start` that hold a whole step; inf without them."""
    kept: list[int] = []
    done = 0
    for row in range(start, len(exact)):
        if ordered:
            done += exact[row][columns[done]] > 0
        elif any(exact[row][column] > 0 for column in columns):
            pairs = _assigned([*kept, row], columns, exact)
            kept = [row for row, _ in pairs]
            done = len(pairs)
        if done == len(columns):
            return row + 1
    return inf


def _turns(turn_of: Sequence[int]) -> list[list[int]]:
    """Return the rows of each turn; those of a long turn are turns of their own."""
    turns: list[list[int]] = []
    for _, turn in groupby(range(len(turn_of)), key=turn_of.__getitem__):
        rows = list(turn)
        turns += [rows] if len(rows) <= _MOST_FREE else [[row] for row in rows]
    return turns


def _tabled(
    fronts: Sequence[_Front], offers: Offers, columns: list[int], weights: Weights
) -> Iterator[_Front]:
    """Yield the best fronts that a step reaches with calls behind one of `fronts`."""
    waiting = sorted(fronts, key=lambda front: front.turn, reverse=True)
    answered: dict[int, tuple[float, Trail]] = {}  # by the set of columns, as bits
    for turn, rows in offers:
        table: _Table = {(_NONE_USED, bits): best for bits, best in answered.items()}
        while waiting and waiting[-1].turn <= turn:
            front = waiting.pop()
            used = front.used if front.turn == turn else _NONE_USED
            if front.total > table.get((used, 0), (-1.0,))[0]:
                table[used, 0] = (front.total, front.trail)
        for row in rows:
            _use(row, columns, weights, table)
        for (used, bits), (total, trail) in table.items():
            if bits not in answered or total > answered[bits][0]:
                answered[bits] = (total, trail)
            if bits:
                yield _Front(turn, used, total, trail)


def _use(row: int, columns: list[int], weights: Weights, table: _Table) -> None:
    """Add what the row can lead to, as the answer to each column that is free."""
    for (used, bits), (total, trail) in list(table.items()):
        if row in used:
            continue
        for place, column in enumerate(columns):
            if bits & 1 << place or not weights[row][column] > 0:
                continue
            more = total + weights[row][column]
            key = (used | {row}, bits | 1 << place)
            if key not in table or more > table[key][0]:
                table[key] = (more, (trail, row, column))


def _extended(
    front: _Front, offers: Offers, columns: list[int], weights: Weights
) -> Iterator[_Front]:
    """Yield the fronts that a step reaches with calls behind `front`, each worth more than those
    within it."""
    kept: list[int] = []  # the rows used so far
    gain = 0.0
    for turn, offered in offers:
        if turn < front.turn:
            continue
        used = front.used if turn == front.turn else _NONE_USED
        rows = [row for row in offered if row not in used]
        gain_before, kept_before = gain, kept
        for size in range(1, min(len(rows), len(columns)) + 1):
            for chosen in combinations(rows, size):
                pairs = _assigned([*kept_before, *chosen], columns, weights)
                total = sum([weights[row][column] for row, column in pairs])
                if total > gain_before + _LEAST_GAIN:
                    trail = front.trail
                    for row, column in pairs:
                        trail = (trail, row, column)
                    yield _Front(turn, used.union(chosen), front.total + total, trail)
                if total > gain + _LEAST_GAIN:
                    gain, kept = total, [row for row, _ in pairs]


def _assigned(rows: list[int], columns: list[int], weights: Weights) -> Places:
    """Return the best pairs of these rows and columns."""
    if len(columns) == 1:
        column = columns[0]
        return ((max(rows, key=lambda row: weights[row][column]), column),)
    table = [[weights[row][column] for column in columns] for row in rows]
    return tuple([(rows[i], columns[j]) for i, j in unordered(table) if table[i][j] > 0])


def _worthwhile(fronts: list[_Front]) -> list[_Front]:
    """Return the fronts without those within which another one is worth as much."""
    kept: list[_Front] = []
    last: list[_Front] = []  # those kept of the same turn
    before = -1.0  # the greatest total of earlier turns
    for front in sorted(fronts, key=lambda front: (front.turn, len(front.used), -front.total)):
        if last and last[0].turn != front.turn:
            before = max(before, *[other.total for other in last])
            last = []
        if front.total <= before + _LEAST_GAIN:
            continue
        if any(
            other.used <= front.used and front.total <= other.total + _LEAST_GAIN for other in last
        ):
            continue
        last.append(front)
        kept.append(front)
    return kept
