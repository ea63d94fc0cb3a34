"""Look at the data before GRPO begins, and log more than a reward's mean.

In swift 4.6.0 a reward function gets its arguments and the columns of a batch, and gives numbers
back; the data set, the scheduler and the log belong to the trainer. So three methods of GRPOTrainer
are wrapped, once, as soon as a reward of ours is made:

    train                       first asks each reward whether it can work, compares the first
                                prompts with the model's chat template, and stops with a message
    _compute_rewards_per_func   then adds the means of the rewards' `parts`, over all processes, to
                                the metrics that swift writes to logging.jsonl, SwanLab and the like
    log                         first adds how many later prompts of rollouts a server would send
                                (prompt_gate.py)
"""

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from swiftkit.errors import SwiftkitError
from swiftkit.rendering.written_format import wire_format_named
from swiftkit.scoring import rewards
from swiftkit.scoring.rewards import WIRE_FORMAT
from swiftkit.swift_plugins.prompt_gate import check_prompts, log_prompts

# loaded by the time a reward is made; elsewhere there is nothing to wrap
_TRAINER = "swift.rlhf_trainers.grpo_trainer"
_COLUMNS = (
    "messages", rewards.GOLD, rewards.SCORING, rewards.TOOLS, rewards.STATE, rewards.RESULTS,
    "id", "source",
)  # fmt: skip


def install() -> None:
    trainer_class = getattr(sys.modules.get(_TRAINER), "GRPOTrainer", None)
    if trainer_class is None or getattr(trainer_class, "swiftkit_hooks", False):
        return
    train, compute = trainer_class.train, trainer_class._compute_rewards_per_func

    def checked_train(trainer: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            named = wire_format_named(os.environ.get(WIRE_FORMAT, ""), WIRE_FORMAT)
            run_format = rewards.run_format_of(trainer.template._agent_template or "", named)
            _check_data(trainer, run_format)
            for reward in _ours(trainer):
                reward.run_format = run_format
                reward.check(trainer)
            check_prompts(trainer)
        except SwiftkitError as error:
            message = f"\nswiftkit: the run was stopped before its first step.\n{error}"
            print(message, file=sys.stderr, flush=True)
            raise SystemExit(error.exit_status) from None
        return train(trainer, *args, **kwargs)

    def compute_and_log(trainer: Any, samples: Any) -> Any:
        result = compute(trainer, samples)
        log = trainer._metrics["train" if trainer.model.training else "eval"]
        gather = sys.modules[_TRAINER].gather_object  # from accelerate
        joined: defaultdict[str, list[float]] = defaultdict(list)
        for parts in gather([_parts(trainer)]):
            for name, numbers in parts.items():
                joined[name] += numbers
        for name, numbers in joined.items():
            log[name].append(sum(numbers) / len(numbers))
        return result

    trainer_class.train, trainer_class._compute_rewards_per_func = checked_train, compute_and_log
    log_prompts(trainer_class)
    trainer_class.swiftkit_hooks = True


def _ours(trainer: Any) -> list[Any]:
    return [reward for reward in trainer.reward_funcs if hasattr(reward, "group")]


def _parts(trainer: Any) -> dict[str, list[float]]:
    """Return name in the log -> a number for each completion of this process."""
    numbers: dict[str, list[float]] = {}
    for reward in _ours(trainer):
        joined: defaultdict[str, list[float]] = defaultdict(list)
        for parts in reward.parts:
            for name, part in parts.items():
                joined[f"{reward.group}/{name}"].append(part)
        numbers |= joined
    return numbers


def _check_data(trainer: Any, run_format: rewards.RunFormat) -> None:
    """Raise DataError if a row of the data sets, streams apart, cannot be rewarded."""
    chains = trainer.multi_turn_scheduler is not None
    evaluated = trainer.eval_dataset
    sets = evaluated.values() if isinstance(evaluated, dict) else [evaluated]
    for dataset in (trainer.train_dataset, *sets):
        if hasattr(dataset, "__len__") and hasattr(dataset, "column_names"):
            rewards.check_columns(dataset.column_names, chains)
            columns = [name for name in _COLUMNS if name in dataset.column_names]
            placed = _placed(dataset.select_columns(columns))
            rewards.check_rows(placed, chains, run_format)


def _placed(rows: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, row in enumerate(rows):
        yield row.get("source") or row.get("id") or f"row {number} of the shuffled data", row
