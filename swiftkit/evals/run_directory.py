"""A run on disk, so that the same command goes on where a kill, a full disk or Ctrl-C stopped it.

    config.json       what was asked of whom: all that is needed to run it again, no secrets
    responses.jsonl   the journal: a flushed line a response; the last of a sample and trial counts
    scores.jsonl      one line a scored response, in the order of the data
    report.json       the numbers; report.md the same for people

A finished response is never asked for again, an error is. Two processes never share a run.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.client.urls import same_places
from swiftkit.errors import DataError, UsageError
from swiftkit.files.inputs import GOLD_FOLDER, find_files
from swiftkit.files.jsonl import decode_line, encode, read_lines, write_atomically
from swiftkit.records import Response
from swiftkit.terminal import shorten

_MAY_DIFFER = ("data", "swiftkit")  # the data's content is compared, not its place
_NEW_ADDRESS = "; for the same model at a new address, change base_url in its config.json"


class RunConfig(msgspec.Struct, frozen=True):
    """All that decides a run's answers. A resumed run agrees in all but `swiftkit` and `data`.

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


class JournalKey(msgspec.Struct, frozen=True, gc=False):
    """The part of a journal line that names its sample and trial."""

    sample_id: str
    trial: int = 0


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

    def resume_config(self, config: RunConfig) -> RunConfig:
        """Return `config`, with the recorded model where it names none.

        Raises UsageError that names the first setting in which the recorded config differs.
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
            hint = _NEW_ADDRESS if name == "base_url" else ""
            was, now = shorten(repr(was), 60), shorten(repr(now), 60)
            reason = f"{self.path} was begun with {name} {was}, this command has {now}"
            raise UsageError(f"{reason} (give the same, or another --run{hint})")
        return config

    def read_responses(self) -> Iterator[Response]:
        """Yield the last response of each sample and trial in the journal.

        The journal is read twice, so that only one response is held at a time. A last line that a
        kill cut off is ignored; any other broken line raises DataError.
        """
        if not self.journal.exists():
            return
        last: dict[JournalKey, int] = {}  # the line number of each
        decode_key = msgspec.json.Decoder(JournalKey).decode
        broken: DataError | None = None
        for number, line in read_lines(self.journal):
            if broken:
                raise broken
            try:
                last[decode_line(line, f"{self.journal}:{number}", decode_key)] = number
            except DataError as error:
                broken = error  # raised only if another line follows
        numbers = set(last.values())
        decode = msgspec.json.Decoder(Response).decode
        for number, line in read_lines(self.journal):
            if number in numbers:
                yield decode_line(line, f"{self.journal}:{number}", decode)

    def write_json(self, name: str, value: Any) -> None:
        with write_atomically(self.path / name) as file:
            file.write(msgspec.json.format(encode(value), indent=2) + b"\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out; the lock goes with the process, however it ends.

        A run that wrote nothing takes the folder with it that it has made. Raises UsageError if
        another process has the lock, DataError if the folder cannot be written.
        """
        lock = self.path / ".lock"
        was_there = self.path.is_dir()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = lock.open("w")
        except OSError as error:
            reason = f"{self.path}: {error.strerror or error}"
            fix = "check the folder, its permissions and the free space, or choose another --run"
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
