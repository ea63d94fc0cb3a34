"""RESUME=1: go on from the last complete checkpoint of the recipe's output folder.

Prints the checkpoint's path for recipes/lib.sh, or nothing where the run starts from its beginning;
what is done and why goes to stderr. A save that was cut off is set aside by the first node
(renamed, never deleted): transformers would count it when it removes older checkpoints.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from swiftkit.recipe.recipe import Recipe
from swiftkit.terminal import say
from swiftkit.training.checkpoints import (
    STATE,
    all_checkpoints,
    fault_of,
    has_optimizer,
    link_last,
    output_of,
    set_aside,
    state_of,
)
from swiftkit.training.record_run import is_first_node, read_recipe, secrets_of, settings_of
from swiftkit.training.run_record import RECORD, RunRecord, read_record

FINISHED = 3  # the exit status that tells lib.sh that there is nothing left to do
_FLAG = "resume_from_checkpoint"
# What recipes/lib.sh adds for a machine says nothing about how much there is to train.
_MACHINE = {
    _FLAG,
    "deepspeed",
    "use_cpu",
    "fp16",
    "torch_dtype",
    "use_liger_kernel",
    "use_vllm",
    "vllm_mode",
}


def main(arguments: list[str]) -> int:
    """VERB FILE.yaml FLAGS...; 0, FINISHED, or 2 where a path cannot be looked at."""
    try:
        return _resume(arguments)
    except (OSError, RuntimeError) as error:  # no permission; ~nobody
        say(
            f"swiftkit: RESUME: {' '.join(str(error).split())} (correct the path, or its permissions)"
        )
        return 2


def _resume(arguments: list[str]) -> int:
    verb, file, *flags = arguments
    recipe = read_recipe(verb, Path(file), flags, os.environ)
    output = output_of(recipe)
    record = read_record(output / RECORD)
    if recipe.is_set(_FLAG):
        say(f"swiftkit: RESUME is not needed: --{_FLAG} is given")
        return 0
    if record and ended_well(record, recipe):
        say(
            f"swiftkit: {output} is finished (step {record.step}); to train again: leave RESUME out"
        )
        return FINISHED
    return _go_on(last_complete(output, record), recipe, output)


def _go_on(checkpoint: Path | None, recipe: Recipe, output: Path) -> int:
    if checkpoint is None:
        say(
            f"swiftkit: RESUME: {output} holds no checkpoint to go on from; the run starts from the beginning"
        )
        return 0
    if _writes():
        link_last(checkpoint)
    if is_at_end(checkpoint, recipe):
        say(
            f"swiftkit: {output} is finished: {checkpoint.name} is its end; to train again: leave RESUME out"
        )
        return FINISHED
    if recipe.stage == "ppo":
        say(
            "swiftkit: RESUME: ms-swift's PPO cannot go on from a checkpoint; the run starts from the beginning"
        )
        return 0
    anew = (
        ""
        if has_optimizer(checkpoint)
        else ", without its optimizer, which was not saved (save_only_model)"
    )
    say(f"swiftkit: going on from {checkpoint}{anew}")
    sys.stdout.buffer.write(os.fsencode(checkpoint) + b"\n")
    return 0


def ended_well(record: RunRecord, recipe: Recipe) -> bool:
    """Whether its last start ended well with these very settings. With others (more epochs) there
    is more to do."""
    same = _task(record.settings) == _task(settings_of(recipe, secrets_of(recipe)))
    return record.attempts[-1].exit_status == 0 and same


def is_at_end(checkpoint: Path, recipe: Recipe) -> bool:
    """Whether nothing is left to train: transformers would train one step more before it looked."""
    state, wanted = state_of(checkpoint), recipe.get_int("max_steps", -1)
    if wanted > 0:
        return state.global_step >= wanted
    epochs = recipe.get_float("num_train_epochs") or 0
    return state.global_step >= state.max_steps > 0 and epochs <= state.num_train_epochs


def _task(settings: dict[str, list[str]]) -> dict[str, list[str]]:
    return {flag: values for flag, values in settings.items() if flag not in _MACHINE}


def last_complete(output: Path, record: RunRecord | None) -> Path | None:
    """The last checkpoint of this run that is whole; those that are not are set aside, with a
    word."""
    return next(_complete(output, record), None)


def _complete(output: Path, record: RunRecord | None) -> Iterator[Path]:
    for checkpoint in all_checkpoints(output):
        if fault := fault_of(checkpoint):
            _leave(checkpoint, fault)
        elif is_older(checkpoint, record):
            say(
                f"swiftkit: {checkpoint} is left alone: it is older than the run that {output / RECORD} tells of"
            )
        else:
            yield checkpoint


def is_older(checkpoint: Path, record: RunRecord | None) -> bool:
    """Whether another run left it, before this one began into the same folder."""
    began = record.attempts[0] if record else None
    return bool(
        began
        and not began.resumed_from
        and (checkpoint / STATE).stat().st_mtime < began.started.timestamp()
    )


def _leave(checkpoint: Path, fault: str) -> None:
    if not _writes():
        say(f"swiftkit: {checkpoint} is not complete ({fault}); an earlier one is looked for")
        return
    try:
        place = set_aside(checkpoint)
    except OSError as error:
        say(
            f"swiftkit: {checkpoint} is not complete ({fault}), and cannot be set aside: {error.strerror or error}"
        )
        return
    say(
        f"swiftkit: {checkpoint} is not complete ({fault}); it was set aside as {place}, which can be removed"
    )


def _writes() -> bool:
    return not os.environ.get("DRY_RUN") and is_first_node(os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
