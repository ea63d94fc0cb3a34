"""A command in place of a recipe: split it into file, flags and verb, and print it corrected.

What starts swift may stand in front: variables, nohup, time, sudo, env, a launcher of processes.
"""

import os
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from itertools import dropwhile, pairwise
from pathlib import Path
from typing import NamedTuple

from swiftkit.errors import UsageError
from swiftkit.preflight.shell_text import ASSIGNMENT, ShellText, is_assignment, shell_commands
from swiftkit.recipe.arguments import verbs
from swiftkit.recipe.machine import ONE_A_GPU
from swiftkit.recipe.recipe import Recipe, RecipeFinding, whole_number
from swiftkit.terminal import shorten

_SETTINGS = (".yaml", ".yml", ".json")
# As `python -m` or torchrun is given them: swift.cli.sft, .../swift/cli/_megatron/sft.py
_MODULE = re.compile(r"(?:^|/)swift[./]cli[./](_megatron[./])?(\w+?)(?:\.py)?$")
# Flags of torchrun, deepspeed and accelerate, and swift's variables for the same.
_LAUNCHER_FLAGS = {
    "nproc_per_node": "NPROC_PER_NODE",
    "num_gpus": "NPROC_PER_NODE",
    "num_processes": "NPROC_PER_NODE",
    "nnodes": "NNODES",
    "num_nodes": "NNODES",
    "num_machines": "NNODES",
    "node_rank": "NODE_RANK",
    "machine_rank": "NODE_RANK",
    "master_addr": "MASTER_ADDR",
    "main_process_ip": "MASTER_ADDR",
    "master_port": "MASTER_PORT",
    "main_process_port": "MASTER_PORT",
}
_NODE_VARIABLES = ("NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")


