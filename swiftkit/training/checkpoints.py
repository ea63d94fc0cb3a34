"""Which checkpoints of a training can be gone on from: those whose save came to its end.

transformers 5.19 writes trainer_state.json last (Trainer._save_checkpoint): after the weights, the
optimizer, the scheduler and the random numbers, and before older checkpoints are removed and
ms-swift moves its link last-checkpoint. So a checkpoint is complete when its trainer_state.json is
whole and tells the folder's own step. Every process writes files of its own, and a machine may lose
what it had not yet put on the disk; so no file may be torn either.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from swiftkit.recipe.model_files import missing_shards
from swiftkit.recipe.recipe import Recipe

STATE = "trainer_state.json"
# torch.save: archives
_TORCH = ("*.pt", "*.pth", "pytorch_model*.bin", "adapter_model*.bin", "training_args.bin")
_WEIGHTS = (
    "adapter_model*",
    "model*.safetensors",
    "pytorch_model*",
    "global_step*",
    "*.safetensors",
)


class State(msgspec.Struct, frozen=True):
    """What is read of trainer_state.json; `max_steps` is the end that the run was going to."""

    global_step: int = -1
    max_steps: int = -1
    num_train_epochs: float = 0


def checkpoints(folder: Path) -> list[Path]:
    """checkpoint-N, the highest step first."""
    found = [
        path for path in folder.glob("checkpoint-*") if path.is_dir() and step_of(path) is not None
    ]
    return sorted(found, key=lambda path: step_of(path) or 0, reverse=True)


def step_of(checkpoint: Path) -> int | None:
    name, _, number = checkpoint.name.rpartition("-")
    return int(number) if name == "checkpoint" and number.isascii() and number.isdigit() else None


def fault_of(checkpoint: Path) -> str:
    """Why it cannot be gone on from; empty for a complete one."""
    if not (checkpoint / STATE).exists():
        return f"{STATE}, which is written last, is missing"
    if state_of(checkpoint).global_step != step_of(checkpoint):
        return f"{STATE} is cut off, or tells another step"
    if not any(next(checkpoint.glob(pattern), None) for pattern in _WEIGHTS):
        return "there are no weights"
    lost = [*missing_shards(checkpoint), *(file.name for file in torn_files(checkpoint))]
    return f"{lost[0]} is missing or cut off" if lost else ""


def state_of(checkpoint: Path) -> State:
    """Empty where it is not whole."""
    try:
        return msgspec.json.decode((checkpoint / STATE).read_bytes(), type=State)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return State()


def torn_files(checkpoint: Path) -> Iterator[Path]:
    """Files whose end is missing, by their own formats: a few KB are read of each."""
    for pattern in _TORCH:
        yield from (
            file
            for file in sorted(checkpoint.rglob(pattern))
            if file.is_file() and not zipfile.is_zipfile(file)
        )
    for file in sorted(checkpoint.rglob("*.safetensors")):
        if file.stat().st_size != _told_size(file):
            yield file


def set_aside(checkpoint: Path) -> Path:
    """Rename it so that neither swift nor transformers takes it for a checkpoint; nothing is
    deleted."""
    names = (
        f"incomplete-{checkpoint.name}{f'-{number}' if number else ''}" for number in range(10_000)
    )
    place = next(path for path in map(checkpoint.with_name, names) if not path.exists())
    return checkpoint.rename(place)


def link_last(checkpoint: Path) -> None:
    """Let ms-swift's link last-checkpoint, where there is one, lead to it: a kill may come before
    the link is moved."""
    link = checkpoint.with_name("last-checkpoint")
    if link.is_symlink() and link.readlink().name != checkpoint.name:
        draft = link.with_name(".last-checkpoint.part")
        draft.unlink(missing_ok=True)
        draft.symlink_to(checkpoint.name)
        draft.replace(link)


def has_optimizer(checkpoint: Path) -> bool:
    """False for save_only_model: the weights go on, the optimizer starts anew."""
    kinds = ("optimizer*", "global_step*")
    return any(next(checkpoint.glob(kind), None) for kind in kinds)


def _told_size(file: Path) -> int:
    """How large its header says that a safetensors file is, in bytes; -1 where it cannot be
    read."""
    with file.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        if not 0 < length < 1 << 28:
            return -1
        try:
            header = msgspec.json.decode(source.read(length), type=dict[str, dict[str, object]])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return -1
    ends = [
        offsets[1]
        for entry in header.values()
        if isinstance(offsets := entry.get("data_offsets"), list)
    ]
    return 8 + length + max((end for end in ends if isinstance(end, int)), default=0)


def output_of(recipe: Recipe) -> Path:
    """swift's output_dir (sft_args.py, _init_output_dir). With add_version, swift makes a folder
    v0-TIME in it."""
    given = recipe.get_str("output_dir")
    return Path(given).expanduser() if given else Path("output", Path(recipe.get_str("model")).name)


def all_checkpoints(output: Path) -> list[Path]:
    """Of the folder itself, or, with add_version, of the folders in it, the newest first."""
    versions = sorted(output.glob("v*-*/"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [checkpoint for folder in (output, *versions) for checkpoint in checkpoints(folder)]


def last_step(output: Path) -> int | None:
    """Of the last complete checkpoint."""
    whole = (checkpoint for checkpoint in all_checkpoints(output) if not fault_of(checkpoint))
    return next((step_of(checkpoint) for checkpoint in whole), None)


def is_inside(path: Path, folder: Path) -> bool:
    return path.expanduser().resolve().is_relative_to(folder.resolve())
