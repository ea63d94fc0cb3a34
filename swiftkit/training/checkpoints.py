"""The checkpoints of a training, and those of them that a training can go on from.

transformers 5.19 writes trainer_state.json last (Trainer._save_checkpoint): after the weights, the
optimizer, the scheduler and the random numbers, and before older checkpoints are removed and
ms-swift moves its link last-checkpoint. So a checkpoint is complete when its trainer_state.json is
whole and holds the folder's own step. Every process writes files of its own, and a machine may lose
what it had not yet put on the disk; so no file may be torn either.
"""

import itertools
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from swiftkit.errors import UsageError
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.model_files import missing_shards
from swiftkit.recipe.reading import read
from swiftkit.recipe.recipe import Recipe
from swiftkit.training.run_record import is_first_node

STATE = "trainer_state.json"
# torch.save writes ZIP archives.
_TORCH = ("*.pt", "*.pth", "pytorch_model*.bin", "adapter_model*.bin", "training_args.bin")
_WEIGHTS = ("adapter_model*", "*.safetensors", "pytorch_model*", "global_step*")


class TrainerState(msgspec.Struct, frozen=True):
    """The part of trainer_state.json that counts here; `max_steps` is the end of the whole run."""

    global_step: int = -1
    max_steps: int = -1
    num_train_epochs: float = 0


def output_of(recipe: Recipe) -> Path:
    """Return swift's output_dir (sft_args.py); with add_version it makes a folder v0-TIME in it."""
    folder = recipe.get_str("output_dir")
    if folder:
        return Path(folder).expanduser()
    return Path("output", Path(recipe.get_str("model")).name)


def check_unused(
    verb: str, file: Path, flags: Sequence[str], environment: Mapping[str, str]
) -> None:
    """Raise UsageError if `swift VERB FILE FLAGS` would write beside an earlier run's checkpoints.

    transformers' save_total_limit would delete those. For a recipe preflight says it.
    """
    recipe, _ = read(file, flags, verb, environment, Machine())
    output = output_of(recipe)
    is_fixed = recipe.is_set("add_version") and not recipe.get_bool("add_version")
    goes_on = recipe.is_set("resume_from_checkpoint")
    if is_fixed and not goes_on and is_first_node(environment) and checkpoints(output):
        reason = f"{output} holds checkpoints of an earlier run"
        raise UsageError(f"{reason}; choose another --output_dir, or move them away")


