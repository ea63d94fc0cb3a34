"""Multi-turn rollouts: an answer's calls are run, the model sees their results, until it answers
without a call.

    --multi_turn_scheduler tool_calls --max_turns 4 --reward_funcs tool_chain        with SWIFTKIT_TOOLS=my_tools.py

It works without vLLM, on swift's transformers engine, as well as with it. A rollout starts at the
row's last question, whatever was recorded after it. It ends with an answer without calls, with one
that is malformed or cut off, or at max_turns. The calls are run by sandbox/tool_pool.py with the
row's `state` as their world; one that fails shows the model {"error": ...}, and it may try again.

A sampled answer keeps its end token, and the text in which an agent template wraps the results
begins with one too. swift 4.6.0 would show the model both, so the second is taken off.

What it was worth, the rewards read in rollout_infos (rewards.Rollout): swift hands a reward
function the last answer only. The answers are kept as texts of their own, for in the messages they
are token ids.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from swift.rollout import MultiTurnScheduler
from swift.template import Template
from swift.template.utils import get_token_backed_response_ids

from swiftkit.sandbox.tool_pool import Outcome, State, ToolRunner, runner_from
from swiftkit.scoring import rewards
from swiftkit.scoring.chain import question_of, steps_of
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.tools import tool_names, tools_from


class _Walk(NamedTuple):
    """A rollout on its way; the row's `state` changes with each turn."""

    steps: str
    row: dict[str, Any]
    answers: list[str]
    outcomes: list[Outcome]
    news: list[Outcome]  # of the last answer


class ToolCallTurns(MultiTurnScheduler):  # type: ignore[misc]  # swift ships no types
    """swift's scheduler: it calls on_trajectory_start, then after each answer on_turn_end and, to
    go on, step."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._walks: dict[str, _Walk] = {}

    async def on_trajectory_start(self, requests: Sequence[Any]) -> None:
        for request in requests:
            row = dict(request.data_dict, tools=request.tools)
            steps = steps_of(request.messages, row[rewards.GOLD], rewards.GOLD)
            self._walks[request.uuid] = _Walk(steps, row, [], [], [])
            request.messages = list(question_of(request.messages))

    async def on_turn_end(
        self, infer_request: Any, response_choice: Any, current_turn: int
    ) -> dict[str, Any]:
        walk = self._walks[infer_request.uuid]
        walk.answers.append(infer_request.messages[-1]["content"])
        calls = rewards.gold_of_row(walk.row).parse(walk.answers[-1]).calls
        walk.news[:] = await self._run(calls, walk)
        walk.outcomes.extend(walk.news)
        done = not calls or self.check_finished(infer_request, response_choice, current_turn)
        if done:
            del self._walks[infer_request.uuid]
        found = rewards.Rollout(walk.answers, walk.steps, walk.outcomes)
        return {"done": done, "rollout_infos": msgspec.to_builtins(found) if done else {}}

    async def _run(self, calls: Sequence[ToolCall], walk: _Walk) -> list[Outcome]:
        outcomes, state = await asyncio.wrap_future(run_calls(shared_runner(), calls, walk.row))
        walk.row[rewards.STATE] = state
        return outcomes

    def step(self, infer_request: Any, response_choice: Any, current_turn: int) -> dict[str, Any]:  # noqa: ARG002
        news = self._walks[infer_request.uuid].news
        infer_request.messages += [{"role": "tool", "content": outcome.text} for outcome in news]
        return {"infer_request": infer_request}


@cache
def shared_runner() -> ToolRunner:
    """One pool of workers for the whole training, of the file that the environment names. Raises
    UsageError."""
    return runner_from(os.environ)


def row_of(columns: Mapping[str, Any], index: int) -> dict[str, Any]:
    """One completion's values of the columns that swift hands over."""
    return {name: values[index] for name, values in columns.items() if isinstance(values, list)}


def run_calls(
    runner: ToolRunner, calls: Sequence[ToolCall], row: Mapping[str, Any]
) -> "Future[tuple[list[Outcome], State]]":
    """Run an answer's calls in the row's world; one of a tool that the row does not offer fails."""
    offered = tool_names(tools_from(row.get(rewards.TOOLS)))
    given = row.get(rewards.STATE)
    return runner.submit(
        calls, given if isinstance(given, dict) else rewards.state_of(row), offered
    )


def _prepare(template: Any, inputs: Any) -> None:
    _swift_prepare(template, inputs)
    for answer, results in pairwise(inputs.messages):
        ids, parts = get_token_backed_response_ids(answer["content"]), results["content"]
        if (
            ids
            and results["role"] == "tool"
            and isinstance(parts, list)
            and isinstance(parts[0], str)
        ):
            results["content"] = [
                parts[0].removeprefix(template.tokenizer.decode(ids[-1:])),
                *parts[1:],
            ]


_swift_prepare = Template._swift_prepare_inputs
Template._swift_prepare_inputs = _prepare
