"""How good a model's calls are: one score that serves as GRPO reward and as metric.

The rules:

1. Calls are matched one to one with the expected calls, within the same name, by the best total
   (assignment.py): in any order, or, where the options say `ordered`, in the order of the gold.
2. A matched call is right where its value is acceptable (gold.py, values.py): JSON equality, or
   membership in the answer set. It is exact if no required parameter is missing, none is unexpected
   and all values are right.
3. Of a matched pair, with n = parameters made + required ones missing (no parameter at all: 1):
       parameter values   those with a right value / n
       parameter names    those, and the required ones with a wrong value / n
   A wrong value of an optional parameter thus costs as much as an unexpected one: it was better left out.
4. Of the answer, with u = expected + made - matched (so that a missing call, a spurious call and a
   call by a wrong name all cost):
       name = matched / u     parameter_names, parameter_values = the pairs' sums / u
       count = the smaller of (expected, made) / the larger
       schema = calls that their tool's JSON Schema allows (schema.py) / the larger of (expected, made)
       format = 1, for an answer that can be read
       value = name, parameter_names and parameter_values weighted (options.py); times count, if more calls were
               made than expected: who guesses twice has less than who guesses once
5. A call where none is wanted scores 0; silence where a call is wanted scores 0, its format too;
   malformed output scores 0. No call where none is wanted scores 1. An exact answer scores 1 in
   every part. More than _MOST calls above ten times the expected ones are not looked at and score
   0.

Hence: value in [0, 1], 1.0 only if exact; the order of the calls is of no account, unless the
options say so; an extra call that answers nothing strictly lowers a value above 0; a repair never
lowers. Nothing that a model writes raises.

In the mode bfcl `value` and `exact` are BFCL's verdict (bfcl.py), one right or wrong answer in
`counts`; the parts are still these.
"""

from collections.abc import Sequence
from math import fsum

import msgspec

from swiftkit.records import Score
from swiftkit.scoring import assignment, explain
from swiftkit.scoring.bfcl import verdict as bfcl
from swiftkit.scoring.gold import PARTS, PLAIN, Answers, Gold, Weights
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.schema import fits

_MOST = 100
_NOTHING = dict.fromkeys(PARTS, 0.0)
_READ = _NOTHING | {"format": 1.0}


class Pair(msgspec.Struct, frozen=True, gc=False):
    """One call made and the expected call it was matched with, by their positions."""

    made: int
    expected: int
    names: float
    values: float
    exact: bool


def score_text(text: str, gold: Gold, *, reasons: bool = False) -> Score:
    """Score a completion, in the wire format that the options name, or whichever it is written in
    (detect.py)."""
    parsed = gold.parse(text)
    return score_calls(parsed.calls, gold, parsed.malformed, reasons=reasons)


def score_calls(
    calls: Sequence[ToolCall], gold: Gold, malformed: str = "", *, reasons: bool = False
) -> Score:
    """Score calls by the rules above. `counts` are right and total calls, for a ratio over many
    samples.

    With `reasons` the score says in full what is wrong (explain.py); without, in a few words,
    several times as fast.
    """
    expected = len(gold.calls)
    if malformed or not calls or not expected or len(calls) > _MOST + 10 * expected:
        found = _ungraded(calls, gold, malformed)
    elif len(calls) == 1 == expected:
        found = _one(calls[0], gold)
    elif len(calls) == expected and _all_exact(calls, gold.answers):
        found = gold.perfect
    else:
        found = _graded(calls, gold, match(calls, gold))
    explained = not reasons or found is gold.perfect
    if gold.item is not None:
        found = _as_bfcl(found, bfcl.verdict(calls, gold.item, malformed))
    return found if explained else _explained(calls, gold, found)


def match(calls: Sequence[ToolCall], gold: Gold) -> list[Pair]:
    """The best one-to-one pairs of calls that have the same name."""
    return _matched_in_order(calls, gold) if gold.options.ordered else _matched(calls, gold)


def _all_exact(calls: Sequence[ToolCall], answers: Sequence[Answers]) -> bool:
    """Whether the calls are right in the gold's own order: the short way for the commonest good
    answer."""
    for call, wanted in zip(calls, answers, strict=True):
        if call.name != wanted.name or not wanted.all_right(call.arguments):
            return False
    return True


def pairs_of(calls: Sequence[ToolCall], gold: Gold) -> dict[int, int]:
    """Position made: position expected, of the calls that are compared."""
    if len(calls) > _MOST + 10 * len(gold.calls):
        return {}
    return {pair.made: pair.expected for pair in match(calls, gold)}


def _explained(calls: Sequence[ToolCall], gold: Gold, found: Score) -> Score:
    pairs = pairs_of(calls, gold) if found.parts["format"] else {}
    return msgspec.structs.replace(found, reason=explain.reason(calls, gold, pairs, found))


def _ungraded(calls: Sequence[ToolCall], gold: Gold, malformed: str) -> Score:
    """Where calls are not compared: nothing came, nothing was wanted, or more than is looked at."""
    if not malformed and not calls and not gold.calls:
        return gold.perfect
    reason = f"malformed: {malformed}"
    if not malformed:
        reason = (
            "no call was made"
            if not calls
            else "too many calls"
            if gold.calls
            else "no call was wanted"
        )
    parts = _READ if calls and not malformed else _NOTHING
    return Score(
        0.0, False, reason, parts, {"right": 0, "total": max(len(gold.calls), len(calls), 1)}
    )


