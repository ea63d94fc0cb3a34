"""A run on disk, so that the same command goes on where a kill, a full disk or Ctrl-C stopped it.

    config.json       what was asked of whom: all that is needed to run it again, no secrets
    responses.jsonl   the journal: a flushed line a response; the last answer to a sample and trial
                      counts, and without any the last error (evals/answers.py: which sample of
                      the data as it is now)
    scores.jsonl      one line a scored response, in the order of the data
    report.json       the numbers; report.md the same for people

A finished response is never asked for again, an error is. Two processes never share a run.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.client.urls import same_places
from swiftkit.errors import DataError, UnwritableRunError, UsageError
from swiftkit.files.inputs import GOLD_FOLDER, find_files
from swiftkit.files.jsonl import FULL_DISK, decode_line, encode, read_lines, write_atomically
from swiftkit.records import Response
from swiftkit.terminal import say, shorten

_MAY_DIFFER = ("data", "swiftkit", "data_sha256")  # the questions are compared, one by one
_NEW_ADDRESS = "; for the same model at a new address, change base_url in its config.json"
_MORE_TOKENS = "; --retry cut takes a larger one"


class RunConfig(msgspec.Struct, frozen=True):
    """All that decides a run's answers. A resumed run agrees in all but `swiftkit` and the data.

    `base_url` holds one address, or several joined by commas, of which a resumed run must have one.
    """

    task: str
    data: str
    data_sha256: str
    base_url: str
    model: str | None
    trials: int
    temperature: float
    max_tokens: int
    prompt: str | None
    limit: int | None
    sample: int | None
    seed: int
    swiftkit: str
    settings: dict[str, str] = {}  # of the task, such as a judge
    wire_format: str = ""  # how answers are read; "": by the rows' own format, or any


class RunDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "responses.jsonl"

    def read_config(self) -> RunConfig | None:
        """Return the config of the run that was begun here, if one was."""
        file = self.path / "config.json"
        if file.exists():
            decode = msgspec.json.Decoder(RunConfig).decode
            return decode_line(file.read_bytes(), str(file), decode)
        if self.journal.exists():
            reason = f"{self.path} holds responses.jsonl but no config.json"
            raise UsageError(f"{reason} (choose another --run)")
        return None

    def resume_config(self, config: RunConfig, may_raise_limit: bool = False) -> RunConfig:
        """Return `config`, with the recorded model where it names none.

        Raises UsageError that names the first setting but the data in which the recorded config
        differs. `max_tokens` may be larger where all answers that were cut are asked again: the
        others ended by themselves, below both limits.
        """
        recorded = self.read_config()
        if recorded is None:
            return config
        if config.model is None:
            config = msgspec.structs.replace(config, model=recorded.model)
        for name in RunConfig.__struct_fields__:
            was, now = getattr(recorded, name), getattr(config, name)
            if was == now or name in _MAY_DIFFER:
                continue
            if name == "base_url" and same_places(was, now):
                continue
            if name == "max_tokens" and may_raise_limit and now > was:
                continue
            hint = {"base_url": _NEW_ADDRESS, "max_tokens": _MORE_TOKENS}.get(name, "")
            was, now = shorten(repr(was), 60), shorten(repr(now), 60)
            reason = f"{self.path} was begun with {name} {was}, this command has {now}"
            raise UsageError(f"{reason} (give the same, or another --run{hint})")
        return config

    def read_journal(self, only: Container[int] | None = None) -> Iterator[tuple[int, Response]]:
        """Yield (line number, response) of each line of the journal, or of `only` these lines.

        A last line that a kill cut off is ignored. Any other broken line counts as little, and they
        are said once: a power failure or a network disk may leave one behind.
        """
        if not self.journal.exists():
            return
        decode = msgspec.json.Decoder(Response).decode
        broken: dict[int, DataError] = {}
        number = 0
        for number, line in read_lines(self.journal):
            if only is None or number in only:
                try:
                    yield number, decode_line(line, f"{self.journal}:{number}", decode)
                except DataError as error:
                    broken[number] = error
        if number in broken and not self._ends_whole():
            del broken[number]
        if broken:
            first, *others = broken.values()
            more = f", and so are {len(others)} more lines" if others else ""
            fix = "`swiftkit eval` with this --run asks their samples again"
            say(f"warning: {first.reason}{more}: broken lines do not count ({fix})")

    def _ends_whole(self) -> bool:
        with self.journal.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"

    def write_json(self, name: str, value: Any) -> None:
        with write_atomically(self.path / name) as file:
            file.write(msgspec.json.format(encode(value), indent=2) + b"\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out; the lock goes with the process, however it ends.

        A run that wrote nothing takes the folder with it that it has made. Raises UsageError if
        another process has the lock, DataError if the folder cannot be written, or
        UnwritableRunError if the disk is full.
        """
        lock = self.path / ".lock"
        was_there = self.path.is_dir()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = lock.open("w")
        except OSError as error:
            reason = f"{self.path}: {error.strerror or error}"
            fix = "check the folder, its permissions and the free space, or choose another --run"
            if error.errno in FULL_DISK:
                raise UnwritableRunError(f"{reason} ({fix})") from error
            raise DataError(reason, "unwritable_file", fix) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fix = "wait for it, or choose another --run"
                raise UsageError(f"{self.path} is in use by another swiftkit ({fix})") from None
            try:
                yield
            finally:
                if [entry.name for entry in self.path.iterdir()] == [lock.name]:
                    lock.unlink()
                    if not was_there:
                        self.path.rmdir()


@contextmanager
def stopped_by_disk(how_to_go_on: Callable[[], str]) -> Iterator[None]:
    """Raise UnwritableRunError, with how to go on, where a file cannot be written."""
    try:
        yield
    except DataError as error:
        if error.code != "unwritable_file":
            raise
        raise UnwritableRunError(f"{error.reason}: {how_to_go_on()}") from error


def new_run_path(task: str) -> Path:
    """Return a path that is not taken: runs/eval/TASK-TIMESTAMP."""
    stem = f"{task}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    path, number = Path("runs/eval") / stem, 0
    while path.exists():
        number += 1
        path = Path("runs/eval") / f"{stem}-{number}"
    return path


def data_sha256(path: Path) -> str:
    """Return the SHA-256 of a data file; of a folder, or a file of BFCL with its answers beside it,
    that of the names and hashes of the data files."""
    files = find_files([path], []) if path.is_dir() else [path]
    gold = [file.parent / GOLD_FOLDER / file.name for file in files]
    gold = [answers for answers in gold if answers.is_file()]
    if not path.is_dir() and not gold:
        return _file_sha256(path)
    hashes = [f"{file.name} {_file_sha256(file)}\n" for file in (*files, *gold)]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = f"{path}: {error.strerror or error}"
        raise DataError(reason, "unreadable_file", "check the path of --data") from error
