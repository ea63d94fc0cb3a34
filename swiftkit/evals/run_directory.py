"""A run on disk, so that the same command goes on where a kill, a full disk or Ctrl-C stopped it.

    config.json       what was asked of whom: all that is needed to run it again, no secrets
    responses.jsonl   the journal: one flushed line a response; of several for one sample and trial the last counts
    scores.jsonl      one line a scored response, in the order of the data
    report.json       the numbers; report.md the same for people

A finished response is never asked for again; an error or a skipped sample is. Two processes never
share a run.
"""

import fcntl
import hashlib
from collections.abc import Iterable, Iterator
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


class Config(msgspec.Struct, frozen=True):
    """What decides the answers of a run: a resumed run must agree in all of it but `swiftkit` and
    the data's place.

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
    settings: dict[str, str] = {}  # what else decides, such as a judge (a task's `settings()`)


_FREE = {"data", "swiftkit"}  # the data's content is compared, not its place
_HINTS = {"base_url": "; for the same model at a new address, change base_url in its config.json"}


class _Key(msgspec.Struct, frozen=True, gc=False):
    sample_id: str
    trial: int = 0


class RunDir:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "responses.jsonl"

    def recorded(self) -> Config | None:
        """The config of a run that was begun here."""
        file = self.path / "config.json"
        if not file.exists():
            if self.journal.exists():
                raise UsageError(
                    f"{self.path} holds responses.jsonl but no config.json (choose another --run)"
                )
            return None
        return decode_line(file.read_bytes(), str(file), msgspec.json.Decoder(Config).decode)

    def agree(self, config: Config) -> Config:
        """`config` with the recorded model where none was given; raises UsageError that names what
        differs."""
        recorded = self.recorded()
        if recorded is None:
            return config
        if config.model is None:
            config = msgspec.structs.replace(config, model=recorded.model)
        for name in Config.__struct_fields__:
            was, now = getattr(recorded, name), getattr(config, name)
            if (
                was != now
                and name not in _FREE
                and not (name == "base_url" and same_places(was, now))
            ):
                hint = _HINTS.get(name, "")
                raise UsageError(
                    f"{self.path} was begun with {name} {_short(was)}, this command has {_short(now)} "
                    f"(give the same, or another --run{hint})"
                )
        return config

    def responses(self) -> Iterator[Response]:
        """The last response of each sample and trial in the journal; a half last line is left out.
        One is held at a time: the journal is read twice."""
        if not self.journal.exists():
            return
        last = {key: number for number, key in self._keys()}
        counted = set(last.values())
        decode = msgspec.json.Decoder(Response).decode
        for number, line in read_lines(self.journal):
            if number in counted:
                yield decode_line(line, f"{self.journal}:{number}", decode)

    def _keys(self) -> Iterator[tuple[int, "_Key"]]:
        """The line number and key of each response."""
        decode = msgspec.json.Decoder(_Key).decode
        broken: DataError | None = None
        for number, line in read_lines(self.journal):
            if broken:
                raise broken
            try:
                yield number, decode_line(line, f"{self.journal}:{number}", decode)
            except DataError as error:
                broken = error  # forgiven only as the last line: a kill cut it

    def write_json(self, name: str, value: Any) -> None:
        with write_atomically(self.path / name) as file:
            file.write(msgspec.json.format(encode(value), indent=2) + b"\n")

    def write_text(self, name: str, text: str) -> None:
        with write_atomically(self.path / name) as file:
            file.write(text.encode("utf-8", "replace"))

    def write_lines(self, name: str, records: Iterable[Any]) -> None:
        with write_atomically(self.path / name) as file:
            file.writelines(encode(record) + b"\n" for record in records)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out; the lock goes with the process, however it ends. A run that
        left nothing leaves no folder."""
        lock = self.path / ".lock"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = lock.open("w")
        except OSError as error:
            fix = "check the folder, its permissions and the free space, or choose another --run"
            raise DataError(
                f"{self.path}: {error.strerror or error}", "unwritable_file", fix
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"{self.path} is in use by another swiftkit (wait for it, or choose another --run)"
                ) from None
            try:
                yield
            finally:
                if [entry.name for entry in self.path.iterdir()] == [lock.name]:
                    lock.unlink()
                    self.path.rmdir()


def new_run(task: str) -> Path:
    """A path that is not taken: runs/eval/TASK-TIMESTAMP."""
    stem = f"{task}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    candidates = (
        Path("runs/eval") / (f"{stem}-{number}" if number else stem) for number in range(1000)
    )
    return next(path for path in candidates if not path.exists())


def sha256(path: Path) -> str:
    """Of a file; of a folder, or a file of BFCL with its answers beside it, that of the data files
    with their names."""
    files = find_files([path], []) if path.is_dir() else [path]
    gold = [
        answers for file in files if (answers := file.parent / GOLD_FOLDER / file.name).is_file()
    ]
    if not path.is_dir() and not gold:
        return _digest(path)
    inside = "".join(f"{file.name} {_digest(file)}\n" for file in (*files, *gold))
    return hashlib.sha256(inside.encode()).hexdigest()


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror or error}", "unreadable_file", "check the path of --data"
        ) from error


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
