"""rerun.sh: a script that repeats a run with its settings, environment and data.

It writes into a folder beside the first one. Every value in it is shell-quoted: what a YAML, a flag
or a file's name holds is never evaluated. The value of a secret flag, which is not kept, is asked
for as a variable of the flag's name.
"""

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from swiftkit.files.jsonl import write_atomically
from swiftkit.recipe.recipe import Recipe
from swiftkit.recipe.switches import OFF
from swiftkit.sandbox.secret_values import HIDDEN
from swiftkit.training.provenance import MODELS, DataFile
from swiftkit.training.redaction import redacted_mapping, redacted_words
from swiftkit.training.run_record import RunRecord, SwiftCommand

# Of one start, not of the run: chosen anew, or set by whoever starts the script.
_PER_START_VARIABLES = (
    "MASTER_",
    "NODE_RANK",
    "RANK",
    "WORLD_SIZE",
    "SLURM_",
    "SWANLAB_RUN_ID",
    "SWANLAB_RESUME",
)
_HEAD = """#!/usr/bin/env bash
# Repeats the run that run.json beside this file tells of: the same settings (recipe.yaml), flags,
# environment and data. It writes into a folder of its own, so that the two can be compared; your
# flags win, and DRY_RUN=1 only prints:
#   bash rerun.sh --output_dir runs/again
# 重复同一次训练，结果写入旁边的新目录。
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"""
_DRY_RUN = f"""case $(printf '%s' "${{DRY_RUN-}}" | tr A-Z a-z) in
    "" | {" | ".join(OFF)}) ;;
    *)
        printf '%q ' "${{command[@]}}"
        echo
        exit
        ;;
esac
"""
_DATA_CHANGED = """DATA
    echo "${0##*/}: the data has changed since that run (the files named above)" >&2
    exit 2
fi
"""

_CHANGED = """echo "${0##*/}: that run went on with other settings or data than it began with" \\
    "(run.json beside this file: attempts, changed), so it cannot be repeated" >&2
exit 2
"""


def write_script(
    path: Path, command: SwiftCommand, recipe: Recipe, record: RunRecord, secrets: Sequence[str]
) -> None:
    """Write it, executable."""
    python = shlex.quote(sys.executable)
    variables = redacted_mapping(command.variables, secrets) | record.environment
    program, verb = shlex.quote(command.program), shlex.quote(command.verb)
    lines = [f"cd {shlex.quote(record.folder)}"]
    for name, value in variables.items():
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
            continue  # no shell could set it
        if HIDDEN in value:
            lines.append(f"# {name} was set; its value is not kept")
        elif not name.startswith(_PER_START_VARIABLES):
            lines.append(f"export {name}={shlex.quote(value)}")
    if variables.get("NNODES", "1") not in ("", "1"):
        start = "start this script on every node, with its NODE_RANK"
        lines.append(f': "${{NODE_RANK:?{start}}}" "${{MASTER_ADDR:?and MASTER_ADDR}}"')
    elif variables.get("NPROC_PER_NODE"):  # several processes on one machine
        port = f"$({python} -P -m swiftkit.training.free_port)"
        lines.append(f'export MASTER_PORT="${{MASTER_PORT:-{port}}}"')
    lines += [
        f'command=({program} {verb} "$here/recipe.yaml"',
        *(f"    {word}" for word in _flags(command, recipe, secrets)),
        '    --output_dir "${here}_rerun" "$@")',
    ]
    text = _HEAD
    if any(attempt.changed for attempt in record.attempts):
        text += _CHANGED
    text += "\n".join(lines) + "\n" + _DRY_RUN + _data_check(record.data)
    text += f'exec {python} -P -m swiftkit.training.supervise --record "${{command[@]}}"\n'
    with write_atomically(path) as file:
        file.write(text.encode())
    path.chmod(0o755)


def _flags(command: SwiftCommand, recipe: Recipe, secrets: Sequence[str]) -> Iterator[str]:
    """Yield the flags of the command, and the secret ones of the file, whose copy has lost them."""
    flag = ""
    for word, kept in zip(command.flags, redacted_words(command.flags, secrets), strict=True):
        if word.startswith("--"):
            flag = word.partition("=")[0].lstrip("-")
        if word == kept:
            yield shlex.quote(word)
        else:
            yield (f"--{flag}=" if word.startswith("--") else "") + _question(flag)
    for name, values in recipe.settings.items():
        is_of_file = recipe.places.get(name) != f"--{name}"
        if is_of_file and redacted_words([f"--{name}", *values], secrets)[1:] != values:
            yield f"--{name} {_question(name)}"


def _question(flag: str) -> str:
    """Return a word that stops the script where the variable of the flag's name is not set."""
    name = re.sub("[^0-9A-Za-z]", "_", flag).upper() or "VALUE"
    return f'"${{{name}:?its value is not kept}}"'


def _data_check(files: Sequence[DataFile]) -> str:
    """Return the lines that compare the data with sha256sum's own list, escaped as it does."""
    files = [file for file in files if file.flag not in MODELS]  # no sum is of a folder
    if not files:
        return ""
    text = "if ! sha256sum --check --quiet <<'DATA'; then\n"
    for file in files:
        name = file.path.replace("\\", "\\\\").replace("\n", "\\n")
        mark = "\\" if name != file.path else ""
        text += f"{mark}{file.sha256}  {name}\n"
    return text + _DATA_CHANGED