def all_checkpoints(output: Path) -> list[Path]:
    """Return the checkpoints of an output folder, the last step first.

    With add_version those of its version folders come too, the newest folder first.
    """
    versions = sorted(output.glob("v*-*/"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [checkpoint for folder in (output, *versions) for checkpoint in checkpoints(folder)]


def checkpoints(folder: Path) -> list[Path]:
    """Return the folders checkpoint-N, the highest N first."""
    steps = {}
    for path in folder.glob("checkpoint-*"):
        step = step_of(path)
        if path.is_dir() and step is not None:
            steps[path] = step
    return sorted(steps, key=lambda path: steps[path], reverse=True)


def step_of(checkpoint: Path) -> int | None:
    """Return N of checkpoint-N, None for another name."""
    name, _, number = checkpoint.name.rpartition("-")
    return int(number) if name == "checkpoint" and number.isascii() and number.isdigit() else None


def times(output: Path) -> dict[str, int]:
    """Return checkpoint, as seen from the output folder -> the time of its state.

    In ns of the file system's clock; 0 where there is no state, or none that can be seen.
    """
    found = {}
    for checkpoint in all_checkpoints(output):
        name = str(checkpoint.relative_to(output))
        try:
            found[name] = (checkpoint / STATE).stat().st_mtime_ns
        except OSError:
            found[name] = 0
    return found


def last_step(output: Path) -> int | None:
    """Return the step of the last complete checkpoint."""
    checkpoint = last_complete(output)
    return step_of(checkpoint) if checkpoint else None


def last_complete(output: Path) -> Path | None:
    """Return the last complete checkpoint."""
    for checkpoint in all_checkpoints(output):
        if not fault_of(checkpoint):
            return checkpoint
    return None


def fault_of(checkpoint: Path, processes: int = 1) -> str:
    """Return why a training cannot go on from it; empty for a complete one.

    `processes` are those of a node that saved it, as far as that is known.
    """
    if not (checkpoint / STATE).exists():
        return f"{STATE}, which is written last, is missing"
    if read_state(checkpoint).global_step != step_of(checkpoint):
        return f"{STATE} is cut off, or holds another step"
    if not _holds(checkpoint, _WEIGHTS):
        return "there are no weights"
    damaged = missing_shards(checkpoint) or [file.name for file in torn_files(checkpoint)]
    damaged += _lost_states(checkpoint, processes)
    return f"{damaged[0]} is missing or cut off" if damaged else ""


def _lost_states(checkpoint: Path, processes: int) -> list[str]:
    """Return what is not there of the training's state: all of it is saved, or (save_only_model)
    nothing.

    Each process writes rng_state_N.pth; on a disk of its own a node has those of its processes
    only. One process alone writes rng_state.pth.
    """
    numbers = set()
    for file in checkpoint.glob("rng_state_*.pth"):
        number = file.stem.removeprefix("rng_state_")
        if number.isascii() and number.isdigit():
            numbers.add(int(number))
    has_random_numbers = bool(numbers) or (checkpoint / "rng_state.pth").exists()
    if not has_optimizer(checkpoint):
        return ["optimizer.pt"] if has_random_numbers else []
    if not has_random_numbers:
        return ["rng_state.pth"]
    wanted: set[int] = set()
    if numbers:
        first = min(numbers) // processes * processes
        wanted = set(range(first, max(max(numbers) + 1, first + processes)))
    return [f"rng_state_{number}.pth" for number in sorted(wanted - numbers)]


def read_state(checkpoint: Path) -> TrainerState:
    """Return the trainer's state, with steps of -1 where it is not whole.

    Python's json writes and reads NaN and Infinity (a loss, a grad_norm); msgspec refuses them.
    """
    try:
        return msgspec.convert(json.loads((checkpoint / STATE).read_bytes()), TrainerState)
    except (OSError, ValueError, RecursionError):  # msgspec's and Unicode's errors are ValueErrors
        return TrainerState()


def torn_files(checkpoint: Path) -> Iterator[Path]:
    """Yield the files whose end is missing, by their own formats; a few KB are read of each."""
    for pattern in _TORCH:
        for file in sorted(checkpoint.rglob(pattern)):
            if file.is_file() and not zipfile.is_zipfile(file):
                yield file
    for file in sorted(checkpoint.rglob("*.safetensors")):
        if file.stat().st_size != _safetensors_size(file):
            yield file


def _safetensors_size(file: Path) -> int:
    """Return the size in bytes that the header of a safetensors file gives; -1 without a header.

    Such a file is the header's length (8 bytes), the header, {"name": {"data_offsets": [start,
    end], ...}, ...}, and the data.
    """
    with file.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        if not 0 < length < 1 << 28:
            return -1
        try:
            header = msgspec.json.decode(source.read(length), type=dict[str, dict[str, object]])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return -1
    data_end = 0
    for tensor in header.values():
        match tensor.get("data_offsets"):
            case [_, int(end)]:
                data_end = max(data_end, end)
    return 8 + length + data_end


def has_optimizer(checkpoint: Path) -> bool:
    """Return False for save_only_model: the weights go on, the optimizer starts anew."""
    return _holds(checkpoint, ("optimizer*", "global_step*"))


def _holds(folder: Path, patterns: tuple[str, ...]) -> bool:
    return any(next(folder.glob(pattern), None) for pattern in patterns)


def set_aside(checkpoint: Path) -> Path:
    """Rename it so that neither swift nor transformers counts it, and return its new path."""
    place = checkpoint.with_name(f"incomplete-{checkpoint.name}")
    for number in itertools.count(1):
        if not place.exists():
            break
        place = checkpoint.with_name(f"incomplete-{checkpoint.name}-{number}")
    return checkpoint.rename(place)


def link_last(checkpoint: Path) -> None:
    """Let ms-swift's link last-checkpoint lead to it; a kill may have come before it was moved."""
    link = checkpoint.with_name("last-checkpoint")
    if link.is_symlink() and link.readlink().name != checkpoint.name:
        draft = link.with_name(".last-checkpoint.part")
        draft.unlink(missing_ok=True)
        draft.symlink_to(checkpoint.name)
        draft.replace(link)
