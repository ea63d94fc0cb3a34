"""Run the stages of a script one after the other; none again that has read the same before.

    python -m swiftkit.training.stages --folder runs/x --again 'TINY=1 bash recipes/x.sh' \
        --stage convert --reads raw --stage sft --reads rows.jsonl --reads LR=1 --makes runs/x/sft \
        -- bash recipes/x.sh

`bash recipes/x.sh sft` runs the stage `sft`, in a process of its own, and its output goes to
FOLDER/logs/sft.log. FOLDER/begun/sft, and once it has ended well FOLDER/done/sft, tells what it
reads: a digest of each file and folder, and of the code that a YAML names; what is neither (a
setting) counts by its text. When one of them has changed the stage runs again, and what it made
before is set aside in FOLDER/earlier, never mixed or deleted.

Exit status: 0, or that of the stage that failed; 2 for a FOLDER that another process works in, or
that holds somebody's files and no record of a stage.
"""

import argparse
import hashlib
import itertools
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from swiftkit.errors import SwiftkitError, UsageError
from swiftkit.files import stdout
from swiftkit.files.jsonl import write_atomically
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read
from swiftkit.recipe.switches import is_on
from swiftkit.terminal import printable, say
from swiftkit.training.folder_lock import open_lock, take_lock
from swiftkit.training.provenance import code_files
from swiftkit.training.signals import STOPPING, end_at_ctrl_c
from swiftkit.training.supervise import supervise

LOCK = ".stages.lock"
_HASHED_BYTES = 1 << 30  # a larger file (a model's weights) counts by its size and time
_SHOWN_LINES, _SHOWN_BYTES = 15, 100_000  # the end of a log

Digests = dict[str, str]


class Stage(NamedTuple):
    """A stage's name, and what it reads (files, folders, settings) and makes (folders)."""

    name: str
    reads: list[str]
    makes: list[str]


class Word(NamedTuple):
    """A flag and its value: what belongs to a stage follows its name."""

    flag: str
    value: str


class Plan(NamedTuple):
    """The stages of a script, the words that run one, and the words for a person to go on."""

    folder: Path
    stages: list[Stage]
    command: list[str]
    again: str
    show: str
    only: str


def main(arguments: Sequence[str]) -> int:
    end_at_ctrl_c()
    stdout.set_up()
    plan = parse(arguments)
    try:
        check_folder(plan)
        plan.folder.mkdir(parents=True, exist_ok=True)
        with open_lock(plan.folder / LOCK) as lock:
            fix = "wait for it or stop it, or choose another folder"
            take_lock(lock, f"{plan.folder} is in use", fix)
            for name in ("logs", "begun", "done"):
                (plan.folder / name).mkdir(exist_ok=True)
            os.environ["SWIFTKIT_STAGE"] = "1"  # the script runs its function
            if plan.only:
                return supervise([*plan.command, plan.only], inherited=[lock.fileno()])
            return run_stages(plan, lock)
    except (SwiftkitError, OSError) as error:
        say(f"swiftkit: {error}")
        return 2


def parse(arguments: Sequence[str]) -> Plan:
    """Read the words of a script; wrong ones end the process, with the usage."""
    parser = argparse.ArgumentParser("stages", allow_abbrev=False)
    parser.add_argument("--folder", type=Path, required=True, help="for logs and digests")
    parser.add_argument("--again", default="", help="the line that repeats this run, for a person")
    parser.add_argument("--show", default="", help="the stage whose log is printed at the end")
    parser.add_argument("--only", default="", help="one stage, whatever it has read")
    for flag in ("--stage", "--reads", "--makes"):
        parser.add_argument(flag, dest="words", action="append", type=partial(Word, flag))
    parser.add_argument("command", nargs="+", help="what runs a stage, given its name")
    options = parser.parse_args(arguments)
    stages: list[Stage] = []
    for flag, value in options.words:
        if flag == "--stage":
            stages.append(Stage(value, [], []))
        elif flag == "--reads":
            stages[-1].reads.append(value)
        else:
            stages[-1].makes.append(value)
    words = (options.command, options.again, options.show, options.only)
    return Plan(options.folder, stages, *words)


def check_folder(plan: Plan) -> None:
    """Raise UsageError for files that no stage has made: what a stage makes would replace them.

    A folder of ours holds our lock; one that was prepared by hand says which stages are done.
    """
    if not plan.folder.is_dir() or (plan.folder / LOCK).exists():
        return
    if any((plan.folder / "done" / stage.name).exists() for stage in plan.stages):
        return
    for path in plan.folder.iterdir():
        message = f"{plan.folder} holds {path.name}, and no stage was run there"
        raise UsageError(f"{message}; give another folder, new or empty")


def run_stages(plan: Plan, lock: IO[str]) -> int:
    """Run what is not done, and return the exit status. A stage inherits the folder's lock."""
    start = time.monotonic()
    print(f"Stages (logs in {printable(str(plan.folder / 'logs'))}):")
    for stage in plan.stages:
        print(f"  {stage.name:<15} ", end="", flush=True)
        status = run_stage(plan, stage, lock)
        if status != 0:
            return status
    print(f"All stages: {time.monotonic() - start:.0f} s")
    if plan.show:
        print(printable(log_of(plan, plan.show).read_text(encoding="utf-8", errors="replace")))
    return 0


