"""A chain: the calls of all answers between a user's question and the end of a rollout.

A row of `swiftkit convert --to grpo` holds a chain already: its messages end with the recorded
calls and results of the steps before, and `expected_calls` is the gold of the step that is asked
for. In a multi-turn rollout the model walks the chain itself, so the row is taken back to the
question and the recorded calls become gold too. As one text, a list of steps, each a list of calls:

    [[{"name": "get_order", ...}], [{"name": "cancel_order", ...}]]

The score is that of scoring/score.py for all calls together, with two more rules:

1. Steps are ordered, the calls of one step are not: a call that comes in a turn after one that
   answers a later step does not count. How many turns the model takes is its own affair.
2. One malformed answer makes the chain malformed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Score
from swiftkit.scoring.expected_calls import (
    ExpectedCall,
    expect_exactly,
    read_expected_calls,
    to_json,
)
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.scoring.score import matched_pairs, pairs_of, parse_answer, score_calls
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.read_call import call_from


class Chain(NamedTuple):
    """All expected calls as one gold, and the number of the step of each, from 0."""

    gold: Gold
    step_of: tuple[int, ...]

    @property
    def steps(self) -> int:
        return len(set(self.step_of))


Messages = Sequence[Mapping[str, Any]]
_decode_steps = msgspec.json.Decoder(list[list[ExpectedCall]]).decode


def question_of(messages: Messages) -> Messages:
    """Return the messages up to the last question: what a rollout starts from."""
    end = len(messages)
    for index, message in enumerate(messages, 1):
        if message["role"] == "user":
            end = index
    return messages[:end]


def steps_of(messages: Messages, expected_calls: str, where: str) -> str:
    """Return the gold of the whole chain, as JSON text.

    Raises DataError (bad_gold, bad_call), naming `where`.
    """
    last = read_expected_calls(expected_calls, where)
    recorded = messages[len(question_of(messages)) :]
    steps = []
    for role, run in groupby(recorded, key=lambda message: message["role"]):
        if role != "tool_call":
            continue
        try:
            calls = [msgspec.json.decode(message["content"]) for message in run]
        except (ValueError, TypeError) as error:
            reason = f"{where}: a recorded call is not JSON: {error}"
            raise DataError(reason, "bad_call", "convert the row again") from error
        steps.append(expect_exactly([call_from(call, where) for call in calls]))
    if last:
        steps.append(last)
    return msgspec.json.encode(steps).decode()


def score_chain(answers: Sequence[str], steps: str, scoring: str = "", tools: str = "") -> Score:
    """Score a rollout's answers, in their order, by what steps_of returned. No answer raises."""
    chain = chain_from(steps, scoring, tools)
    return score_turns([parse_answer(answer, chain.gold) for answer in answers], chain)


def score_turns(parsed: Sequence[Parsed], chain: Chain) -> Score:
    """Score answers that are read already."""
    calls, malformed = _calls_in_order(parsed, chain)
    return score_calls(calls, chain.gold, malformed)


def steps_right(parsed: Sequence[Parsed], chain: Chain) -> int:
    """Return the number of steps that have all their calls, exact and none after a later step's.

    0 for a malformed chain.
    """
    calls, malformed = _calls_in_order(parsed, chain)
    if malformed:
        return 0
    left = Counter(chain.step_of)
    for made, expected in pairs_of(calls, chain.gold).items():
        if chain.gold.matchers[expected].is_exact(calls[made].arguments):
            left[chain.step_of[expected]] -= 1
    return list(left.values()).count(0)


@lru_cache(maxsize=16384)
def chain_from(steps: str, scoring: str = "", tools: str = "") -> Chain:
    """Return the chain of what steps_of returned. Raises DataError (bad_gold)."""
    expected_calls: list[ExpectedCall] = []
    step_of: list[int] = []
    for number, step in enumerate(_decode_steps(steps)):
        expected_calls += step
        step_of += [number] * len(step)
    gold = gold_from(to_json(expected_calls), "expected_calls", scoring, tools)
    return Chain(gold, tuple(step_of))


class _PlacedCall(NamedTuple):
    """A call that was matched: the turn and the step that it stands in, and its worth."""

    turn: int
    step: int
    made: int  # its position among all calls
    weight: float


def _calls_in_order(parsed: Sequence[Parsed], chain: Chain) -> tuple[list[ToolCall], str]:
    """Return all calls, and the reason why an answer cannot be read.

    Calls that come too late have another name, which no gold has.
    """
    calls: list[ToolCall] = []
    turns: list[int] = []
    malformed = ""
    for turn, answer in enumerate(parsed):
        malformed = malformed or answer.malformed
        calls += answer.calls
        turns += [turn] * len(answer.calls)
    if chain.steps < 2:
        return calls, malformed
    placed = []
    for pair in matched_pairs(calls, chain.gold):
        turn, step = turns[pair.made], chain.step_of[pair.expected]
        placed.append(_PlacedCall(turn, step, pair.made, 1 + pair.names + pair.values))
    for made in {call.made for call in placed} - _in_time(placed):
        calls[made] = ToolCall(f"{calls[made].name} (too late)", {})
    return calls, malformed


def _in_time(placed: list[_PlacedCall]) -> set[int]:
    """Return the positions of the best choice in which no step comes before an earlier one's turn.

    By dynamic programming: the best choice that ends with a call extends the best one that ends
    with an earlier call of the same or an earlier step.
    """
    placed = sorted(placed)
    choices: list[tuple[float, set[int]]] = []  # (total weight, positions) that ends with each call
    for number, call in enumerate(placed):
        before = [choices[other] for other in range(number) if placed[other].step <= call.step]
        weight, made = max(before, key=lambda choice: choice[0], default=(0.0, set()))
        choices.append((weight + call.weight, made | {call.made}))
    return max(choices, key=lambda choice: choice[0], default=(0.0, set()))[1]
