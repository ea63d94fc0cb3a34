"""The record of a training run (run.json in its output folder): its types, reading and writing."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import msgspec

from swiftkit.files.jsonl import encode, write_atomically
from swiftkit.training import provenance

RECORD, RERUN, RECIPE = "run.json", "rerun.sh", "recipe.yaml"


VARIABLE = "SWIFTKIT_RUN_JSON"  # tells the training where its run.json is


class Attempt(msgspec.Struct):
    """One start of the run. Times are UTC; `exit_status` is null while it runs, and after a SIGKILL
    of all of it."""

    started: datetime
    resumed_from: str = ""
    ended: datetime | None = None
    exit_status: int | None = None


class SwanLab(msgspec.Struct, frozen=True):
    """Which SwanLab run the training reports to; `url` is empty in local mode, where `folder` holds
    the data."""

    id: str
    mode: str
    project: str
    workspace: str
    name: str
    folder: str
    url: str

    @property
    def place(self) -> str:
        return self.url or self.folder


class RunRecord(msgspec.Struct):
    """run.json. `settings` are swift's arguments as the YAML and the flags give them; `step` the
    last complete checkpoint's, once the run has ended."""

    command: list[str]
    settings: dict[str, list[str]]
    environment: dict[str, str]
    folder: str
    output: str
    git: provenance.Git | None
    packages: list[str]
    python: str
    host: str
    gpus: list[provenance.Gpu]
    data: list[provenance.DataFile]
    seeds: dict[str, str]
    attempts: list[Attempt]
    step: int | None = None
    swanlab: SwanLab | None = None


class Command(NamedTuple):
    """`env NAME=VALUE... swift VERB FILE.yaml FLAGS...`, as recipes/lib.sh calls it."""

    variables: dict[str, str]
    program: str
    verb: str
    file: Path
    flags: list[str]

    @classmethod
    def of(cls, words: Sequence[str]) -> "Command":
        pairs = list(takewhile(lambda word: "=" in word, words[1:]))
        program, verb, file, *flags = words[1 + len(pairs) :]
        return cls(dict(pair.split("=", 1) for pair in pairs), program, verb, Path(file), flags)


def note(path: Path, swanlab: SwanLab) -> None:
    """Called by the training itself, as soon as it has a SwanLab run."""
    if record := read_record(path):
        record.swanlab = swanlab
        write_record(path, record)


def read_record(path: Path) -> RunRecord | None:
    """None where there is none, or none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_record(path: Path, record: RunRecord) -> None:
    with write_atomically(path) as file:
        file.write(msgspec.json.format(encode(record), indent=2) + b"\n")
