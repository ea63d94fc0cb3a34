"""Multi-turn rollouts: an answer's calls are run, the model sees their results, until it answers
without a call.

    SWIFTKIT_TOOLS=my_tools.py
    --multi_turn_scheduler tool_calls --max_turns 4 --reward_funcs tool_chain

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
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from swift.rollout import MultiTurnScheduler
from swift.template import Template
from swift.template.utils import get_token_backed_response_ids

from swiftkit.environments.environment import AgentTask, Message
from swiftkit.environments.python_tools import PythonToolsEnvironment, start
from swiftkit.scoring import rewards
from swiftkit.scoring.chain import question_of, steps_of
from swiftkit.scoring.completion import parse_answer
from swiftkit.swift_plugins import replaced_surrogates  # noqa: F401 - what tools say may hold them
from swiftkit.toolcall.tools import tools_from


class _RunningEpisode(NamedTuple):
    """A rollout on its way."""

    environment: PythonToolsEnvironment
    row: dict[str, Any]
    steps: str  # the gold of the whole chain, as JSON text
    answers: list[str]
    news: list[Message]  # from the environment, on the last answer


class ToolCallTurns(MultiTurnScheduler):  # type: ignore[misc]  # swift ships no types
    """swift calls on_trajectory_start, then after each answer on_turn_end and, to go on, step."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._episodes: dict[str, _RunningEpisode] = {}
        self.run_format = rewards.ANY_RUN  # set by tool_call_reward.py before the first step

    async def on_trajectory_start(self, requests: Sequence[Any]) -> None:
        for request in requests:
            row = dict(request.data_dict, tools=request.tools)
            row[rewards.SCORING] = self.run_format.scoring_of(row.get(rewards.SCORING))
            steps = steps_of(request.messages, row[rewards.GOLD], rewards.GOLD)
            config = {"tools": tools_from(request.tools), "state": rewards.state_of(row)}
            config["messages"] = question_of(request.messages)
            environment = start(AgentTask(request.uuid, "python-tools", config), seed=0)
            self._episodes[request.uuid] = _RunningEpisode(environment, row, steps, [], [])
            request.messages = environment.reset().messages

    async def on_turn_end(
        self, infer_request: Any, response_choice: Any, current_turn: int
    ) -> dict[str, Any]:
        episode = self._episodes[infer_request.uuid]
        answer = infer_request.messages[-1]["content"]
        parsed = parse_answer(answer, rewards.gold_of_row(episode.row))
        turn = await asyncio.to_thread(episode.environment.step, parsed)
        episode.answers.append(answer)
        episode.news[:] = turn.messages
        is_cut = self.check_finished(infer_request, response_choice, current_turn)
        if turn.next != "end" and not is_cut:
            return {"done": False, "rollout_infos": {}}
        del self._episodes[infer_request.uuid]
        rollout = rewards.Rollout(episode.answers, episode.steps, episode.environment.outcomes)
        return {"done": True, "rollout_infos": msgspec.to_builtins(rollout)}

    def step(self, infer_request: Any, *_: Any, **__: Any) -> dict[str, Any]:
        infer_request.messages += self._episodes[infer_request.uuid].news
        return {"infer_request": infer_request}


def _prepare(template: Any, inputs: Any) -> None:
    _swift_prepare(template, inputs)
    for answer, results in pairwise(inputs.messages):
        ids, parts = get_token_backed_response_ids(answer["content"]), results["content"]
        if not ids or results["role"] != "tool" or not isinstance(parts, list):
            continue
        if isinstance(parts[0], str):
            text = parts[0].removeprefix(template.tokenizer.decode(ids[-1:]))
            results["content"] = [text, *parts[1:]]


_swift_prepare = Template._swift_prepare_inputs
Template._swift_prepare_inputs = _prepare
