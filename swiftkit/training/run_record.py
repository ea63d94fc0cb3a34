"""The record of a training run, run.json in its output folder: its types, reading and writing."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from swiftkit.errors import UsageError
from swiftkit.files.jsonl import encode, write_atomically
from swiftkit.recipe.recipe import whole_number
from swiftkit.training.provenance import DataFile, GitState, RecordedGpu

RECORD, RERUN, RECIPE = "run.json", "rerun.sh", "recipe.yaml"
VARIABLE = "SWIFTKIT_RUN_JSON"  # tells the training where its run.json is


class Attempt(msgspec.Struct):
    """One start of the run, in UTC; `exit_status` is null while it runs and after a SIGKILL.

    `data` are the SHA-256 of the files, by path; `changed` is what RESUME=force let be otherwise
    than in the start before; `failure` is what was short (training/failure.py), if that is known.
    """

    started: datetime
    resumed_from: str = ""
    ended: datetime | None = None
    exit_status: int | None = None
    data: dict[str, str] = {}
    changed: list[str] = []
    failure: str = ""


class SwanLab(msgspec.Struct, frozen=True):
    """The SwanLab run of a training; in local mode `url` is empty and `folder` holds the data."""

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
    """run.json.

    `settings` are swift's arguments as the YAML and the flags give them; `step` is that of the last
    complete checkpoint, once the run has ended. `earlier` are the checkpoints that lay there when
    the run began, and their times (checkpoints.times).
    """

    command: list[str]
    settings: dict[str, list[str]]
    environment: dict[str, str]
    folder: str
    output: str
    git: GitState | None
    packages: list[str]
    python: str
    host: str
    gpus: list[RecordedGpu]
    data: list[DataFile]
    seeds: dict[str, str]
    attempts: list[Attempt]
    step: int | None = None
    swanlab: SwanLab | None = None
    # None: written by an older swiftkit
    earlier: dict[str, int] | None = None
    file_environment: dict[str, str] | None = None  # the recipe's own ENV block
    chat_template_sha256: str = ""  # of the model's own chat template; "" without one

    @property
    def processes(self) -> int:
        """The processes that train on a node; 1 where the environment does not say."""
        environment = (self.file_environment or {}) | self.environment
        return whole_number(environment.get("NPROC_PER_NODE", "")) or 1


class SwiftCommand(NamedTuple):
    """`[env NAME=VALUE...] swift VERB FILE.yaml FLAGS...`; an older rerun.sh begins with env."""

    variables: dict[str, str]
    program: str
    verb: str
    file: str
    flags: list[str]

    @classmethod
    def parse(cls, words: Sequence[str]) -> "SwiftCommand":
        rest = list(words)
        variables = {}
        if rest[:1] == ["env"]:
            rest.pop(0)
            while rest and "=" in rest[0]:
                name, _, value = rest.pop(0).partition("=")
                variables[name] = value
        if len(rest) < 3:
            raise UsageError("a training's command is: swift VERB FILE.yaml FLAGS...")
        program, verb, file, *flags = rest
        return cls(variables, program, verb, file, flags)


def is_first_node(environment: Mapping[str, str]) -> bool:
    """Return True on the node that writes; the others may see the same folder.

    Also where NODE_RANK is no number: one machine alone does not read it, of several preflight
    says so.
    """
    rank = environment.get("NODE_RANK", "").strip()
    return not re.fullmatch("[0-9]+", rank) or not rank.strip("0")


def note(path: Path, swanlab: SwanLab) -> None:
    """Add the SwanLab run to a record; the training does, as soon as it has one."""
    record = read_record(path)
    if record:
        record.swanlab = swanlab
        write_record(path, record)


def note_failure(path: Path, reason: str) -> None:
    """Add why the training fails to its record; the training does."""
    record = read_record(path)
    if record:
        record.attempts[-1].failure = reason
        write_record(path, record)


def read_record(path: Path) -> RunRecord | None:
    """Return the record, or None where there is none, or none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_record(path: Path, record: RunRecord) -> None:
    with write_atomically(path) as file:
        file.write(msgspec.json.format(encode(record), indent=2) + b"\n")
