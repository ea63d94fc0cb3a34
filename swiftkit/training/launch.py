"""Start a recipe's swift command on this machine: the line `launch ... swift VERB ...` of a recipe.

    python -m swiftkit.cli.launch --script recipes/lora_sft.sh --gpus 4 --deepspeed zero3 \
        swift sft recipes/lora_sft.yaml [OTHER.yaml] [flags of swift]

What runs is `swift VERB FILE.yaml [flags for this machine] [flags of swift]`. None of swift's flags
is read here: a check that is handed in (cli/launch.py: preflight) reads them, in this process, and
says what is wrong before swift starts. Then this process supervises swift, and of a training it
keeps a record.

recipes/README.md explains the variables: DRY_RUN, RESUME, AUDIT, GPUS, DEEPSPEED, VLLM;
docs/multi_node.md NNODES and what belongs to it. Exit status: swift's; 2 for wrong usage and for a
recipe that cannot run here.

A dry run needs nothing but Python: what else there is, is imported where it is used.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from swiftkit.errors import SwiftkitError, UsageError
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.switches import is_on
from swiftkit.terminal import say
from swiftkit.training import machine_settings
from swiftkit.training.launch_messages import lost_node, missing_gpus
from swiftkit.training.machine_settings import Work
from swiftkit.training.shell_line import shell_line
from swiftkit.training.signals import STOPPING, end_at_ctrl_c

if TYPE_CHECKING:
    from swiftkit.findings import Finding

# Both import torch, so another process tries them. Liger's kernels need triton with an active
# driver, and crash in mid-training without it.
_TRY_LIGER = """
import liger_kernel, triton
backends = triton.backends.backends.values()
raise SystemExit(not any(backend.driver.is_active() for backend in backends))
"""
_TRY_VLLM = "import vllm"  # one that was built for another torch is found, and fails


# Finds what is wrong with a file, its flags, on this machine, for that verb.
Check = Callable[[Path, Sequence[str], Machine, str], Sequence["Finding"]]


class LaunchLine(NamedTuple):
    """The words of a recipe's `launch` line; the user's stand at the end of `command`."""

    script: str
    programs: str
    gpus: int
    gpu_memory: int
    deepspeed: str
    vllm: bool
    terminal: bool
    on_cpu: list[str]
    as_is: bool
    command: list[str]

    def log(self, message: str) -> None:
        """Say something under the recipe's name, as its shell script does."""
        say(f"{Path(self.script).name}: {message}")


def main(arguments: Sequence[str], check: Check) -> int:
    end_at_ctrl_c()
    line = parse(arguments)
    try:
        return run_as_it_is(line) if line.as_is else launch(line, check)
    except SwiftkitError as error:
        line.log(str(error))
        return error.exit_status


