"""The score of a model's calls, which serves as GRPO reward and as metric.

The rules:

1. Calls are matched one to one with the expected calls, within the same name, so that the value is
   the greatest (assignment.py): in any order, or, where the options say `ordered`, in the order of
   the gold.
2. A matched call is right where its value is acceptable (expected_calls.py, equality.py): JSON
   equality, or membership in the answer set. It is exact if no required parameter is missing, none
   is unexpected and all values are right.
3. Of a matched pair, with n = parameters made + required ones missing (no parameter at all: 1):
       parameter values   those with a right value / n
       parameter names    those, and the required ones with a wrong value / n
   An unexpected parameter whose value is what leaving it out means counts as left out.
   A wrong value of an optional parameter thus costs as much as an unexpected one.
4. Of the answer, with u = expected + made - matched (so that a missing call, a spurious call and a
   call by a wrong name all cost):
       name = matched / u     parameter_names, parameter_values = the pairs' sums / u
       count = the smaller of (expected, made) / the larger
       schema = calls that their tool's JSON Schema allows, or that are exact for any expected one
                / the larger of (expected, made)
       format = 1, for an answer that can be read
       value = name, parameter_names and parameter_values weighted (options.py); times count, if
               more calls were made than expected: who guesses twice has less than who guesses once
5. A call where none is wanted scores 0; silence where a call is wanted scores 0, its format too;
   malformed output scores 0, and so does call-like markup that is not read (counts: unread), also
   where no call is wanted. No call where none is wanted scores 1. An exact answer scores 1 in
   every part. More than _MOST calls above ten times the expected ones are not looked at and score
   0.

Hence: value in [0, 1], 1.0 only if exact; the order of the calls is of no account, unless the
options say so; an extra call that answers nothing strictly lowers a value above 0; a repair never
lowers. Nothing that a model writes raises.

In the mode bfcl `value` and `exact` are BFCL's verdict (bfcl/verdict.py), one right or wrong answer
in `counts`; the parts are still these.
"""

from collections.abc import Callable, Mapping, Sequence
from math import fsum

import msgspec

from swiftkit.records import Score
from swiftkit.scoring.assignment import best_share, in_order, unordered
from swiftkit.scoring.bfcl.verdict import verdict
from swiftkit.scoring.completion import parse_answer
from swiftkit.scoring.expected_calls import PLAIN, CallMatcher, without
from swiftkit.scoring.gold import PARTS, Gold, Weights
from swiftkit.toolcall.call import UNREAD, ToolCall
from swiftkit.toolcall.validate_call import is_valid

_MOST = 100
_NOTHING = dict.fromkeys(PARTS, 0.0)
_FORMAT_ALONE = _NOTHING | {"format": 1.0}


class MatchedPair(msgspec.Struct, frozen=True, gc=False):
    """One call made and the expected call it was matched with, by their positions."""

    made: int
    expected: int
    names: float  # the share of right parameter names, in [0, 1]
    values: float  # of right parameter values
    exact: bool


def score_text(text: str, gold: Gold) -> Score:
    """Score a completion."""
    parsed = parse_answer(text, gold)
    return score_calls(parsed.calls, gold, parsed.malformed)


def score_calls(
    calls: Sequence[ToolCall],
    gold: Gold,
    malformed: str = "",
    compare: Callable[[Sequence[ToolCall], Gold], Score] | None = None,
) -> Score:
    """Score calls by the rules above; explain.py says in full what is wrong.

    compare: scores calls that are to be compared in another order (chain.py).
    `counts` are right and total calls, for a ratio over many samples.
    """
    expected = len(gold.calls)
    wrong = None
    if malformed or not calls or not expected or len(calls) > _MOST + 10 * expected:
        score = _score_uncompared(calls, gold, malformed)
    elif len(calls) == 1 == expected:
        score = _score_one(calls[0], gold)
    elif len(calls) == expected and not (wrong := _wrong_places(calls, gold.matchers)):
        score = gold.perfect
    elif compare is not None:
        score = compare(calls, gold)
    elif gold.options.ordered:
        score = _score_in_order(calls, gold)
    else:
        pairs = _pairs_but_one(calls, gold, wrong[0]) if wrong and len(wrong) == 1 else None
        score = score_pairs(calls, gold, pairs or matched_pairs(calls, gold))
    if gold.item is None:
        return score
    if gold.valid is not None and score is gold.perfect and _is_own(calls, gold.matchers):
        return gold.valid
    error = verdict(calls, gold.item, malformed)
    reason = f"BFCL: {error or 'valid'}"
    counts = score.counts | {"right": int(not error), "total": 1}
    return Score(float(not error), not error, reason, score.parts, counts)