class Command(NamedTuple):
    """A recipe's file (None without one), the flags after it, the verb, and its variables.

    `start` are the words up to the verb, as a shell reads them, `before` the assignments in front
    of the command; `sources` and `unknown` are those of ShellText.
    """

    file: Path | None
    flags: tuple[str, ...]
    verb: str
    environment: dict[str, str]
    start: tuple[str, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    sources: Mapping[str, str] = {}
    unknown: Collection[str] = ()


def corrected(recipe: Recipe, findings: Sequence[RecipeFinding], command: Command) -> str:
    """Return the command with all changes, quoted for a shell, and the assignments before it.

    What a shell alone knows stays as it was written. Empty without a change; a comment where there
    can be no such command.
    """
    changes: dict[str, list[str] | None] = {}
    for finding in findings:
        changes |= finding.changes
    if not changes:
        return ""
    words = [*(command.start or ("swift", recipe.verb))]
    for flag, values in {**recipe.typed, **changes}.items():
        if values is None:
            continue
        for value in values:
            if value not in command.sources and any(part in value for part in command.unknown):
                return f"# no corrected command: {shorten(value, 60)} is known to your shell alone"
        words += [f"--{flag}", *values]
    lines = [*command.before, words]
    return "\n".join(" ".join(_written(word, command) for word in line) for line in lines)


def _written(word: str, command: Command) -> str:
    if word in command.sources:
        return command.sources[word]
    name = ASSIGNMENT.match(word)
    return name[0] + shlex.quote(word[name.end() :]) if name else shlex.quote(word)


def split_command(recipe: Path, flags: Sequence[str]) -> Command:
    """Split FILE flags, VERB flags, or what starts swift, VERB or VERB FILE, and its flags.

    The whole may be one quoted text, as it stands in a tutorial: broken into lines, with a pipe.
    Raises UsageError for a command of another program.
    """
    words = [str(recipe), *flags]
    if len(words) == 1 and len(words[0].split()) > 1 and not is_file(words[0]):
        return _command_in(words[0]) or Command(recipe, (), "", {})
    environment = {}
    rest = words[1:] if words[0] == "env" and len(words) > 1 else words
    while len(rest) > 1 and ASSIGNMENT.match(rest[0]) and not is_file(rest[0]):
        name, _, environment[name] = rest[0].partition("=")
        rest = rest[1:]
    first = rest[0]
    if first in verbs() and not is_file(first):
        start = (*words[: len(words) - len(rest)], "swift", first)
        return _with_file(first, rest[1:], [*start, *rest[1:]])
    if not first.endswith(_SETTINGS):
        command = _swift_command(words)
        if command:
            return command
        if len(rest) > 1 and (not is_file(first) or os.access(first, os.X_OK)):
            what = shorten(" ".join(rest), 60)
            fix = "give a recipe's YAML, or swift VERB FLAGS; DRY_RUN=1 bash RECIPE.sh prints those"
            raise UsageError(
                f"{what}: is no recipe, and no command of swift is found in it ({fix})"
            )
    return Command(Path(first), tuple(rest[1:]), "", environment)


def is_file(name: str) -> bool:
    return os.path.isfile(name)  # noqa: PTH113 - Path.is_file raises for long texts


def _command_in(text: str) -> Command | None:
    """Return the first command of swift in a text, with the variables that are exported before.

    Raises UsageError for a text that a shell would not take.
    """
    shell = shell_commands(text)
    for find in (_swift_command, _bare_command):
        exported: dict[str, str] = {}
        before = []
        for words in shell.commands:
            if is_assignment(words):
                before.append(tuple(words))
                if words[0] == "export":
                    exported |= _variables_of(words)
                continue
            command = find(words)
            if command:
                return _of_shell(command, exported, before, shell)
    return None


def _bare_command(words: Sequence[str]) -> Command | None:
    """Return the command of swift that begins with its verb."""
    rest = list(dropwhile(ASSIGNMENT.match, words))
    is_command = len(rest) > 1 and rest[0] in verbs()
    return split_command(Path(words[0]), words[1:]) if is_command else None


def _of_shell(
    command: Command,
    exported: Mapping[str, str],
    before: Sequence[tuple[str, ...]],
    shell: ShellText,
) -> Command:
    """Add what the text says around the command; what a shell alone knows is no variable's value,
    nor is it a word that stands before the first flag."""
    environment = {}
    for name, value in {**exported, **command.environment}.items():
        if value not in shell.unknown:
            environment[name] = value
    start, flags = command.start, command.flags
    while flags and flags[0] in shell.unknown and not flags[0].startswith("-"):
        start, flags = (*start, flags[0]), flags[1:]
    return Command(
        command.file,
        flags,
        command.verb,
        environment,
        start,
        tuple(before),
        shell.sources,
        shell.unknown,
    )


def _swift_command(words: Sequence[str]) -> Command | None:
    """Return the command of swift that stands in these words, behind whatever starts it."""
    for index, word in enumerate(words):
        program, rest = Path(word).name, list(words[index + 1 :])
        match = _MODULE.search(word)
        if match:
            program = "megatron" if match[1] else "swift"
            if match[2] != "main":
                rest.insert(0, match[2])
        if program == "megatron" and rest and not rest[0].startswith("-"):
            return _with_file("megatron", rest[1:], words)
        if program == "swift" and rest and rest[0] in verbs():
            return _with_file(rest[0], rest[1:], words)
    return None


def _with_file(verb: str, rest: Sequence[str], words: Sequence[str]) -> Command:
    """Return the command whose flags are `rest`, the end of its words. Raises UsageError for a call
    for help."""
    if "--help" in rest or "-h" in rest:
        raise UsageError(f"swift {verb} --help only prints: leave the word out to check the rest")
    start = tuple(words[: len(words) - len(rest)])
    file = Path(rest[0]) if rest and rest[0].endswith(_SETTINGS) else None
    flags = tuple(rest[1:] if file else rest)
    return Command(file, flags, verb, _variables_of(start), start)


def _variables_of(words: Sequence[str]) -> dict[str, str]:
    """Return the variables in front of a command, and those that a launcher's flags stand for."""
    variables = {}
    given = {}  # to the launcher
    for word, after in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            given[name.lstrip("-").replace("-", "_")] = value if equals else after
        elif ASSIGNMENT.match(word):
            variables[name] = value
    if {"deepspeed", "accelerate"}.intersection(Path(word).name for word in words):
        variables["NPROC_PER_NODE"] = ONE_A_GPU[0]  # where nothing else is said
    for flag, name in _LAUNCHER_FLAGS.items():
        if flag in given:
            variables[name] = given[flag]
    machines = whole_number(given.get("num_machines", ""))
    processes = whole_number(given.get("num_processes", ""))
    if machines and processes:  # accelerate counts those of all machines
        variables["NPROC_PER_NODE"] = str(processes // machines)
    # What finds the other nodes by itself, or is known to a shell alone, is not judged.
    finds_nodes = any(flag.startswith("rdzv_") for flag in given)
    if finds_nodes or any(re.search("[$`]", variables.get(name, "")) for name in _NODE_VARIABLES):
        variables = {name: text for name, text in variables.items() if name not in _NODE_VARIABLES}
    return variables