def run_stage(plan: Plan, stage: Stage, lock: IO[str]) -> int:
    """Run a stage unless it is done, say how it went, and return its exit status."""
    begun, done = (plan.folder / name / stage.name for name in ("begun", "done"))
    now = digests(plan.folder, stage.reads)
    if done.exists() and not begun.exists() and is_same(read_digests(done), now):
        print("done before")
        return 0
    changed = changed_names(read_digests(begun if begun.exists() else done), now)
    reason = ""
    if changed:
        reason = f"again, for what it reads has changed: {', '.join(changed)}"
    elif begun.exists() and not is_on(os.environ, "RESUME", default=True):
        reason = "again from its beginning"
    if reason:
        print(printable(reason))
        for output in stage.makes:
            set_aside(plan.folder, Path(output))
        print(" " * 18, end="", flush=True)
    with write_atomically(begun) as file:
        file.write(msgspec.json.encode(now))
    done.unlink(missing_ok=True)
    start = time.monotonic()
    handlers = {number: signal.getsignal(number) for number in STOPPING}
    with log_of(plan, stage.name).open("wb") as log:
        status = supervise([*plan.command, stage.name], output=log, inherited=[lock.fileno()])
    for number, handler in handlers.items():  # between two stages a signal ends this process
        signal.signal(number, handler)
    seconds = time.monotonic() - start
    if status == 0:
        begun.replace(done)
        print(f"{seconds:4.0f} s")
        return 0
    say_how_it_failed(plan, stage, status, seconds)
    return status


def say_how_it_failed(plan: Plan, stage: Stage, status: int, seconds: float) -> None:
    """Print the end of the log, and what a person can type to go on."""
    log = log_of(plan, stage.name)
    end = log.read_bytes()[-_SHOWN_BYTES:].decode(errors="replace")
    lines = end.replace("\r", "\n").splitlines()[-_SHOWN_LINES:]
    state = f"stopped after {seconds:.0f} s (exit status {status})"
    print(f"{state}; the end of {printable(str(log))}:")
    print(printable("\n".join(lines)))
    print(f"Repeat this stage alone:  {plan.again} {stage.name}")
    print(f"Go on from here:           {plan.again}", flush=True)


def log_of(plan: Plan, name: str) -> Path:
    return plan.folder / "logs" / f"{name}.log"


def read_digests(file: Path) -> Digests | None:
    """Return what a stage has read; None where it was not recorded: by an older swiftkit, or for a
    file that was made by hand, to leave a stage out."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Digests)
    except (OSError, msgspec.DecodeError):
        return None


def is_same(before: Digests | None, now: Digests) -> bool:
    return before is None or before == now


def changed_names(before: Digests | None, now: Digests) -> list[str]:
    """Return what has changed since; if that is nothing, what is no longer read."""
    if before is None:
        return []
    changed = [name for name, value in now.items() if before.get(name) != value]
    return changed or [name for name in before if name not in now]


def digests(folder: Path, reads: Sequence[str]) -> Digests:
    """Return the digests of what a stage reads, and of the code that a YAML among it names.

    What lies in the folder is named as seen from there: it may move, or be spelled otherwise.
    """
    names = list(reads)
    for name in reads:
        if name.endswith((".yaml", ".yml")) and Path(name).is_file():
            with suppress(OSError, RuntimeError):  # what is wrong with it preflight says
                recipe, _ = read(Path(name), [], "", os.environ, Machine())
                names += [str(path) for _, path in code_files(recipe)]
    found = {}
    for name in names:
        path, root = os.path.abspath(name), os.path.abspath(folder)  # noqa: PTH100 - links stay
        is_inside = path.startswith(f"{root}/")
        found[path.removeprefix(f"{root}/") if is_inside else name] = digest(name)
    return found


def digest(name: str) -> str:
    """Return the SHA-256 of a file, or of a folder's names and files; of a setting nothing.

    Raises OSError for what cannot be read.
    """
    path = Path(name)
    if path.is_dir():
        parts = []
        for file in sorted(path.rglob("*")):
            if file.is_file():
                parts.append(f"{os.fsencode(file.relative_to(path))!r} {_file_digest(file)}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return _file_digest(path) if path.is_file() else ""


def _file_digest(file: Path) -> str:
    state = file.stat()
    if state.st_size > _HASHED_BYTES:
        return f"{state.st_size} bytes of {state.st_mtime_ns}"
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def set_aside(folder: Path, output: Path) -> None:
    """Rename what a stage made before, so that the new result is mixed with nothing; say where."""
    if not output.exists():
        return
    earlier = folder / "earlier"
    earlier.mkdir(exist_ok=True)
    for number in itertools.count(1):
        place = earlier / f"{output.name}-{number}"
        if not place.exists():
            break
    output.rename(place)
    print(f"{'':18}{printable(str(output))} is kept as {printable(str(place))}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