def matched_pairs(calls: Sequence[ToolCall], gold: Gold) -> list[MatchedPair]:
    """Return the best one-to-one pairs of calls that have the same name."""
    if gold.options.ordered:
        pairs_at, weights = pair_table(calls, gold)
        size = len(calls) + len(gold.calls)
        return [pairs_at[place] for place in best_share(in_order, weights, size)]
    # names must agree, so each name is a small assignment problem of its own
    rows_by_name: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        rows_by_name.setdefault(call.name, []).append(index)
    pairs: list[MatchedPair] = []
    for name, rows in rows_by_name.items():
        columns = gold.positions.get(name, [])
        if len(rows) == 1 == len(columns):
            pairs.append(_pair(rows[0], calls[rows[0]], columns[0], gold.matchers[columns[0]]))
            continue
        best = _undisputed_pairs(calls, gold, rows, columns)
        if best is None:
            table, weights = [], []
            for i in rows:
                row = [_pair(i, calls[i], j, gold.matchers[j]) for j in columns]
                table.append(row)
                weights.append([_weight(pair, gold.weights) for pair in row])
            best = [table[i][j] for i, j in unordered(weights)]
        pairs += best
    return pairs


def pairs_of(calls: Sequence[ToolCall], gold: Gold) -> dict[int, int]:
    """Return position made: position expected, of the calls that are compared."""
    if not comparable(calls, gold):
        return {}
    return {pair.made: pair.expected for pair in matched_pairs(calls, gold)}


def comparable(calls: Sequence[ToolCall], gold: Gold) -> bool:
    """Tell if the calls are few enough to be compared: hostile output is bounded."""
    return len(calls) <= _MOST + 10 * len(gold.calls)


def _wrong_places(calls: Sequence[ToolCall], matchers: Sequence[CallMatcher]) -> list[int]:
    """Return where calls and gold differ: none for the commonest good answer."""
    wrong = []
    for place, (call, matcher) in enumerate(zip(calls, matchers, strict=True)):
        if call.name != matcher.name or not matcher.is_exact(call.arguments):
            wrong.append(place)
    return wrong


def _is_own(calls: Sequence[ToolCall], matchers: Sequence[CallMatcher]) -> bool:
    """Tell if an exact answer is the gold's own, of which BFCL's verdict is known."""
    for call, matcher in zip(calls, matchers, strict=True):
        if call.name != matcher.name or not matcher.is_own(call.arguments):
            return False
    return True


def _pairs_but_one(calls: Sequence[ToolCall], gold: Gold, wrong: int) -> list[MatchedPair] | None:
    """Return the best pairs of an answer that is right but for the call at one place; None where
    that call is worth more, or alone worth something, at another one."""
    call = calls[wrong]
    pairs = [MatchedPair(i, i, 1.0, 1.0, True) for i in range(len(calls)) if i != wrong]
    columns = gold.positions.get(call.name)
    if not columns:
        return pairs
    if wrong not in columns:
        return None
    own = _pair(wrong, call, wrong, gold.matchers[wrong])
    most = _weight(own, gold.weights)
    for column in columns:
        if column != wrong:
            other = _pair(wrong, call, column, gold.matchers[column])
            if _weight(other, gold.weights) > most:
                return None
    pairs.append(own)
    return pairs


def _score_uncompared(calls: Sequence[ToolCall], gold: Gold, malformed: str) -> Score:
    """Score an answer whose calls are not compared with expected ones."""
    parts = _NOTHING
    counts = {"right": 0, "total": max(len(gold.calls), len(calls), 1)}
    if malformed.startswith(UNREAD):
        reason = malformed
        counts["unread"] = 1
    elif malformed:
        reason = f"malformed: {malformed}"
    elif not calls and not gold.calls:
        return gold.perfect
    elif not calls:
        reason = "no call was made"
    else:
        parts = _FORMAT_ALONE
        reason = "too many calls" if gold.calls else "no call was wanted"
    return Score(0.0, False, reason, parts, counts)


def _score_one(call: ToolCall, gold: Gold) -> Score:
    """Score one call where one is expected, as _score_pairs does, in a third of the time."""
    matcher = gold.matchers[0]
    shares = (0.0, 0.0, 0.0)
    if call.name == matcher.name:
        pair = _pair(0, call, 0, matcher)
        if pair.exact:
            return gold.perfect
        shares = (1.0, pair.names, pair.values)
    fitting = int(not gold.validators or is_valid(call, gold.validators))
    return _imperfect(gold, shares, fitting, 1, 1, 0)


def _score_in_order(calls: Sequence[ToolCall], gold: Gold) -> Score:
    pairs, weights = pair_table(calls, gold)
    best = best_share(in_order, weights, len(calls) + len(gold.calls))
    right = len(in_order(exact_weights(pairs, weights)))
    return score_pairs(calls, gold, [pairs[place] for place in best], right)


def score_pairs(
    calls: Sequence[ToolCall],
    gold: Gold,
    pairs: Sequence[MatchedPair],
    right: int | None = None,
) -> Score:
    """Score calls by the expected calls that they are matched with.

    right: the number of calls that are right also by their order, where the order counts.
    """
    exact = {pair.made for pair in pairs if pair.exact}
    expected, made = len(gold.calls), len(calls)
    if right is None:
        right = len(exact)
    if right == expected == made:
        return gold.perfect
    union = expected + made - len(pairs)
    # fsum: the same for each order of the pairs
    names = fsum([pair.names for pair in pairs]) / union
    values = fsum([pair.values for pair in pairs]) / union
    if right < len(exact) == expected == made:
        # wrong by their order alone: the place is one more value of a call
        parameters = max([len(matcher.keys) for matcher in gold.matchers])
        values = 1 - 1 / (expected * (parameters + 1))
    fitting = made
    if gold.validators:
        for index, call in enumerate(calls):
            if index in exact or is_valid(call, gold.validators):
                continue
            # what the gold accepts needs no schema, also where another call is matched with it
            fitting -= 1
            for column in gold.positions.get(call.name, ()):
                if gold.matchers[column].is_exact(call.arguments):
                    fitting += 1
                    break
    shares = (len(pairs) / union, names, values)
    return _imperfect(gold, shares, fitting, expected, made, right)


