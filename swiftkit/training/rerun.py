"""rerun.sh: a script that repeats a run, with its settings, environment and data, into a folder
beside the first one.

It is made of quoted words only: what a YAML, a flag or a file's name holds is never evaluated by
the shell. The value of a secret flag, which is not kept, is asked for as a variable of the flag's
name.
"""

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swiftkit.files.jsonl import write_atomically
from swiftkit.recipe.recipe import Recipe
from swiftkit.training.provenance import DataFile
from swiftkit.training.redaction import HIDDEN, redacted_mapping, redacted_words

if TYPE_CHECKING:
    from swiftkit.training.run_record import Command, RunRecord

# Of the hour and the place, not of the run: chosen anew, or given by whoever starts it.
_PASSING = (
    "MASTER_",
    "NODE_RANK",
    "RANK",
    "WORLD_SIZE",
    "SLURM_",
    "SWANLAB_RUN_ID",
    "SWANLAB_RESUME",
)
_HEAD = """#!/usr/bin/env bash
# Repeats the run that run.json beside this file tells of: the same settings (recipe.yaml), flags, environment and data.
# It writes into a folder of its own, so that the two can be compared; your flags win, and DRY_RUN=1 only prints:
#   bash rerun.sh --output_dir runs/again
# 重复同一次训练，结果写入旁边的新目录。
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"""
_PORT = "import socket; s = socket.socket(); s.bind(('', 0)); print(s.getsockname()[1])"
_TAIL = """if [[ -n ${DRY_RUN-} ]]; then
    printf '%q ' "${command[@]}"
    echo
    exit
fi
"""


def write_script(
    path: Path, command: "Command", recipe: Recipe, record: "RunRecord", secrets: Sequence[str]
) -> None:
    """Write it, executable."""
    python = shlex.quote(sys.executable)
    lines = [
        f"cd {shlex.quote(record.folder)}",
        *_exports({**redacted_mapping(command.variables, secrets), **record.environment}),
        *_several(record.environment | command.variables, python),
        f'command=(env {shlex.quote(command.program)} {shlex.quote(command.verb)} "$here/recipe.yaml"',
        *(f"    {word}" for word in _flags(command, recipe, secrets)),
        '    --output_dir "${here}_rerun" "$@")',
    ]
    end = [
        *_data_check(record.data),
        f'exec {python} -m swiftkit.training.supervise --record "${{command[@]}}"',
    ]
    with write_atomically(path) as file:
        file.write((_HEAD + "\n".join(lines) + "\n" + _TAIL + "\n".join(end) + "\n").encode())
    path.chmod(0o755)


def _exports(variables: dict[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        if HIDDEN in value:
            yield f"# {name} was set; its value is not kept"
        elif name.isidentifier() and not name.startswith(_PASSING):
            yield f"export {name}={shlex.quote(value)}"


def _several(variables: dict[str, str], python: str) -> Iterator[str]:
    """Of several nodes each is told its place; several processes on one get a port that is free
    now."""
    if variables.get("NNODES", "1") not in ("", "1"):
        yield ': "${NODE_RANK:?start this script on every node, with its NODE_RANK}" "${MASTER_ADDR:?and MASTER_ADDR}"'
    elif variables.get("NPROC_PER_NODE"):
        yield f'export MASTER_PORT="${{MASTER_PORT:-$({python} -c {shlex.quote(_PORT)})}}"'


def _flags(command: "Command", recipe: Recipe, secrets: Sequence[str]) -> Iterator[str]:
    """Those of the command; secret ones of the file too, whose copy has lost them."""
    flag = ""
    for word, shown in zip(command.flags, redacted_words(command.flags, secrets), strict=True):
        flag = word.partition("=")[0].lstrip("-") if word.startswith("--") else flag
        if word == shown:
            yield shlex.quote(word)
        else:
            yield (f"--{flag}=" if word.startswith("--") else "") + _asked(flag)
    for name, values in recipe.settings.items():
        if (
            recipe.places.get(name) != f"--{name}"
            and redacted_words([f"--{name}", *values], secrets)[1:] != values
        ):
            yield f"--{name} {_asked(name)}"


def _asked(flag: str) -> str:
    name = (
        "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in flag).upper()
        or "VALUE"
    )
    return f'"${{{name}:?its value is not kept}}"'


def _data_check(files: Sequence[DataFile]) -> Iterator[str]:
    """sha256sum's own list; a name with a backslash or a line break is written as it wants it."""
    if not files:
        return
    yield "if ! sha256sum --check --quiet <<'DATA'; then"
    for file in files:
        name = file.path.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"{chr(92) if name != file.path else ''}{file.sha256}  {name}"
    yield "DATA"
    yield '    echo "${0##*/}: the data has changed since that run (the files named above)" >&2'
    yield "    exit 2"
    yield "fi"
