"""A chain: the calls of all answers between a user's question and the end of a rollout.

A row of `swiftkit convert --to grpo` holds a chain already: its messages end with the recorded
calls and results of the steps before, and `expected_calls` is the gold of the step that is asked
for. In a multi-turn rollout the model walks the chain itself, so the row is taken back to the
question and the recorded calls become gold too. As one text, a list of steps, each a list of calls:

    [[{"name": "get_order", ...}], [{"name": "cancel_order", ...}]]

The score is that of scoring/score.py for all calls together, with three more rules:

1. Steps are ordered, the calls of one step are not: of the matchings in which no call answers an
   earlier step than a call of an earlier turn, that with the greatest value counts
   (step_matching.py). How many turns the model takes is its own affair.
2. The calls of one turn run one after the other. Their order is of no account for the credit, but a
   call is right only where it runs before all right calls of later steps: `exact` and `counts` say
   how many can be so at once. An answer that is exact but for the order inside a turn has one wrong
   value: the place of a call, beside the parameters of the call that has the most. (More it cannot
   cost, or it would be better to leave a value wrong.)
3. One malformed answer makes the chain malformed.

Hence, as for single answers: a repair never lowers, and a call that answers nothing strictly lowers
a value above 0. A right call behind all others never lowers if the expected call that it answers
was open: in the best matching so far nothing answered it, nor a later step. Where a wrong call
stood for it, that one is now a call too many, and the value may be less: who guesses twice has less
than who guesses once. (Many calls of one name are matched within bounds: step_branches.py.)
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Score
from swiftkit.scoring.assignment import best_share
from swiftkit.scoring.completion import parse_answer
from swiftkit.scoring.expected_calls import (
    ExpectedCall,
    expect_exactly,
    read_expected_calls,
    to_json,
)
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.scoring.score import (
    comparable,
    exact_weights,
    pair_table,
    score_calls,
    score_pairs,
)
from swiftkit.scoring.step_matching import in_steps, whole_steps
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
    calls: list[ToolCall] = []
    turn_of: list[int] = []
    malformed = ""
    for turn, answer in enumerate(parsed):
        malformed = malformed or answer.malformed
        calls += answer.calls
        turn_of += [turn] * len(answer.calls)
    if chain.steps < 2 or chain.gold.options.ordered:
        return score_calls(calls, chain.gold, malformed)
    compare = partial(_score_in_steps, turn_of=turn_of, step_of=chain.step_of)
    return score_calls(calls, chain.gold, malformed, compare)


def _score_in_steps(
    calls: Sequence[ToolCall], gold: Gold, turn_of: Sequence[int], step_of: Sequence[int]
) -> Score:
    pairs, weights = pair_table(calls, gold)
    right = len(in_steps(exact_weights(pairs, weights), range(len(calls)), step_of))
    if right == len(calls) == len(gold.calls):
        return gold.perfect
    match = partial(in_steps, turn_of=turn_of, step_of=step_of)
    best = best_share(match, weights, len(calls) + len(gold.calls))
    return score_pairs(calls, gold, [pairs[place] for place in best], right)


def steps_right(parsed: Sequence[Parsed], chain: Chain) -> int:
    """Return the most steps that can have all their calls, exact and each before the next step's.

    0 for a malformed chain, and for one with too many calls.
    """
    calls = [call for answer in parsed for call in answer.calls]
    if any(answer.malformed for answer in parsed) or not comparable(calls, chain.gold):
        return 0
    exact = exact_weights(*pair_table(calls, chain.gold))
    return whole_steps(exact, chain.step_of, chain.gold.options.ordered)


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