def _imperfect(
    gold: Gold, shares: Weights, fitting: int, expected: int, made: int, right: int
) -> Score:
    """Return the score of these shares (name, parameter names and values) and numbers of calls."""
    name, names, values = shares
    of_name, of_names, of_values = gold.weights
    value = of_name * name + of_names * names + of_values * values
    if made > expected:
        total, count = made, expected / made
        value *= count
    else:
        total, count = expected, made / expected
    parts = {
        "format": 1.0, "name": name, "parameter_names": names, "parameter_values": values,
        "schema": fitting / total, "count": count,
    }  # fmt: skip
    reason = f"{right} of {total} calls right"
    return Score(round(value, 12), False, reason, parts, {"right": right, "total": total})


def _undisputed_pairs(
    calls: Sequence[ToolCall], gold: Gold, rows: list[int], columns: list[int]
) -> list[MatchedPair] | None:
    """Return the best pair of each on the shorter side; None if two of them want the same partner.

    Rows are positions of calls, columns of expected ones, of one name. Nothing can be better than
    these pairs. Most answers need no more, and most of their calls stand at their own place, which
    is tried first.
    """
    matchers, weights = gold.matchers, gold.weights
    by_row = len(rows) <= len(columns)
    taken: set[int] = set()
    pairs: list[MatchedPair] = []
    for row, column in zip(rows, columns, strict=False):
        best = _pair(row, calls[row], column, matchers[column])
        if not best.exact:
            most = _weight(best, weights)
            own_place = column if by_row else row
            for other in columns if by_row else rows:
                if other == own_place:
                    continue
                i, j = (row, other) if by_row else (other, column)
                pair = _pair(i, calls[i], j, matchers[j])
                weight = _weight(pair, weights)
                if weight > most:
                    best, most = pair, weight
        taken.add(best.expected if by_row else best.made)
        pairs.append(best)
    return pairs if len(taken) == len(pairs) else None


def pair_table(
    calls: Sequence[ToolCall], gold: Gold
) -> tuple[dict[tuple[int, int], MatchedPair], list[list[float]]]:
    """Return all pairs of calls that have the same name, by (made, expected), and their weights.

    Weights are [made][expected], 0 where the names differ.
    """
    pairs: dict[tuple[int, int], MatchedPair] = {}
    weights = [[0.0] * len(gold.calls) for _ in calls]
    for i, call in enumerate(calls):
        for j in gold.positions.get(call.name, []):
            pairs[i, j] = _pair(i, call, j, gold.matchers[j])
            weights[i][j] = _weight(pairs[i, j], gold.weights)
    return pairs, weights


def exact_weights(
    pairs: Mapping[tuple[int, int], MatchedPair], weights: Sequence[Sequence[float]]
) -> list[list[float]]:
    """Return weights [made][expected] of the same size: 1 for an exact pair, else 0."""
    exact = [[0.0] * len(row) for row in weights]
    for (i, j), pair in pairs.items():
        exact[i][j] = float(pair.exact)
    return exact


def _pair(made: int, call: ToolCall, expected: int, matcher: CallMatcher) -> MatchedPair:
    arguments, required, usual = call.arguments, matcher.required, matcher.usual
    if matcher.is_usual(arguments):
        return MatchedPair(made, expected, 1.0, 1.0, True)
    named = right = missing = 0
    for name, value in arguments.items():
        kind, first = type(value), usual.get(name)
        if (kind is type(first) and kind in PLAIN and value == first) or (
            name in matcher.keys and matcher.accepts(name, value)
        ):
            right += 1
            named += 1
        elif name in required:
            named += 1
        elif matcher.absent and name not in matcher.keys and matcher.is_left_out(name, value):
            rest = ToolCall(call.name, without(arguments, name))
            return _pair(made, rest, expected, matcher)
    if len(arguments) != len(matcher.keys) or named != len(arguments):
        missing = len(required - arguments.keys())
    size = len(arguments) + missing
    if right == size:
        return MatchedPair(made, expected, 1.0, 1.0, True)
    return MatchedPair(made, expected, named / size, right / size, False)


def _weight(pair: MatchedPair, weights: Weights) -> float:
    # A pair pays by its name alone. Of matchings with the same total that with more exact pairs and
    # more right values counts, so that no part depends on the order of the calls.
    of_name, of_names, of_values = weights
    bonus = 2e-9 if pair.exact else 1e-9
    return of_name + of_names * pair.names + (of_values + 1e-10) * pair.values + bonus
