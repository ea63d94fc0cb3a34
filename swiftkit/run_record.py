"""What a training run was, in its output folder: run.json, recipe.yaml as it was, and rerun.sh, which repeats it.

`swiftkit.supervise --record` calls `begin` before the command starts and `end` when all of it has ended; in between
swift_plugins/swanlab_run.py notes which SwanLab run it is. Only the node with NODE_RANK 0 writes. Secrets are left out
(redaction.py). What cannot be found out (no git, no GPU) is left empty: a record is no reason to stop a training.
"""

import os
import platform
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import msgspec

from swiftkit import provenance
from swiftkit.checkpoints import checkpoints, fault_of, step_of
from swiftkit.errors import DataError
from swiftkit.jsonl import encode, write_atomically
from swiftkit.preflight.machine import Machine
from swiftkit.preflight.reading import read
from swiftkit.preflight.recipe import Recipe
from swiftkit.progress import say
from swiftkit.redaction import redacted, redacted_mapping, redacted_words, secret_values
from swiftkit.rerun import write_script

RECORD, RERUN, RECIPE = "run.json", "rerun.sh", "recipe.yaml"
VARIABLE = "SWIFTKIT_RUN_JSON"  # tells the training where its run.json is
# Variables that change what a run does; others may hold anything, and are nobody's business.
_TELLING = tuple(
    "ACCELERATE_ API_HTTP_ CUDA_ DATASETS_ DEEPSPEED DS_ FSDP_ GLOO_ GPUS HF_ KMP_ MAX_ MASTER_ MKL_ MODELSCOPE_ NCCL_"
    " NNODES NODE_RANK NPROC_PER_NODE NVIDIA_ OMP_ PYTHONHASHSEED PYTHONPATH PYTORCH_ RANK RAY_ SLURM_JOB SWANLAB_"
    " SWIFT TENSORBOARD_ TOKENIZERS_ TORCH TRANSFORMERS_ TRITON_ USE_HF VLLM WANDB_ WORLD_SIZE".split()
)


class Attempt(msgspec.Struct):
    """One start of the run. Times are UTC; `exit_status` is null while it runs, and after a SIGKILL of all of it."""

    started: datetime
    resumed_from: str = ""
    ended: datetime | None = None
    exit_status: int | None = None


class SwanLab(msgspec.Struct, frozen=True):
    """Which SwanLab run the training reports to; `url` is empty in local mode, where `folder` holds the data."""

    id: str
    mode: str
    project: str
    workspace: str
    name: str
    folder: str
    url: str

    @property
    def place(self) -> str:
        return self.url or self.folder


class RunRecord(msgspec.Struct):
    """run.json. `settings` are swift's arguments as the YAML and the flags give them; `step` the last complete
    checkpoint's, once the run has ended."""

    command: list[str]
    settings: dict[str, list[str]]
    environment: dict[str, str]
    folder: str
    output: str
    git: provenance.Git | None
    packages: list[str]
    python: str
    host: str
    gpus: list[provenance.Gpu]
    data: list[provenance.DataFile]
    seeds: dict[str, str]
    attempts: list[Attempt]
    step: int | None = None
    swanlab: SwanLab | None = None


class Command(NamedTuple):
    """`env NAME=VALUE... swift VERB FILE.yaml FLAGS...`, as recipes/lib.sh calls it."""

    variables: dict[str, str]
    program: str
    verb: str
    file: Path
    flags: list[str]

    @classmethod
    def of(cls, words: Sequence[str]) -> "Command":
        pairs = list(takewhile(lambda word: "=" in word, words[1:]))
        program, verb, file, *flags = words[1 + len(pairs) :]
        return cls(dict(pair.split("=", 1) for pair in pairs), program, verb, Path(file), flags)