def _one(call: ToolCall, gold: Gold) -> Score:
    """One call where one is expected: what `_graded` says, in a third of the time."""
    answers = gold.answers[0]
    shares = (0.0, 0.0, 0.0)
    if call.name == answers.name:
        pair = _pair(0, call, 0, answers)
        if pair.exact:
            return gold.perfect
        shares = (1.0, pair.names, pair.values)
    return _imperfect(gold, shares, int(not gold.tools or fits(call, gold.tools)), 1, 1, 0)


def _graded(calls: Sequence[ToolCall], gold: Gold, pairs: list[Pair]) -> Score:
    exact = {pair.made for pair in pairs if pair.exact}
    expected, made = len(gold.calls), len(calls)
    if len(exact) == expected == made:
        return gold.perfect
    union = expected + made - len(pairs)
    # fsum: the same for each order of the pairs
    names = fsum([pair.names for pair in pairs]) / union
    values = fsum([pair.values for pair in pairs]) / union
    fitting = made
    if gold.tools:
        for index, call in enumerate(calls):
            if index not in exact and not fits(call, gold.tools):  # what is exact needs no schema
                fitting -= 1
    return _imperfect(
        gold, (len(pairs) / union, names, values), fitting, expected, made, len(exact)
    )


def _imperfect(
    gold: Gold,
    shares: tuple[float, float, float],
    fitting: int,
    expected: int,
    made: int,
    right: int,
) -> Score:
    """`shares` of name, parameter names and values; the others are numbers of calls."""
    name, names, values = shares
    of_name, of_names, of_values = gold.weights
    value = of_name * name + of_names * names + of_values * values
    more = made > expected
    total = made if more else expected
    count = (expected if more else made) / total
    parts = {
        "format": 1.0, "name": name, "parameter_names": names, "parameter_values": values, "schema": fitting / total,
        "count": count,
    }  # fmt: skip
    value = round(value * count if more else value, 12)
    return Score(
        value, False, f"{right} of {total} calls right", parts, {"right": right, "total": total}
    )


def _as_bfcl(found: Score, error: str) -> Score:
    valid = not error
    reason = "BFCL: valid" if valid else f"BFCL: {error}"
    return Score(float(valid), valid, reason, found.parts, {"right": int(valid), "total": 1})


def _matched(calls: Sequence[ToolCall], gold: Gold) -> list[Pair]:
    """Names must agree, so each name is a small assignment problem of its own."""
    made: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        made.setdefault(call.name, []).append(index)
    pairs: list[Pair] = []
    for name, rows in made.items():
        columns = gold.positions.get(name, [])
        if len(rows) == 1 == len(columns):
            pairs.append(_pair(rows[0], calls[rows[0]], columns[0], gold.answers[columns[0]]))
        elif columns:
            pairs += _best(calls, gold, rows, columns)
    return pairs


def _best(calls: Sequence[ToolCall], gold: Gold, rows: list[int], columns: list[int]) -> list[Pair]:
    """The pairs of calls (rows) and expected calls (columns) of one name."""
    if (tops := _tops(calls, gold, rows, columns)) is not None:
        return tops
    pairs = [[_pair(i, calls[i], j, gold.answers[j]) for j in columns] for i in rows]
    chosen = assignment.unordered([[_weight(pair, gold.weights) for pair in row] for row in pairs])
    return [pairs[i][j] for i, j in chosen]


def _tops(
    calls: Sequence[ToolCall], gold: Gold, rows: list[int], columns: list[int]
) -> list[Pair] | None:
    """Each one's best pair, if no two want the same: then nothing can be better. Most answers need
    no more, and most of their calls stand at their own place."""
    answers, weights, by_row = gold.answers, gold.weights, len(rows) <= len(columns)
    taken: set[int] = set()
    tops: list[Pair] = []
    for row, column in zip(rows, columns, strict=False):
        best = _pair(row, calls[row], column, answers[column])
        if not best.exact:
            most = _weight(best, weights)
            for other in columns if by_row else rows:
                if other != (column if by_row else row):
                    i, j = (row, other) if by_row else (other, column)
                    pair = _pair(i, calls[i], j, answers[j])
                    if (weight := _weight(pair, weights)) > most:
                        best, most = pair, weight
        taken.add(best.expected if by_row else best.made)
        tops.append(best)
    return tops if len(taken) == len(tops) else None


def _matched_in_order(calls: Sequence[ToolCall], gold: Gold) -> list[Pair]:
    rows = [
        [
            _pair(i, call, j, answers) if call.name == answers.name else None
            for j, answers in enumerate(gold.answers)
        ]
        for i, call in enumerate(calls)
    ]
    weights = [[_weight(pair, gold.weights) if pair else 0.0 for pair in row] for row in rows]
    return [pair for i, j in assignment.in_order(weights) if (pair := rows[i][j])]


def _pair(made: int, call: ToolCall, expected: int, answers: Answers) -> Pair:
    arguments, required, usual = call.arguments, answers.required, answers.usual
    named = right = missing = 0
    for name, value in arguments.items():
        kind, first = type(value), usual.get(name)
        if (kind is type(first) and kind in PLAIN and value == first) or (
            name in answers.keys and answers.accepts(name, value)
        ):
            right += 1
            named += 1
        elif name in required:
            named += 1
    if len(arguments) != len(answers.keys) or named != len(arguments):
        missing = len(required - arguments.keys())
    size = len(arguments) + missing
    if right == size:
        return Pair(made, expected, 1.0, 1.0, True)
    return Pair(made, expected, named / size, right / size, False)


def _weight(pair: Pair, weights: Weights) -> float:
    # A pair pays by its name alone; of assignments with the same total, the one with more exact
    # pairs.
    of_name, of_names, of_values = weights
    return (
        of_name + of_names * pair.names + of_values * pair.values + (2e-9 if pair.exact else 1e-9)
    )