def parse(arguments: Sequence[str]) -> LaunchLine:
    """Read the words of a `launch` line; wrong ones end the process, with the usage."""
    parser = argparse.ArgumentParser("launch", allow_abbrev=False)
    parser.add_argument("--script", default="launch", help="the recipe, as it was started")
    parser.add_argument("--programs", default="", help="swift's folder  [default: the PATH]")
    parser.add_argument("--gpus", type=int, default=0, help="how many the recipe's YAML needs")
    parser.add_argument("--gpu-memory", type=int, default=80, help="GB that each of them needs")
    parser.add_argument("--deepspeed", default="none", help="zero2 or zero3, for several GPUs")
    parser.add_argument("--vllm", action="store_true", help="let vLLM generate, if it is here")
    parser.add_argument("--terminal", action="store_true", help="swift reads from the terminal")
    parser.add_argument("--on-cpu", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--as-is", action="store_true", help="add nothing to the command")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="swift VERB FILE.yaml ...")
    options = parser.parse_args(arguments)
    if len(options.command) < (1 if options.as_is else 3):
        parser.error("give the command: swift VERB FILE.yaml ...")
    if not all("=" in pair for pair in options.on_cpu):
        parser.error("--on-cpu takes NAME=VALUE")
    return LaunchLine(**vars(options))


def launch(line: LaunchLine, check: Check) -> int:
    """Run the command with what this machine adds, and return its exit status."""
    program, verb, file, *flags = line.command
    is_own_file = not flags or not flags[0].endswith((".yaml", ".yml"))  # swift's own convention
    if not is_own_file:
        file, *flags = flags
    file = checked_file(file)
    path = as_path(Path(line.programs, program))
    if "--help" in flags and not is_dry_run():
        check_installed(path)
        os.execvp(path, [path, verb, file, *flags])  # noqa: S606 - nothing to supervise

    machine_settings.stop_seconds(os.environ)  # wrong variables are said before anything is done
    machine = Machine.here(os.environ)
    work = Work(program, verb, machine_settings.count_gpus(os.environ, len(machine.gpus)))
    if work.is_training:
        work = work._replace(nodes=machine_settings.count_nodes(os.environ))
    if is_own_file:
        work = fit_to_machine(work, line, file, machine.gpu_problem)
    say_why_no_gpu(line, machine)
    variables = machine_settings.variables_for(work, os.environ)
    if work.gpus == 0:
        on_cpu = dict(pair.split("=", 1) for pair in line.on_cpu)
        variables |= machine_settings.keep_set(on_cpu, os.environ)
    os.environ.update(variables)
    machine_settings.check_torchrun(work, os.environ)
    keeps_dtype = work.gpus == 0 and not is_own_file and sets_dtype(verb, file)
    deepspeed = os.environ.get("DEEPSPEED") or line.deepspeed
    added = machine_settings.flags_for(work, deepspeed, keeps_dtype)
    program = path
    check_installed(program)
    with lock_for(work, [verb, file, *added, *flags]) as lock:
        if work.is_training and is_on(os.environ, "RESUME"):
            from swiftkit.training.resume import resume

            resumption = resume(verb, Path(file), [*added, *flags], os.environ)
            if resumption.is_finished:
                return 0
            added += resumption.flags
        if is_dry_run():
            command = [short_path(program), verb, file, *added, *accelerators(work, line), *flags]
            print_line(variables, command)
            say_of_audit(work, line)
            return 0
        if has_faults(work, file, [*added, *flags], machine, check):
            say_where_to_stand(line, is_own_file)
            return 2
        added += accelerators(work, line)
        return run([program, verb, file, *added, *flags], work, line, machine, lock)


def lock_for(work: Work, words: Sequence[str]) -> AbstractContextManager[list[int]]:
    """Return the lock of what a training writes into; nothing else needs one."""
    if not work.is_training or is_dry_run():
        return nullcontext([])
    from swiftkit.training.folder_lock import lock_output

    verb, file, *flags = words
    return lock_output(verb, Path(file), flags, os.environ)


def checked_file(file: str) -> str:
    """Return the path as swift can be given it. Raises UsageError if there is no such file."""
    if not os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises for a name that is too long
        raise UsageError(f"there is no file {file}")
    return as_path(file)


def run_as_it_is(line: LaunchLine) -> int:
    """Supervise a command to which nothing is added, and return its exit status."""
    program = as_path(Path(line.programs, line.command[0]))
    command = [program, *line.command[1:]]
    if is_dry_run():
        print_line({}, [short_path(program), *command[1:]])
        return 0
    check_installed(program)
    from swiftkit.training.supervise import supervise

    return supervise(command)


def say_why_no_gpu(line: LaunchLine, machine: Machine) -> None:
    """Say what is wrong with the GPUs, if the user has not said that the CPU is meant.

    Where some are seen preflight says it, which a dry run leaves out.
    """
    if machine.gpus:
        for fault in machine.gpu_faults if is_dry_run() else []:
            line.log(fault)
        return
    hides_gpus = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if machine.gpu_problem and not machine_settings.wanted_gpus(os.environ) and not hides_gpus:
        fix = "GPUS=N says how many there are, GPUS=0 that the CPU is meant"
        line.log(f"no GPU is seen, so the CPU is used: {machine.gpu_problem} ({fix})")


def fit_to_machine(work: Work, line: LaunchLine, file: str, problem: str) -> Work:
    """Compare the GPUs with the recipe's, which a dry run takes. Raises UsageError without any."""
    if work.gpus * work.nodes >= line.gpus:
        return work
    if is_dry_run() and not machine_settings.wanted_gpus(os.environ):
        made_for = f"the {line.gpus} GPUs that the recipe is made for"
        line.log(f"this is the command for {made_for}; here are {work.gpus}")
        return work._replace(gpus=line.gpus)
    if work.gpus == 0:
        raise UsageError(missing_gpus(line.script, file, line.gpus, line.gpu_memory, problem))
    line.log(f"{file} is made for {line.gpus} GPUs, here are {work.gpus}: it may run out of memory")
    return work


def sets_dtype(verb: str, file: str) -> bool:
    """Return True for a YAML with a torch_dtype of its own, such as bfloat16 for a CPU with AMX."""
    try:
        from swiftkit.recipe.reading import read

        recipe, _ = read(Path(file), [], verb, os.environ, Machine())
    # A dry run needs no environment, and what is wrong with the file preflight says.
    except (ImportError, OSError, RuntimeError):
        return False
    return recipe.is_set("torch_dtype")


def check_installed(program: str) -> None:
    """Raise UsageError without swift; a dry run needs none."""
    if shutil.which(program) is None and not is_dry_run():
        raise UsageError("ms-swift is not installed; install it: bash scripts/setup.sh")


def has_faults(work: Work, file: str, flags: Sequence[str], machine: Machine, check: Check) -> bool:
    """Say what the check finds, and return True if it would stop the run or spoil it."""
    from swiftkit.findings import failed

    verb = "megatron" if work.program == "megatron" else work.verb
    seen = machine._replace(gpus=machine.gpus[: work.gpus])  # what GPUS has hidden is not there
    findings = check(Path(file), flags, seen, verb)
    for finding in findings:
        say(str(finding))
    return failed(findings)


def say_where_to_stand(line: LaunchLine, is_own_file: bool) -> None:
    """Say that a recipe's paths are seen from the project's root, if that is somewhere else."""
    root = Path(line.script).resolve().parent.parent
    if is_own_file and (root / "recipes").is_dir() and not root.samefile(Path.cwd()):
        line.log(f"paths of its YAML are seen from the project's root: cd {shlex.quote(str(root))}")


def accelerators(work: Work, line: LaunchLine) -> list[str]:
    """Return the flags for kernels and for vLLM, if they work here; a dry run supposes it."""
    flags = []
    on_gpus = work.gpus > 0 and work.program == "swift"
    if on_gpus and work.verb == "sft" and (is_dry_run() or succeeds(_TRY_LIGER)):
        flags += machine_settings.LIGER
    if on_gpus and line.vllm and is_on(os.environ, "VLLM", default=True):
        if is_dry_run() or succeeds(_TRY_VLLM):
            flags += machine_settings.COLOCATED_VLLM
        else:
            slowly = "transformers generates the rollouts, which takes much longer"
            line.log(f"vLLM is not installed beside ms-swift: {slowly}")
    return flags


def succeeds(code: str) -> bool:
    """Return True if the environment's Python runs the code without an error."""
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603


def run(
    command: list[str], work: Work, line: LaunchLine, machine: Machine, lock: Sequence[int]
) -> int:
    """Supervise the command, a training with a record of it, and return its exit status."""
    from swiftkit.training.supervise import supervise, supervise_training

    if work.is_training:
        status = supervise_training(command, lock, machine.gpus)
    else:
        status = supervise(command, in_terminal=line.terminal and sys.stdin.isatty())
    stopped = [128 + number for number in STOPPING]
    if work.nodes > 1 and status not in (0, *stopped):
        say(lost_node(line.script, work.nodes, os.environ))
    return status


def print_line(variables: Mapping[str, str], command: Sequence[str]) -> None:
    """Print the command on stdout, as a line for a shell."""
    sys.stdout.buffer.write(os.fsencode(shell_line(variables, command)) + b"\n")


def say_of_audit(work: Work, line: LaunchLine) -> None:
    """Say what a dry run leaves out."""
    if is_on(os.environ, "AUDIT") and work.verb == "rlhf":
        line.log("AUDIT: before this runs, its rewards are audited (swiftkit audit)")


def short_path(program: str) -> str:
    """Return the path as a person in this folder would type it."""
    path = Path(program)
    if not path.is_relative_to(Path.cwd()):
        return program
    return as_path(path.relative_to(Path.cwd()))


def as_path(path: str | Path) -> str:
    """Return a path that nobody reads as a flag, not even the interpreter of a script."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def is_dry_run() -> bool:
    return is_on(os.environ, "DRY_RUN")
