"""Record a training run in its output folder: run.json, recipe.yaml as it was, and rerun.sh.

`begin` is called before the command starts, `end` when all of it has ended (training/supervise.py);
in between swift_plugins/swanlab_run.py notes which SwanLab run it is. Only the node with NODE_RANK
0 writes. Secrets are left out (training/redaction.py). What cannot be found out (no git, no GPU) is
left empty: a record is no reason to stop a training.
"""

import os
import platform
import shlex
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from swiftkit.errors import DataError
from swiftkit.files.jsonl import write_atomically
from swiftkit.recipe.machine import Gpu, Machine, visible_gpus
from swiftkit.recipe.reading import read
from swiftkit.recipe.recipe import Recipe
from swiftkit.recipe.switches import is_on
from swiftkit.rendering.model_folder import template_sha256
from swiftkit.sandbox.family import FAMILY
from swiftkit.terminal import say
from swiftkit.training import checkpoints, provenance, redaction, run_record
from swiftkit.training.changed_settings import LEARNT, changed_settings
from swiftkit.training.checkpoints import output_of
from swiftkit.training.failure import ADVICE, HOST_MEMORY
from swiftkit.training.rerun import write_script
from swiftkit.training.run_record import RECORD, RunRecord, SwiftCommand, read_record, write_record

# Variables that change what a run does; others may hold anything, and are nobody's business.
_RECORDED_VARIABLES = tuple(
    "ACCELERATE_ API_HTTP_ CUDA_ DATASETS_ DEEPSPEED DS_ FSDP_ GLOO_ GPUS HF_ KMP_ MAX_ MASTER_"
    " MKL_ MODELSCOPE_ NCCL_ NNODES NODE_RANK NPROC_PER_NODE NVIDIA_ OMP_ PYTHONHASHSEED PYTHONPATH"
    " PYTORCH_ RANK RAY_ SLURM_JOB SWANLAB_ SWIFT TENSORBOARD_ TOKENIZERS_ TORCH TRANSFORMERS_"
    " TRITON_ USE_HF VLLM WANDB_ WORLD_SIZE".split()
)

# What supervisors tell each other.
_OF_ONE_START = (run_record.VARIABLE, FAMILY, "SWIFTKIT_SUPERVISED")
_KILLED = (137, 247)  # to a shell; as swift's own wrapper says it (-9)


def begin(
    words: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    gpus: Sequence[Gpu] | None = None,
) -> Path | None:
    """Write the record of a command that is about to start, and return where it is.

    `words` are `swift VERB FILE.yaml FLAGS...`; `gpus` are those that the run sees, read here if
    None. Returns None on other nodes than the first, and where the record cannot be written, which
    is said.
    """
    command = SwiftCommand.parse(words)
    variables = {**environment, **command.variables}
    if not run_record.is_first_node(variables):
        return None
    try:
        # What is wrong with the recipe preflight has said.
        recipe, _ = read(Path(command.file), command.flags, command.verb, variables, Machine())
        path = (output_of(recipe) / RECORD).absolute()
        secrets = redaction.recipe_secrets(recipe)
        if gpus is None:
            gpus = visible_gpus(variables)
        record = _describe(command, recipe, secrets, read_record(path), gpus)
        text = redaction.redacted(Path(command.file).read_text(encoding="utf-8"), secrets)
        with write_atomically(path.with_name(run_record.RECIPE)) as copy:  # it may be the very file
            copy.write(text.encode())
        script = path.with_name(run_record.RERUN)
        write_script(script, _from_start(command, recipe), recipe, record, secrets)
        write_record(path, record)
    # RuntimeError: ~nobody; ValueError: a name that is not UTF-8
    except (DataError, OSError, RuntimeError, ValueError) as error:
        say(f"swiftkit: this run has no {RECORD}: {error}")
        return None
    return path


def end(path: Path, status: int, is_rerun: bool = False) -> None:
    """Add the exit status to the record, and say where things are, and how the run goes on."""
    record = read_record(path)
    if record is None:
        say(f"swiftkit: {path} is gone, or cannot be read: it does not say how this run has ended")
        return
    record.attempts[-1].ended, record.attempts[-1].exit_status = datetime.now(UTC), status
    checkpoint = None
    try:
        checkpoint = checkpoints.last_complete(path.parent)
        record.step = checkpoints.step_of(checkpoint) if checkpoint else None
        write_record(path, record)
    except (DataError, OSError) as error:
        say(f"swiftkit: {error}")
    script = shlex.quote(str(path.with_name(run_record.RERUN)))
    is_repeatable = not any(attempt.changed for attempt in record.attempts)
    say(f"\nswiftkit: {path}" + (f"; the same run again: bash {script}" if is_repeatable else ""))
    for line in failure_lines(status, record, checkpoint, is_rerun):
        say(f"swiftkit: {line}")
    if record.swanlab:
        say(f"swiftkit: SwanLab: {record.swanlab.place}")


