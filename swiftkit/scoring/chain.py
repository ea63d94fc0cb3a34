"""A chain: the calls of all answers between a user's question and the end, each answer after the
results of the last.

A row of `swiftkit convert --to grpo` holds a chain already: its messages end with the recorded
calls and results of the steps before, and `expected_calls` is the gold of the step that is asked
for. In a multi-turn rollout the model walks the chain itself, so the row is taken back to the
question and the recorded calls become gold too. As one text:

    [[{"name": "get_order", ...}], [{"name": "cancel_order", ...}]]      a list of steps, each a list of gold calls

The score is that of scoring/score.py for all calls together, with two more rules:

1. Steps are ordered, the calls of one step are not: a call that comes in a turn after one that
   answers a later step does not count. How many turns the model takes is its own affair.
2. One malformed answer makes the chain malformed.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Score
from swiftkit.scoring.gold import Gold, GoldCall, gold_from, gold_of
from swiftkit.scoring.score import Pair, match, pairs_of, score_calls
from swiftkit.toolcall.call import Parsed, ToolCall, call_from


class Chain(NamedTuple):
    """All expected calls as one gold, and the number of the step of each, from 0."""

    gold: Gold
    step_of: tuple[int, ...]

    @property
    def steps(self) -> int:
        return len(set(self.step_of))


Messages = Sequence[Mapping[str, Any]]
_calls = msgspec.json.Decoder(list[GoldCall]).decode
_steps = msgspec.json.Decoder(list[list[GoldCall]]).decode


def question_of(messages: Messages) -> Messages:
    """The messages up to the last question: what a rollout starts from."""
    last = max(
        (index for index, message in enumerate(messages, 1) if message["role"] == "user"),
        default=len(messages),
    )
    return messages[:last]


def steps_of(messages: Messages, expected_calls: str, where: str) -> str:
    """The gold of the whole chain, as JSON text. Raises DataError (bad_gold, bad_call), naming
    `where`."""
    gold_from(expected_calls, where)
    recorded = messages[len(question_of(messages)) :]
    runs = groupby(recorded, key=lambda message: message["role"])
    steps = [_recorded(list(run), where) for role, run in runs if role == "tool_call"]
    last = _calls(expected_calls)
    return msgspec.json.encode([*steps, last] if last else steps).decode()


def _recorded(messages: Messages, where: str) -> Sequence[GoldCall]:
    try:
        return gold_of(
            [call_from(msgspec.json.decode(message["content"]), where) for message in messages]
        ).calls
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{where}: a recorded call is not JSON: {error}", "bad_call", "convert the row again"
        ) from error


def score_chain(answers: Sequence[str], steps: str, scoring: str = "", tools: str = "") -> Score:
    """The score of a rollout's answers, in their order, by what steps_of gave. No answer raises."""
    chain = chain_from(steps, scoring, tools)
    return score_turns([chain.gold.parse(answer) for answer in answers], chain)


def score_turns(parsed: Sequence[Parsed], chain: Chain) -> Score:
    """The same for answers that are read already."""
    calls, malformed = _calls_in_order(parsed, chain)
    return score_calls(calls, chain.gold, malformed)


def steps_right(parsed: Sequence[Parsed], chain: Chain) -> int:
    """How many steps have all their calls, each exact and none after a later step's; 0 for a
    malformed chain."""
    calls, malformed = _calls_in_order(parsed, chain)
    found = {} if malformed else pairs_of(calls, chain.gold)
    exact = {j for i, j in found.items() if chain.gold.answers[j].all_right(calls[i].arguments)}
    steps = groupby(range(len(chain.step_of)), key=lambda index: chain.step_of[index])
    return sum(exact.issuperset(indexes) for _, indexes in steps)


def _calls_in_order(parsed: Sequence[Parsed], chain: Chain) -> tuple[list[ToolCall], str]:
    """All calls, those that come too late under another name, and why an answer cannot be read."""
    malformed = next((one.malformed for one in parsed if one.malformed), "")
    turns = [turn for turn, one in enumerate(parsed) for _ in one.calls]
    calls = [call for one in parsed for call in one.calls]
    return _in_order(calls, turns, chain.gold, chain.step_of), malformed


@lru_cache(maxsize=16384)
def chain_from(steps: str, scoring: str = "", tools: str = "") -> Chain:
    """The chain of what steps_of gave. Raises DataError (bad_gold)."""
    decoded = _steps(steps)
    flat = msgspec.json.encode([call for step in decoded for call in step]).decode()
    step_of = tuple(number for number, step in enumerate(decoded) for _ in step)
    return Chain(gold_from(flat, "expected_calls", scoring, tools), step_of)


class _Place(NamedTuple):
    """Where a matched call stands, and what it is worth."""

    turn: int
    step: int
    made: int
    weight: float


def _in_order(
    calls: list[ToolCall], turns: list[int], gold: Gold, step_of: Sequence[int]
) -> list[ToolCall]:
    """The calls; those that come too late under a name that no gold has."""
    if len(set(step_of)) < 2:
        return calls
    pairs = match(calls, gold)
    kept = _longest([_place(pair, turns, step_of) for pair in pairs])
    late = {pair.made for pair in pairs} - kept
    return [
        ToolCall(f"{call.name} (too late)", {}) if made in late else call
        for made, call in enumerate(calls)
    ]


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
