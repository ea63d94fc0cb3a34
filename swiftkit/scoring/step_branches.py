"""Match the calls of turns with the calls of steps in order, by branch and bound.

A branch says which steps each turn may answer. Its best matching without order (assignment.py) is
worth at least as much as any in order. Where it is not in order, one of two things is true of each
matching that is: the turns up to some turn answer no step from some step on, or the turns behind
that turn answer no step before it. These are the next branches; that with the greatest total is
looked at first. The first one whose matching is in order is the best.

Branches end after _MOST_WORK, which only answers of many calls reach that resemble each other and
come in a wrong order. Then the best matching in order that was met counts, which is perhaps not the
best there is.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from swiftkit.scoring.assignment import Weights, unordered

_MOST_WORK = 30_000  # in cells of the tables of weights, times their shorter side
_LEAST_GAIN = 1e-12  # more than a rounding error

Pairs = list[tuple[int, int]]  # (row, column) of each
Spans = list[tuple[int, int]]  # by turn: the first and the last step that it may answer


class _GroupedWeights(NamedTuple):
    """weights[row][column], and the number of each row's turn and of each column's step, from 0."""

    weights: Weights
    turns: list[int]
    steps: list[int]


def best_by_branches(weights: Weights, turn_of: Sequence[int], step_of: Sequence[int]) -> Pairs:
    """Return pairs in order with the greatest total that was found; each has a weight above 0."""
    grouped = _GroupedWeights(weights, _numbered(turn_of), _numbered(step_of))
    last = grouped.steps[-1]
    spans: Spans = [(0, last)] * (grouped.turns[-1] + 1)
    pairs = _matched(grouped, spans)
    branches = [(-_total(grouped, pairs), 0, spans, pairs)]
    best: Pairs = []
    most, count = 0.0, 1
    rows, columns = len(weights), len(step_of)
    most_branches = _MOST_WORK // (rows * columns * min(rows, columns)) + 2
    while branches and count < most_branches:
        bound, _, spans, pairs = heappop(branches)
        if -bound <= most + _LEAST_GAIN:
            break
        found = _kept_in_order(grouped, pairs)
        if len(found) < len(pairs):
            found = _matched(grouped, _spans_of(grouped, found))
        if _total(grouped, found) > most:
            best, most = found, _total(grouped, found)
        if -bound <= most + _LEAST_GAIN:
            break
        for narrower in _narrower(grouped, spans, pairs):
            matched = _matched(grouped, narrower)
            heappush(branches, (-_total(grouped, matched), count, narrower, matched))
            count += 1
    return best


def _numbered(group_of: Sequence[int]) -> list[int]:
    """Return the groups with numbers from 0, without gaps."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(group_of))}
    return [numbers[group] for group in group_of]


def _total(grouped: _GroupedWeights, pairs: Pairs) -> float:
    return sum([grouped.weights[row][column] for row, column in pairs])


def _matched(grouped: _GroupedWeights, spans: Spans) -> Pairs:
    """Return the best pairs within the spans in any order; of equally good ones those in order."""
    table = []
    for row, weights in enumerate(grouped.weights):
        first, last = spans[grouped.turns[row]]
        allowed = [0.0] * len(weights)
        for column, step in enumerate(grouped.steps):
            if first <= step <= last:
                allowed[column] = weights[column]
        table.append(allowed)
    pairs = sorted([(row, column) for row, column in unordered(table) if table[row][column] > 0])
    # exchange partners where that costs nothing: as insertion sort does
    for place in range(len(pairs)):
        for other in range(place - 1, -1, -1):
            (row, column), (behind, taken) = pairs[other], pairs[other + 1]
            if grouped.steps[column] <= grouped.steps[taken]:
                continue
            paid = table[row][column] + table[behind][taken]
            crossed = table[row][taken], table[behind][column]
            if min(crossed) > 0 and sum(crossed) >= paid - _LEAST_GAIN:
                pairs[other], pairs[other + 1] = (row, taken), (behind, column)
    return pairs


def _kept_in_order(grouped: _GroupedWeights, pairs: Pairs) -> Pairs:
    """Return those of the pairs that are in order and have the greatest total."""
    pairs = sorted(pairs, key=lambda pair: (grouped.turns[pair[0]], grouped.steps[pair[1]]))
    chosen: list[tuple[float, Pairs]] = []  # by their last pair
    for row, column in pairs:
        before: tuple[float, Pairs] = (0.0, [])
        for total, kept in chosen:
            if total > before[0] and grouped.steps[kept[-1][1]] <= grouped.steps[column]:
                before = (total, kept)
        chosen.append((before[0] + grouped.weights[row][column], [*before[1], (row, column)]))
    return max(chosen, key=lambda choice: choice[0], default=(0.0, []))[1]


def _spans_of(grouped: _GroupedWeights, pairs: Pairs) -> Spans:
    """Return the widest spans for these pairs, in order, such that all matchings are in order."""
    last_of = [0] * (grouped.turns[-1] + 1)
    for row, column in pairs:
        turn = grouped.turns[row]
        last_of[turn] = max(last_of[turn], grouped.steps[column])
    last_of[-1] = grouped.steps[-1]
    spans: Spans = []
    first = 0
    for last in last_of:
        spans.append((first, max(first, last)))
        first = spans[-1][1]
    return spans


def _narrower(grouped: _GroupedWeights, spans: Spans, pairs: Pairs) -> tuple[Spans, Spans]:
    """Return the two branches of spans whose pairs are not in order; both lose much."""
    cut, most = (0, 0), -1.0
    places = []
    for row, column in pairs:
        places.append((grouped.turns[row], grouped.steps[column], grouped.weights[row][column]))
    for turn, step, _ in places:
        too_early = sum([weight for t, s, weight in places if t <= turn and s >= step])
        too_late = sum([weight for t, s, weight in places if t > turn and s < step])
        if min(too_early, too_late) > most:
            cut, most = (turn, step), min(too_early, too_late)
    turn, step = cut
    before, behind = list(spans), list(spans)
    for number, (first, last) in enumerate(spans):
        if number <= turn:
            before[number] = (first, min(last, step - 1))
        else:
            behind[number] = (max(first, step), last)
    return before, behind