def failure_lines(
    status: int, record: RunRecord, checkpoint: Path | None, is_rerun: bool
) -> list[str]:
    """Return what a person should know of a training that failed, and how it goes on."""
    if status == 0:
        return []
    lines = []
    failure = record.attempts[-1].failure
    if failure in ADVICE:
        lines.append(ADVICE[failure])
    elif status in _KILLED:
        lines.append(f"it was killed by SIGKILL; most often {ADVICE[HOST_MEMORY]}")
    elif status == 1 and record.processes > 1:  # torchrun's, whatever has ended a process
        where = 'where the summary above says "exitcode: -9", that process was killed'
        lines.append(f"{where} by SIGKILL; most often {ADVICE[HOST_MEMORY]}")
    if checkpoint is None:
        return lines
    if record.settings.get("rlhf_type") == ["ppo"]:
        fix = "to train again: choose another --output_dir"
        return [*lines, f"ms-swift's PPO cannot go on from a checkpoint; {fix}"]
    way = "RESUME=1" + (" (RESUME=force with other settings)" if lines else "")
    if is_rerun:  # rerun.sh hands its flags on to swift
        way = f"--resume_from_checkpoint {shlex.quote(str(checkpoint))}"
    lines.append(f"to go on from step {record.step}: the same command with {way}")
    return lines


def variables_for_swift(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that tell a training where its record is, and its SwanLab run."""
    record = read_record(path)
    variables = {run_record.VARIABLE: str(path)}
    if (
        record
        and record.swanlab
        and record.attempts[-1].resumed_from
        and "SWANLAB_RUN_ID" not in environment  # a run of the user's own choice
    ):
        variables |= {"SWANLAB_RUN_ID": record.swanlab.id, "SWANLAB_RESUME": "allow"}
    return variables


def _describe(
    command: SwiftCommand,
    recipe: Recipe,
    secrets: list[str],
    before: RunRecord | None,
    gpus: Sequence[Gpu],
) -> RunRecord:
    """Return the record of this start; `before` is the one that lies there, of this run or not."""
    environment = {}
    for name, value in sorted(recipe.environment.items()):
        is_from_recipe = recipe.file_environment.get(name) == value
        is_known = is_from_recipe or name in _OF_ONE_START
        is_recorded = name.startswith(_RECORDED_VARIABLES) or name in LEARNT
        if is_recorded and not is_known:
            environment[name] = value
    attempts, swanlab = [], None
    earlier: dict[str, int] | None = checkpoints.times(output_of(recipe))
    data = provenance.data_files(recipe)
    attempt = run_record.Attempt(datetime.now(UTC), recipe.get_str("resume_from_checkpoint"))
    attempt.data = {file.path: file.sha256 for file in data}
    if before and _own_checkpoint(recipe):
        attempts, swanlab, earlier = before.attempts, before.swanlab, before.earlier
        attempt.changed = changed_settings(before, recipe, data)
    elif before and is_on(recipe.environment, "RESUME"):  # killed before its first checkpoint
        is_same = not changed_settings(before, recipe, data)
        attempts = before.attempts if is_same else []
    seeds = {flag: recipe.get_str(flag) for flag in ("seed", "data_seed") if recipe.get_str(flag)}
    words = [command.program, command.verb, command.file, *command.flags]
    return RunRecord(
        command=redaction.redacted_words(words, secrets),
        settings=redaction.redacted_settings(recipe, secrets),
        environment=redaction.redacted_mapping(environment, secrets),
        folder=str(Path.cwd()),
        output=str(output_of(recipe)),
        git=provenance.git_state(secrets),
        packages=provenance.packages(),
        python=platform.python_version(),
        host=socket.gethostname(),
        gpus=[
            provenance.RecordedGpu(gpu.name, gpu.driver, f"{gpu.total_memory >> 20} MiB")
            for gpu in gpus
        ],
        data=data,
        seeds=seeds,
        attempts=[*attempts, attempt],
        swanlab=swanlab,
        earlier=earlier,
        file_environment=redaction.redacted_mapping(recipe.file_environment, secrets),
        chat_template_sha256=template_sha256(Path(recipe.get_str("model")).expanduser()),
    )


def _from_start(command: SwiftCommand, recipe: Recipe) -> SwiftCommand:
    """Drop the checkpoint of this very run: to repeat it is to begin again."""
    checkpoint, flags = _own_checkpoint(recipe), command.flags
    for start in range(len(flags) - 1):
        if checkpoint and flags[start : start + 2] == ["--resume_from_checkpoint", checkpoint]:
            return command._replace(flags=flags[:start] + flags[start + 2 :])
    return command


def _own_checkpoint(recipe: Recipe) -> str:
    """Return the checkpoint of this very run that it goes on from; empty for any other."""
    checkpoint = recipe.get_str("resume_from_checkpoint")
    path, output = Path(checkpoint).expanduser().resolve(), output_of(recipe).resolve()
    return checkpoint if checkpoint and path.is_relative_to(output) else ""
