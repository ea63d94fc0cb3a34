"""Match the calls of an answer's turns with the expected calls of a chain's steps, in order.

In order means: no call is matched with an earlier step than a call of an earlier turn. Inside one
turn and inside one step the order is free.

By dynamic programming over the steps. After each of them there are fronts: the calls that cannot be
had any more, which are those of all turns before the last one that was used, and those of it that
were used and that a later step could use. A step takes calls behind a front and so leads to further
fronts. Of two fronts that which has used more calls must be worth more, or it is dropped. A step is
walked through once for all fronts, with the best total for each set of its calls that are answered.

These sets grow with the calls of a turn and of a step. Where they could be more than _MOST_ENTRIES,
the pairs are found by branch and bound (step_branches.py).
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import inf
from typing import Any, NamedTuple

from swiftkit.scoring.assignment import Weights, unordered
from swiftkit.scoring.step_branches import best_by_branches

_MOST_ENTRIES = 10_000
_LEAST_GAIN = 1e-12  # more than a rounding error

Places = tuple[tuple[int, int], ...]  # (row, column) of each pair
Offers = Sequence[tuple[int, list[int]]]  # turns, and their rows that a step could use
# the pairs that led to a total: (the pairs before, row, column); () for none
Trail = tuple[Any, ...]
# (rows of a turn that are used, columns of a step that are answered, as bits): the best total
_Table = dict[tuple[frozenset[int], int], tuple[float, Trail]]
_NONE_USED: frozenset[int] = frozenset()


class _OfferedStep(NamedTuple):
    """A step's columns, and what the turns offer it; `later`: rows that a later step could use."""

    columns: list[int]
    offers: Offers
    later: frozenset[int]


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
    steps = _steps(weights, turn_of, step_of)
    if _entries(steps) > _MOST_ENTRIES:
        return best_by_branches(weights, turn_of, step_of)
    fronts = [_Front(0, _NONE_USED, 0.0, ())]
    for step in steps:
        fronts = _worthwhile([*fronts, *_reached(fronts, step, weights)])
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


def _steps(weights: Weights, turn_of: Sequence[int], step_of: Sequence[int]) -> list[_OfferedStep]:
    """Return the steps in their order."""
    turns = []
    for _, turn in groupby(range(len(turn_of)), key=turn_of.__getitem__):
        turns.append(list(turn))
    steps: list[_OfferedStep] = []
    later = _NONE_USED
    for _, step in groupby(range(len(step_of) - 1, -1, -1), key=step_of.__getitem__):
        columns = list(step)
        offers = []
        wanted: list[int] = []
        for number, members in enumerate(turns):
            rows = [row for row in members if any(weights[row][column] > 0 for column in columns)]
            if rows:
                offers.append((number, rows))
                wanted += rows
        steps.append(_OfferedStep(columns, offers, later))
        later = later.union(wanted)
    steps.reverse()
    return steps


def _entries(steps: Sequence[_OfferedStep]) -> int:
    """Return the most entries that are looked at in the tables of the steps."""
    entries = 0
    for step in steps:
        of_turns = 0
        for _, rows in step.offers:
            of_turns += len(rows) << len(step.later.intersection(rows))
        entries += of_turns * (len(step.columns) << len(step.columns))
    return entries


def _reached(fronts: Sequence[_Front], step: _OfferedStep, weights: Weights) -> Iterator[_Front]:
    """Yield the best fronts that a step reaches with calls behind one of `fronts`."""
    waiting = sorted(fronts, key=lambda front: front.turn, reverse=True)
    answered: dict[int, tuple[float, Trail]] = {}  # by the set of columns, as bits
    for turn, rows in step.offers:
        table: _Table = {(_NONE_USED, bits): best for bits, best in answered.items()}
        while waiting and waiting[-1].turn <= turn:
            front = waiting.pop()
            used = front.used if front.turn == turn else _NONE_USED
            if front.total > table.get((used, 0), (-1.0,))[0]:
                table[used, 0] = (front.total, front.trail)
        for row in rows:
            _use(row, step, weights, table)
        for (used, bits), (total, trail) in table.items():
            if bits not in answered or total > answered[bits][0]:
                answered[bits] = (total, trail)
            if bits:
                yield _Front(turn, used & step.later, total, trail)


def _use(row: int, step: _OfferedStep, weights: Weights, table: _Table) -> None:
    """Add what the row can lead to, as the answer to each column that is free."""
    mark = {row} & step.later
    for (used, bits), (total, trail) in list(table.items()):
        if row in used:
            continue
        for place, column in enumerate(step.columns):
            if bits & 1 << place or not weights[row][column] > 0:
                continue
            more = total + weights[row][column]
            key = (used | mark, bits | 1 << place)
            if key not in table or more > table[key][0]:
                table[key] = (more, (trail, row, column))


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
