"""RESUME=1: go on from the last complete checkpoint of the recipe's output folder.

A start that would train otherwise than the run began (changed_settings.py) stops, unless
RESUME=force says that it is meant.

What is done, and why, goes to stderr. A save that was cut off is set aside by the first node
(renamed, never deleted): transformers would count it when it removes older checkpoints. A dry run
and the other nodes choose the same, and change nothing.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from swiftkit.errors import UsageError
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read
from swiftkit.recipe.recipe import Recipe
from swiftkit.recipe.switches import is_on
from swiftkit.terminal import say
from swiftkit.training import checkpoints
from swiftkit.training.changed_settings import changed_data, changed_settings
from swiftkit.training.provenance import data_files
from swiftkit.training.redaction import recipe_secrets, redacted_settings
from swiftkit.training.run_record import RECORD, RunRecord, is_first_node, read_record

_FLAG = "resume_from_checkpoint"
_ANEW = "the run starts from the beginning"
_AGAIN = "to train again: choose another --output_dir"
# What the launcher adds for a machine says nothing about how much there is to train.
_MACHINE_FLAGS = set(
    f"{_FLAG} deepspeed use_cpu fp16 torch_dtype use_liger_kernel use_vllm vllm_mode".split()
)


class Resumption(NamedTuple):
    """The rest of a run: nothing, or what comes after `checkpoint`, or, for None, all of it."""

    checkpoint: Path | None = None
    is_finished: bool = False

    @property
    def flags(self) -> list[str]:
        """The flag for swift."""
        return [f"--{_FLAG}", str(self.checkpoint)] if self.checkpoint else []


def resume(
    verb: str, file: Path, flags: Sequence[str], environment: Mapping[str, str]
) -> Resumption:
    """Choose what `swift VERB FILE FLAGS` goes on from; UsageError where a path cannot be read."""
    try:
        # What is wrong with the recipe preflight will say.
        recipe, _ = read(file, flags, verb, environment, Machine())
        may_write = not is_on(environment, "DRY_RUN") and is_first_node(environment)
        return _resume(recipe, may_write, environment.get("RESUME", "").strip().lower() == "force")
    except (OSError, RuntimeError) as error:  # no permission; ~nobody
        reason = " ".join(str(error).split())
        raise UsageError(f"RESUME: {reason} (correct the path, or its permissions)") from error


def _resume(recipe: Recipe, may_write: bool, is_forced: bool) -> Resumption:
    output = checkpoints.output_of(recipe)
    record = read_record(output / RECORD)
    if recipe.is_set(_FLAG):
        say(f"swiftkit: RESUME is not needed: --{_FLAG} is given")
        return Resumption()
    if record is None and os.path.lexists(output / RECORD):
        reason = "whether settings or data have changed is not known"
        say(f"swiftkit: RESUME: {output / RECORD} cannot be read: {reason}")
    if record and ended_well(record, recipe):
        check(output, changed_data(record.data, data_files(recipe)), is_forced)
        say(f"swiftkit: {output} is finished (step {record.step}); {_AGAIN}")
        return Resumption(is_finished=True)
    checkpoint = last_complete(output, record, may_write)
    if checkpoint is None:
        say(f"swiftkit: RESUME: {output} holds no checkpoint to go on from; {_ANEW}")
        return Resumption()
    if record:
        check(output, changed_settings(record, recipe, data_files(recipe)), is_forced)
    if may_write:
        checkpoints.link_last(checkpoint)
    if is_at_end(checkpoint, recipe):
        say(f"swiftkit: {output} is finished: {checkpoint.name} is its end; {_AGAIN}")
        return Resumption(is_finished=True)
    if recipe.stage == "ppo":
        say(f"swiftkit: RESUME: ms-swift's PPO cannot go on from a checkpoint; {_ANEW}")
        return Resumption()
    message = f"swiftkit: going on from {checkpoint}"
    if not checkpoints.has_optimizer(checkpoint):
        message += ", without its optimizer, which was not saved (save_only_model)"
    say(message)
    return Resumption(checkpoint)


def check(output: Path, differences: Sequence[str], is_forced: bool) -> None:
    """Raise UsageError if the run would go on otherwise than it began; say so if that is meant."""
    if not differences:
        return
    reason = f"{output} began otherwise: {'; '.join(differences)}"
    if not is_forced:
        fix = "give what it began with, choose another --output_dir, or say RESUME=force"
        raise UsageError(f"RESUME: {reason} ({fix})")
    say(f"swiftkit: RESUME=force, though {reason}")


def ended_well(record: RunRecord, recipe: Recipe) -> bool:
    """Return True if the last start ended well, with these settings: others may have more to do."""
    settings = redacted_settings(recipe, recipe_secrets(recipe))
    flags = (record.settings.keys() | settings.keys()) - _MACHINE_FLAGS
    is_same = all(record.settings.get(flag) == settings.get(flag) for flag in flags)
    return is_same and record.attempts[-1].exit_status == 0


def is_at_end(checkpoint: Path, recipe: Recipe) -> bool:
    """Return True if nothing is left; transformers would train one step more before it looked."""
    state, max_steps = checkpoints.read_state(checkpoint), recipe.get_int("max_steps", -1)
    if max_steps > 0:
        return state.global_step >= max_steps
    epochs = recipe.get_float("num_train_epochs") or 0
    return state.global_step >= state.max_steps > 0 and epochs <= state.num_train_epochs


def last_complete(output: Path, record: RunRecord | None, may_write: bool) -> Path | None:
    """Return the last checkpoint of this run that is whole; say what becomes of the others."""
    for checkpoint in checkpoints.all_checkpoints(output):
        fault = checkpoints.fault_of(checkpoint, processes_of(record))
        if fault:
            say(_left_out(checkpoint, fault, may_write))
        elif is_older(checkpoint, output, record):
            reason = f"it is older than the run that {output / RECORD} tells of"
            say(f"swiftkit: {checkpoint} is left alone: {reason}")
        else:
            return checkpoint
    return None


def processes_of(record: RunRecord | None) -> int:
    """Return the processes of a node that saved its checkpoints; 1 where that is not sure."""
    if record is None or any(attempt.changed for attempt in record.attempts):
        return 1
    return record.processes


def _left_out(checkpoint: Path, fault: str, may_write: bool) -> str:
    """Set a damaged checkpoint aside if that is allowed, and return the message about it."""
    problem = f"swiftkit: {checkpoint} is not complete ({fault})"
    if not may_write:
        return f"{problem}; an earlier one is looked for"
    try:
        place = checkpoints.set_aside(checkpoint)
    except OSError as error:
        return f"{problem}, and cannot be set aside: {error.strerror or error}"
    return f"{problem}; it was set aside as {place}, which can be removed"


def is_older(checkpoint: Path, output: Path, record: RunRecord | None) -> bool:
    """Return True if another run left it, before this one began into the same folder.

    The clocks of a shared disk and of this machine may differ, so times of both are not compared
    but for the record of an older swiftkit.
    """
    if record is None or record.attempts[0].resumed_from:
        return False
    if record.earlier is not None:
        name = str(checkpoint.relative_to(output))
        return record.earlier.get(name) == (checkpoint / checkpoints.STATE).stat().st_mtime_ns
    return (checkpoint / checkpoints.STATE).stat().st_mtime < record.attempts[0].started.timestamp()
