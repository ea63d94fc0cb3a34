"""How good a model's calls are: one score that serves as GRPO reward and as metric.

The rules:

1. Calls are matched one to one with the expected calls, in any order, within the same name, by the best total.
2. A matched call is right where its value is acceptable (gold.py, values.py): JSON equality, or membership in the
   answer set. It is exact if no required parameter is missing, none is unexpected and all values are right.
3. Of a matched pair, with n = parameters shared + required ones missing + unexpected ones (no parameter at all: 1):
       parameter names   shared / n               parameter values   shared with a right value / n
4. Of the answer, with u = expected + made - matched (so that a missing call, a spurious call and a call by a wrong
   name all cost):
       name = matched / u     parameter_names, parameter_values = the pairs' sums / u
       value = the parts weighted by WEIGHTS
       count = the smaller of (expected, made) / the larger: shown, without a weight
5. A call where none is wanted scores 0; silence where a call is wanted scores 0; malformed output scores 0. No call
   where none is wanted scores 1.

Hence: value in [0, 1], 1.0 only if exact; the order of the calls is of no account; an extra call that answers
nothing strictly lowers a value above 0. Nothing that a model writes raises.
"""

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

from swiftkit.records import Score
from swiftkit.toolcall import detect, explain
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.gold import Answers, Gold

WEIGHTS = {"name": 0.2, "parameter_names": 0.3, "parameter_values": 0.5}
_NOTHING = dict.fromkeys((*WEIGHTS, "count"), 0.0)
_PERFECT = dict.fromkeys((*WEIGHTS, "count"), 1.0)


class Pair(NamedTuple):
    """One call made and the expected call it was matched with, by their positions."""

    made: int
    expected: int
    names: float
    values: float

    @property
    def exact(self) -> bool:
        return self.names == 1.0 == self.values

    @property
    def weight(self) -> float:
        # Of assignments with the same total, the one with more exact pairs.
        return WEIGHTS["parameter_names"] * self.names + WEIGHTS["parameter_values"] * self.values + 1e-9 * self.exact


def score_text(text: str, gold: Gold) -> Score:
    """Score a completion, in whichever wire format it is written (detect.py)."""
    parsed = detect.parse(text)
    return score_calls(parsed.calls, gold, parsed.malformed)


def score_calls(calls: Sequence[ToolCall], gold: Gold, malformed: str = "") -> Score:
    """Score calls by the rules above. `counts` are right and total calls, for a ratio over many samples."""
    expected, made = len(gold.calls), len(calls)
    total = max(expected, made, 1)
    if malformed:
        return _zero(total, explain.malformed(malformed, gold))
    if not expected and not made:
        return Score(1.0, True, "no call was wanted, none was made", _PERFECT, {"right": 1, "total": 1})
    if not expected or not made:
        return _zero(total, explain.one_sided(calls, gold))
    pairs = match(calls, gold)
    right = sum(pair.exact for pair in pairs)
    if right == expected == made:
        return Score(1.0, True, explain.exact(calls), _PERFECT, {"right": right, "total": total})
    parts = _parts(pairs, expected, made)
    value = round(sum(weight * parts[part] for part, weight in WEIGHTS.items()), 12)
    reason = explain.difference(calls, gold, {pair.made: pair.expected for pair in pairs}, parts)
    return Score(value, False, reason, parts, {"right": right, "total": total})


def match(calls: Sequence[ToolCall], gold: Gold) -> list[Pair]:
    """The best one-to-one pairs. Names must agree, so each name is a small assignment problem of its own."""
    made, expected = _by_name(calls), _by_name(gold.calls)
    pairs: list[Pair] = []
    for name in made.keys() & expected.keys():
        rows = [[_pair(i, calls[i], j, gold.answers[j]) for j in expected[name]] for i in made[name]]
        pairs += _best(rows)
    return pairs


def _zero(total: int, reason: str) -> Score:
    return Score(0.0, False, reason, _NOTHING, {"right": 0, "total": total})


def _parts(pairs: list[Pair], expected: int, made: int) -> dict[str, float]:
    union = expected + made - len(pairs)
    return {
        "name": len(pairs) / union,
        "parameter_names": sum(sorted(pair.names for pair in pairs)) / union,
        "parameter_values": sum(sorted(pair.values for pair in pairs)) / union,
        "count": min(expected, made) / max(expected, made),
    }


def _by_name(calls: Sequence[ToolCall] | Sequence[explain.Named]) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        positions.setdefault(call.name, []).append(index)
    return positions


def _pair(made: int, call: ToolCall, expected: int, answers: Answers) -> Pair:
    shared = [name for name in call.arguments if name in answers.keys]
    unexpected = len(call.arguments) - len(shared)
    missing = sum(name not in call.arguments for name in answers.required)
    if not (size := len(shared) + unexpected + missing):
        return Pair(made, expected, 1.0, 1.0)
    right = sum(answers.accepts(name, call.arguments[name]) for name in shared)
    return Pair(made, expected, len(shared) / size, right / size)


def _best(rows: list[list[Pair]]) -> list[Pair]:
    """The assignment with the greatest total weight; all rows have the same length."""
    if len(rows) > len(rows[0]):
        rows = [list(column) for column in zip(*rows, strict=True)]
    tops = [max(range(len(row)), key=lambda j, row=row: row[j].weight) for row in rows]  # type: ignore[misc]
    if len(set(tops)) < len(rows):  # otherwise each row has its own best column: nothing can be better
        tops = _permuted(rows) if len(rows[0]) <= 3 else _assigned(rows)
    return [row[j] for row, j in zip(rows, tops, strict=True)]


def _permuted(rows: list[list[Pair]]) -> list[int]:
    choices = permutations(range(len(rows[0])), len(rows))
    return list(max(choices, key=lambda choice: sum(row[j].weight for row, j in zip(rows, choice, strict=True))))


def _assigned(rows: list[list[Pair]]) -> list[int]:
    from scipy.optimize import linear_sum_assignment

    return [int(j) for j in linear_sum_assignment([[pair.weight for pair in row] for row in rows], maximize=True)[1]]
