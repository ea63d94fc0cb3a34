"""What swift 4.6.0 has no place for: looking at the data before GRPO begins, and logging more than
a reward's mean.

A reward function gets its arguments and the columns of a batch, and gives numbers back; the data
set, the scheduler and the log belong to the trainer. So two methods of GRPOTrainer are wrapped,
once, as soon as a reward of ours is made:

    train                       first asks each reward whether it can work, and stops with a message
    _compute_rewards_per_func   then adds the means of the rewards' `parts`, over all processes, to
                                the metrics that swift writes to logging.jsonl, SwanLab and the like
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from swiftkit.errors import SwiftkitError
from swiftkit.scoring import rewards

# loaded by the time a reward is made; elsewhere there is nothing to wrap
_TRAINER = "swift.rlhf_trainers.grpo_trainer"
_COLUMNS = (
    "messages",
    rewards.GOLD,
    rewards.SCORING,
    rewards.TOOLS,
    rewards.STATE,
    rewards.RESULTS,
    "id",
    "source",
)


def install() -> None:
    trainer = getattr(sys.modules.get(_TRAINER), "GRPOTrainer", None)
    if trainer is None or getattr(trainer, "swiftkit_hooks", False):
        return
    trainer.swiftkit_hooks = True
    trainer.train = _checked(trainer.train)
    trainer._compute_rewards_per_func = _with_parts(trainer._compute_rewards_per_func)


def _checked(train: Any) -> Any:
    def checked_train(trainer: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            _check_data(trainer)
            for reward in _ours(trainer):
                reward.check(trainer)
        except SwiftkitError as error:
            print(
                f"\nswiftkit: the run was stopped before its first step.\n{error}",
                file=sys.stderr,
                flush=True,
            )
            raise SystemExit(error.exit_status) from None
        return train(trainer, *args, **kwargs)

    return checked_train


def _with_parts(compute: Any) -> Any:
    def compute_and_log(trainer: Any, samples: Any) -> Any:
        result = compute(trainer, samples)
        log = trainer._metrics["train" if trainer.model.training else "eval"]
        gather = sys.modules[_TRAINER].gather_object  # from accelerate
        for name, mean in means(gather([dict(_parts(trainer))])).items():
            log[name].append(mean)
        return result

    return compute_and_log


def _ours(trainer: Any) -> list[Any]:
    return [reward for reward in trainer.reward_funcs if hasattr(reward, "group")]


def _parts(trainer: Any) -> Iterator[tuple[str, list[float]]]:
    """(name in the log, a number for each completion of this process)."""
    for reward in _ours(trainer):
        names = dict.fromkeys(name for parts in reward.parts for name in parts)
        for name in names:
            yield f"{reward.group}/{name}", [parts[name] for parts in reward.parts if name in parts]


def means(processes: list[Mapping[str, list[float]]]) -> dict[str, float]:
    """The mean of each part over the completions of all processes."""
    joined: defaultdict[str, list[float]] = defaultdict(list)
    for parts in processes:
        for name, numbers in parts.items():
            joined[name] += numbers
    return {name: sum(numbers) / len(numbers) for name, numbers in joined.items()}


def _check_data(trainer: Any) -> None:
    """Raise DataError if a row of the data sets cannot be rewarded. A stream is looked at as it
    comes."""
    chains = trainer.multi_turn_scheduler is not None
    evaluated = trainer.eval_dataset
    sets = evaluated.values() if isinstance(evaluated, dict) else [evaluated]
    for dataset in (trainer.train_dataset, *sets):
        if hasattr(dataset, "__len__") and hasattr(dataset, "column_names"):
            rewards.check_columns(dataset.column_names, chains)
            rewards.check_rows(_rows(dataset), chains)


def _rows(dataset: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    columns = [name for name in _COLUMNS if name in dataset.column_names]
    for number, row in enumerate(dataset.select_columns(columns)):
        yield row.get("source") or row.get("id") or f"row {number} of the shuffled data", row
