"""What a training run was, in its output folder: run.json, recipe.yaml as it was, and rerun.sh,
which repeats it.

`swiftkit.training.supervise --record` calls `begin` before the command starts and `end` when all of
it has ended; in between swift_plugins/swanlab_run.py notes which SwanLab run it is. Only the node
with NODE_RANK 0 writes. Secrets are left out (training/redaction.py). What cannot be found out (no
git, no GPU) is left empty: a record is no reason to stop a training.
"""

import os
import platform
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from swiftkit.errors import DataError
from swiftkit.files.jsonl import write_atomically
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read
from swiftkit.recipe.recipe import Recipe
from swiftkit.terminal import say
from swiftkit.training import provenance
from swiftkit.training.checkpoints import is_inside, last_step, output_of
from swiftkit.training.redaction import redacted, redacted_mapping, redacted_words, secret_values
from swiftkit.training.rerun import write_script
from swiftkit.training.run_record import (
    RECIPE,
    RECORD,
    RERUN,
    VARIABLE,
    Attempt,
    Command,
    RunRecord,
    read_record,
    write_record,
)

# Variables that change what a run does; others may hold anything, and are nobody's business.
_TELLING = tuple(
    "ACCELERATE_ API_HTTP_ CUDA_ DATASETS_ DEEPSPEED DS_ FSDP_ GLOO_ GPUS HF_ KMP_ MAX_ MASTER_ MKL_ MODELSCOPE_ NCCL_"
    " NNODES NODE_RANK NPROC_PER_NODE NVIDIA_ OMP_ PYTHONHASHSEED PYTHONPATH PYTORCH_ RANK RAY_ SLURM_JOB SWANLAB_"
    " SWIFT TENSORBOARD_ TOKENIZERS_ TORCH TRANSFORMERS_ TRITON_ USE_HF VLLM WANDB_ WORLD_SIZE".split()
)


def begin(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> Path | None:
    """Write the record of the command that is about to start; where it is, or None on other nodes
    than the first and where it cannot be written, which is said."""
    command = Command.of(words)
    variables = {**environment, **command.variables}
    if not is_first_node(variables):
        return None
    try:
        return _begin(command, variables).absolute()
    # ~nobody; a name that is no UTF-8
    except (DataError, OSError, RuntimeError, ValueError) as error:
        say(f"swiftkit: this run has no {RECORD}: {error}")
        return None


def is_first_node(environment: Mapping[str, str]) -> bool:
    """The one that writes; the others see the same folder, or one of their own without
    checkpoints."""
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
    """What the command needs in its environment: where its record is, and, to go on with it, its
    SwanLab run."""
    record = read_record(path)
    found = {VARIABLE: str(path)}
    asked = "SWANLAB_RUN_ID" in os.environ  # for a run of the user's own choice
    if record and record.swanlab and record.attempts[-1].resumed_from and not asked:
        found |= {"SWANLAB_RUN_ID": record.swanlab.id, "SWANLAB_RESUME": "allow"}
    return found


def read_recipe(
    verb: str, file: Path, flags: Sequence[str], environment: Mapping[str, str]
) -> Recipe:
    """As preflight reads it; what is wrong with it preflight has said."""
    return read(file, flags, verb, environment, Machine())[0]


def _begin(command: Command, variables: Mapping[str, str]) -> Path:
    recipe = read_recipe(command.verb, command.file, command.flags, variables)
    path = output_of(recipe) / RECORD
    secrets = secrets_of(recipe)
    record = _record(command, recipe, secrets, read_record(path))
    _write_recipe(path.with_name(RECIPE), command.file, secrets)
    write_script(
        path.with_name(RERUN), _from_the_beginning(command, recipe), recipe, record, secrets
    )
    write_record(path, record)
    return path


def _record(
    command: Command, recipe: Recipe, secrets: list[str], before: RunRecord | None
) -> RunRecord:
    own = recipe.file_environment.items()
    variables = {
        name: value for name, value in recipe.environment.items() if (name, value) not in own
    }
    telling = {
        name: value for name, value in sorted(variables.items()) if name.startswith(_TELLING)
    }
    telling.pop(VARIABLE, None)
    from_there = recipe.get_str("resume_from_checkpoint")
    goes_on = (
        before if before and from_there and is_inside(Path(from_there), output_of(recipe)) else None
    )
    return RunRecord(
        command=redacted_words(
            [command.program, command.verb, str(command.file), *command.flags], secrets
        ),
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
        seeds={
            flag: recipe.get_str(flag) for flag in ("seed", "data_seed") if recipe.get_str(flag)
        },
        attempts=[*(goes_on.attempts if goes_on else []), Attempt(_now(), from_there)],
        swanlab=goes_on.swanlab if goes_on else None,
    )


def secrets_of(recipe: Recipe) -> list[str]:
    """The values of secret variables and settings."""
    settings = {flag: " ".join(values) for flag, values in recipe.settings.items()}
    return secret_values(recipe.environment, recipe.file_environment, settings)


def settings_of(recipe: Recipe, secrets: Sequence[str]) -> dict[str, list[str]]:
    return {
        flag: redacted_words([f"--{flag}", *values], secrets)[1:]
        for flag, values in sorted(recipe.settings.items())
    }


def _from_the_beginning(command: Command, recipe: Recipe) -> Command:
    """Without the checkpoint of this very run that it goes on from: to repeat it is to begin
    again."""
    place = ["--resume_from_checkpoint", recipe.get_str("resume_from_checkpoint")]
    flags = command.flags
    for start in range(len(flags) - 1):
        if flags[start : start + 2] == place and is_inside(Path(place[1]), output_of(recipe)):
            return command._replace(flags=flags[:start] + flags[start + 2 :])
    return command


def _write_recipe(path: Path, file: Path, secrets: list[str]) -> None:
    # it may be this very file, of a run that is repeated
    text = redacted(file.read_text(encoding="utf-8"), secrets)
    with write_atomically(path) as copy:
        copy.write(text.encode())


def _now() -> datetime:
    return datetime.now(UTC)
