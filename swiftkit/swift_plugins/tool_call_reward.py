"""GRPO rewards for tool calls: swiftkit's scorer, the same function that `swiftkit eval` reports.

    swift rlhf --rlhf_type grpo --external_plugins swiftkit/swift_plugins/tool_call_reward.py \
        --reward_funcs tool_call tool_call_format --reward_weights 0.9 0.1

    tool_call           the graded score in [0, 1], see scoring/score.py for the rules
    tool_call_exact     1 for an answer that is right in all its calls, else 0
    tool_call_format    1 for an answer whose calls can be read, else 0
    tool_call_schema    the share of calls that their tool's JSON Schema allows
    tool_chain          the graded score of a rollout's chain of calls (scoring/chain.py)
    tool_call_success   the share of calls that give a (right) result, run by SWIFTKIT_TOOLS' file

`--multi_turn_scheduler tool_calls` (tool_call_turns.py) runs the calls between turns; then every
reward judges the whole chain. Rows come from `swiftkit convert --to grpo`: they end at a user or
tool turn and carry the gold in `expected_calls`. A completion never raises, whatever it holds. Gold
that is missing or broken stops the run before the first completion, for a reward of 0 on every row
would train on nothing.

Beside each reward's mean, swift logs the means of the score's parts: tool_call/name,
tool_call/parameter_values, ... (tool_call_hooks.py). A reward stands in the log under the name of
its class, so the classes are called as they are registered. swift puts this file's folder on
sys.path and imports it by its stem: absolute imports only.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from swift.rewards import ORM, orms
from swift.rollout import multi_turns

from swiftkit.environments.python_tools import shared_pool
from swiftkit.errors import UsageError
from swiftkit.records import Score
from swiftkit.sandbox.tool_pool import State, ToolOutcome
from swiftkit.scoring import rewards
from swiftkit.scoring.completion import parse_answer
from swiftkit.swift_plugins import tool_call_hooks
from swiftkit.swift_plugins.tool_call_turns import ToolCallTurns
from swiftkit.toolcall.tools import tool_names, tools_from

_Run = tuple[list[ToolOutcome], State]  # the outcomes of calls, and the world after them


class ScoreReward(ORM):  # type: ignore[misc]  # swift ships no types
    """A number for each completion: the score's value. A subclass is a reward under its name."""

    group = "tool_call"  # its parts are logged as group/*
    parts: list[dict[str, float]]  # of the last batch, by completion
    run_format = rewards.ANY_RUN  # set before the first step (tool_call_hooks.py)
    has_warned = False  # of answers that are not read, whichever reward sees them first

    def __init_subclass__(cls) -> None:
        orms[cls.__name__] = cls

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        super().__init__(args, **kwargs)
        self.parts = []
        tool_call_hooks.install()

    def check(self, trainer: Any) -> None:
        """Raise UsageError if the trainer's settings leave nothing to reward; the data is sound."""
        if isinstance(trainer.multi_turn_scheduler, ToolCallTurns):
            trainer.multi_turn_scheduler.run_format = self.run_format
            shared_pool()

    def __call__(self, completions: Sequence[str], **columns: Any) -> list[float]:
        scores = rewards.scores(completions, self.pinned(columns, len(completions)))
        self.parts = []
        unread = []
        for score in scores:
            is_unread = "unread" in score.counts
            self.parts.append(score.parts | {"unread": float(is_unread)})
            if is_unread:
                unread.append(score.reason)
        if unread and not ScoreReward.has_warned:
            ScoreReward.has_warned = True
            _warn(unread, len(scores))
        return [self.worth(score) for score in scores]

    def pinned(self, columns: dict[str, Any], count: int) -> dict[str, Any]:
        """Return the columns of `count` rows, with the training's wire format in their options."""
        scoring = columns.get(rewards.SCORING) or [None] * count
        return columns | {rewards.SCORING: [self.run_format.scoring_of(each) for each in scoring]}

    def worth(self, score: Score) -> float:
        return score.value


class tool_call(ScoreReward):  # noqa: N801
    """The score's value, as it is."""


class tool_call_exact(ScoreReward):  # noqa: N801
    def worth(self, score: Score) -> float:
        return float(score.exact)


class tool_call_format(ScoreReward):  # noqa: N801
    def worth(self, score: Score) -> float:
        return score.parts["format"]


class tool_call_schema(ScoreReward):  # noqa: N801
    def worth(self, score: Score) -> float:
        return score.parts["schema"]


class tool_chain(ScoreReward):  # noqa: N801
    group = "tool_chain"

    def check(self, trainer: Any) -> None:
        if trainer.multi_turn_scheduler is None and not trainer.enable_server_multi_turn:
            fix = "add --multi_turn_scheduler tool_calls --max_turns 4"
            raise UsageError(f"reward tool_chain: there are no turns; {fix}")
        super().check(trainer)


class tool_call_success(ScoreReward):  # noqa: N801
    """Runs the calls of all answers at once, in processes; those of a rollout have been run."""

    group = "tool_call_success"

    def check(self, trainer: Any) -> None:
        super().check(trainer)
        shared_pool()

    def __call__(self, completions: Sequence[str], **columns: Any) -> list[float]:
        columns = self.pinned(columns, len(completions))
        lists = {name: values for name, values in columns.items() if isinstance(values, list)}
        running: list[tuple[dict[str, Any], rewards.Rollout | Future[_Run]]] = []
        for index, completion in enumerate(completions):
            row = {name: values[index] for name, values in lists.items()}
            rollout = rewards.rollout_of(row.get("rollout_infos"))
            running.append((row, rollout or _start_calls(completion, row)))
        worths = []
        self.parts = []
        for row, run in running:
            if isinstance(run, rewards.Rollout):
                outcomes, expected = run.outcomes, rewards.calls_in(run.steps)
            else:
                outcomes, expected = run.result()[0], len(rewards.gold_of_row(row).calls)
            results = sum(not outcome.error for outcome in outcomes)
            self.parts.append({"calls": len(outcomes), "results": results})
            worths.append(rewards.success(outcomes, expected, rewards.results_of(row)))
        return worths


def _warn(unread: list[str], answers: int) -> None:
    """Say once that answers hold call-like markup that is not read, and how to look into it."""
    count = f"{len(unread)} of {answers} answers hold call-like markup that is not read"
    hint = "docs/wire-formats.md says what is read; the log counts them as */unread"
    text = f"\nswiftkit: {count}, and earn 0. One of them: {unread[0][:300]!a}\n{hint}"
    print(text, file=sys.stderr, flush=True)


def _start_calls(completion: str, row: dict[str, Any]) -> Future[_Run]:
    """Begin to run the calls of an answer in the row's world."""
    calls = parse_answer(completion, rewards.gold_of_row(row)).calls
    offered = tool_names(tools_from(row.get(rewards.TOOLS)))
    return shared_pool().submit(calls, rewards.state_of(row), offered)


multi_turns["tool_calls"] = ToolCallTurns