def begin(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> Path | None:
    """Write the record of the command that is about to start; where it is, or None on other nodes than the first and
    where it cannot be written, which is said."""
    command = Command.of(words)
    variables = {**environment, **command.variables}
    if not is_first_node(variables):
        return None
    try:
        return _begin(command, variables).absolute()
    except (DataError, OSError, RuntimeError, ValueError) as error:  # ~nobody; a name that is no UTF-8
        say(f"swiftkit: this run has no {RECORD}: {error}")
        return None


def is_first_node(environment: Mapping[str, str]) -> bool:
    """The one that writes; the others see the same folder, or one of their own without checkpoints."""
    return environment.get("NODE_RANK", "").strip() in ("", "0")


def end(path: Path, status: int) -> None:
    """Add how it ended, and say where things are."""
    record = read_record(path)
    if record is None:
        return
    record.attempts[-1].ended, record.attempts[-1].exit_status = _now(), status
    try:
        record.step = last_step(path.parent)
        write_record(path, record)
    except (DataError, OSError) as error:
        say(f"swiftkit: {error}")
    say(f"\nswiftkit: {path}; the same run again: bash {path.with_name(RERUN)}")
    if record.swanlab:
        say(f"swiftkit: SwanLab: {record.swanlab.place}")


def variables_of(path: Path) -> dict[str, str]:
    """What the command needs in its environment: where its record is, and, to go on with it, its SwanLab run."""
    record = read_record(path)
    found = {VARIABLE: str(path)}
    asked = "SWANLAB_RUN_ID" in os.environ  # for a run of the user's own choice
    if record and record.swanlab and record.attempts[-1].resumed_from and not asked:
        found |= {"SWANLAB_RUN_ID": record.swanlab.id, "SWANLAB_RESUME": "allow"}
    return found


def note(path: Path, swanlab: SwanLab) -> None:
    """Called by the training itself, as soon as it has a SwanLab run."""
    if record := read_record(path):
        record.swanlab = swanlab
        write_record(path, record)


def read_record(path: Path) -> RunRecord | None:
    """None where there is none, or none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_record(path: Path, record: RunRecord) -> None:
    with write_atomically(path) as file:
        file.write(msgspec.json.format(encode(record), indent=2) + b"\n")


def read_recipe(verb: str, file: Path, flags: Sequence[str], environment: Mapping[str, str]) -> Recipe:
    """As preflight reads it; what is wrong with it preflight has said."""
    return read(file, flags, verb, environment, Machine())[0]


def output_of(recipe: Recipe) -> Path:
    """swift's output_dir (sft_args.py, _init_output_dir). With add_version, swift makes a folder v0-TIME in it."""
    given = recipe.text("output_dir")
    return Path(given).expanduser() if given else Path("output", Path(recipe.text("model")).name)


def all_checkpoints(output: Path) -> list[Path]:
    """Of the folder itself, or, with add_version, of the folders in it, the newest first."""
    versions = sorted(output.glob("v*-*/"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [checkpoint for folder in (output, *versions) for checkpoint in checkpoints(folder)]


def last_step(output: Path) -> int | None:
    """Of the last complete checkpoint."""
    whole = (checkpoint for checkpoint in all_checkpoints(output) if not fault_of(checkpoint))
    return next((step_of(checkpoint) for checkpoint in whole), None)


def _begin(command: Command, variables: Mapping[str, str]) -> Path:
    recipe = read_recipe(command.verb, command.file, command.flags, variables)
    path = output_of(recipe) / RECORD
    secrets = secrets_of(recipe)
    record = _record(command, recipe, secrets, read_record(path))
    _write_recipe(path.with_name(RECIPE), command.file, secrets)
    write_script(path.with_name(RERUN), _from_the_beginning(command, recipe), recipe, record, secrets)
    write_record(path, record)
    return path


def _record(command: Command, recipe: Recipe, secrets: list[str], before: RunRecord | None) -> RunRecord:
    own = recipe.own_environment.items()
    variables = {name: value for name, value in recipe.environment.items() if (name, value) not in own}
    telling = {name: value for name, value in sorted(variables.items()) if name.startswith(_TELLING)}
    telling.pop(VARIABLE, None)
    from_there = recipe.text("resume_from_checkpoint")
    goes_on = before if before and from_there and is_inside(Path(from_there), output_of(recipe)) else None
    return RunRecord(
        command=redacted_words([command.program, command.verb, str(command.file), *command.flags], secrets),
        settings=settings_of(recipe, secrets),
        environment=redacted_mapping(telling, secrets),
        folder=str(Path.cwd()),
        output=str(output_of(recipe)),
        git=provenance.git(secrets),
        packages=provenance.packages(),
        python=platform.python_version(),
        host=socket.gethostname(),
        gpus=provenance.gpus(),
        data=provenance.data_files(recipe),
        seeds={flag: recipe.text(flag) for flag in ("seed", "data_seed") if recipe.text(flag)},
        attempts=[*(goes_on.attempts if goes_on else []), Attempt(_now(), from_there)],
        swanlab=goes_on.swanlab if goes_on else None,
    )


def secrets_of(recipe: Recipe) -> list[str]:
    """The values of secret variables and settings."""
    settings = {flag: " ".join(values) for flag, values in recipe.settings.items()}
    return secret_values(recipe.environment, recipe.own_environment, settings)


def settings_of(recipe: Recipe, secrets: Sequence[str]) -> dict[str, list[str]]:
    return {
        flag: redacted_words([f"--{flag}", *values], secrets)[1:] for flag, values in sorted(recipe.settings.items())
    }


def is_inside(path: Path, folder: Path) -> bool:
    return path.expanduser().resolve().is_relative_to(folder.resolve())


def _from_the_beginning(command: Command, recipe: Recipe) -> Command:
    """Without the checkpoint of this very run that it goes on from: to repeat it is to begin again."""
    place = ["--resume_from_checkpoint", recipe.text("resume_from_checkpoint")]
    flags = command.flags
    for start in range(len(flags) - 1):
        if flags[start : start + 2] == place and is_inside(Path(place[1]), output_of(recipe)):
            return command._replace(flags=flags[:start] + flags[start + 2 :])
    return command


def _write_recipe(path: Path, file: Path, secrets: list[str]) -> None:
    text = redacted(file.read_text(encoding="utf-8"), secrets)  # it may be this very file, of a run that is repeated
    with write_atomically(path) as copy:
        copy.write(text.encode())


def _now() -> datetime:
    return datetime.now(UTC)
