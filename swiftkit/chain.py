"""A chain: the calls of all answers between a user's question and the end, each answer after the results of the last.

A row of `swiftkit convert --to grpo` holds a chain already: its messages end with the recorded calls and results of the
steps before, and `expected_calls` is the gold of the step that is asked for. In a multi-turn rollout the model walks
the chain itself, so the row is taken back to the question and the recorded calls become gold too. As one text:

    [[{"name": "get_order", ...}], [{"name": "cancel_order", ...}]]      a list of steps, each a list of gold calls

The score is that of toolcall/score.py for all calls together, with two more rules:

1. Steps are ordered, the calls of one step are not: a call that comes in a turn after one that answers a later step
   does not count. How many turns the model takes is its own affair.
2. One malformed answer makes the chain malformed.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Score
from swiftkit.toolcall.call import ToolCall, call_from
from swiftkit.toolcall.gold import Gold, GoldCall, gold_from, gold_of
from swiftkit.toolcall.score import Pair, match, score_calls

Messages = Sequence[Mapping[str, Any]]
_calls = msgspec.json.Decoder(list[GoldCall]).decode
_steps = msgspec.json.Decoder(list[list[GoldCall]]).decode


def question_of(messages: Messages) -> Messages:
    """The messages up to the last question: what a rollout starts from."""
    last = max((index for index, message in enumerate(messages, 1) if message["role"] == "user"), default=len(messages))
    return messages[:last]


def steps_of(messages: Messages, expected_calls: str, where: str) -> str:
    """The gold of the whole chain, as JSON text. Raises DataError (bad_gold, bad_call), naming `where`."""
    gold_from(expected_calls, where)
    recorded = messages[len(question_of(messages)) :]
    runs = groupby(recorded, key=lambda message: message["role"])
    steps = [_recorded(list(run), where) for role, run in runs if role == "tool_call"]
    last = _calls(expected_calls)
    return msgspec.json.encode([*steps, last] if last else steps).decode()


def _recorded(messages: Messages, where: str) -> Sequence[GoldCall]:
    try:
        return gold_of([call_from(msgspec.json.decode(message["content"]), where) for message in messages]).calls
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{where}: a recorded call is not JSON: {error}", "bad_call", "convert the row again"
        ) from error


def score_chain(answers: Sequence[str], steps: str, scoring: str = "", tools: str = "") -> Score:
    """The score of a rollout's answers, in their order, by what steps_of gave. No answer raises."""
    gold, step_of = _gold(steps, scoring, tools)
    parsed = [gold.parse(answer) for answer in answers]
    malformed = next((one.malformed for one in parsed if one.malformed), "")
    turns = [turn for turn, one in enumerate(parsed) for _ in one.calls]
    calls = [call for one in parsed for call in one.calls]
    return score_calls(_in_order(calls, turns, gold, step_of), gold, malformed)


@lru_cache(maxsize=16384)
def _gold(steps: str, scoring: str, tools: str) -> tuple[Gold, tuple[int, ...]]:
    """All calls as one gold, and the step of each."""
    decoded = _steps(steps)
    flat = msgspec.json.encode([call for step in decoded for call in step]).decode()
    return gold_from(flat, "expected_calls", scoring, tools), tuple(
        number for number, step in enumerate(decoded) for _ in step
    )


class _Place(NamedTuple):
    """Where a matched call stands, and what it is worth."""

    turn: int
    step: int
    made: int
    weight: float


def _in_order(calls: list[ToolCall], turns: list[int], gold: Gold, step_of: Sequence[int]) -> list[ToolCall]:
    """The calls; those that come too late under a name that no gold has."""
    if len(set(step_of)) < 2:
        return calls
    pairs = match(calls, gold)
    kept = _longest([_place(pair, turns, step_of) for pair in pairs])
    late = {pair.made for pair in pairs} - kept
    return [ToolCall(f"{call.name} (too late)", {}) if made in late else call for made, call in enumerate(calls)]


def _place(pair: Pair, turns: list[int], step_of: Sequence[int]) -> _Place:
    return _Place(turns[pair.made], step_of[pair.expected], pair.made, 1 + pair.names + pair.values)


def _longest(places: list[_Place]) -> set[int]:
    """The calls of the best choice in which no step comes in a turn before an earlier step's."""
    best: list[tuple[float, set[int]]] = []
    for number, place in enumerate(ordered := sorted(places)):
        before = [best[other] for other in range(number) if ordered[other].step <= place.step]
        weight, made = max(before, key=lambda one: one[0], default=(0.0, set()))
        best.append((weight + place.weight, made | {place.made}))
    return max(best, key=lambda one: one[0], default=(0.0, set()))[1]
