"""Where a run comes from: the commit, the packages, the GPUs, the data. Nothing here imports torch,
or takes long."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

import msgspec

from swiftkit.errors import SwiftkitError
from swiftkit.recipe.paths import data_files as named_files
from swiftkit.recipe.recipe import Recipe
from swiftkit.terminal import say
from swiftkit.training.redaction import redacted

ROOT = Path(__file__).resolve().parents[2]
_CHANGED_SHOWN = 100
_MUCH = 5_000_000_000
_HEADER = re.compile(r"^(Name|Version): *(.+)$", re.MULTILINE)


class Git(msgspec.Struct, frozen=True):
    """swiftkit's own repository, with the recipes; `changed` as `git status --short` tells it."""

    commit: str
    dirty: bool
    changed: list[str]


class Gpu(msgspec.Struct, frozen=True):
    """As nvidia-smi tells it."""

    name: str
    driver: str
    memory: str


class DataFile(msgspec.Struct, frozen=True):
    """A file that the recipe names; `rows` is null where they cannot be counted."""

    flag: str
    path: str
    bytes: int
    sha256: str
    rows: int | None


def git(secrets: Sequence[str] = ()) -> Git | None:
    """None where this is no checkout."""
    commit = _said("git", "-C", str(ROOT), "rev-parse", "HEAD").strip()
    if not commit:
        return None
    changed = [
        redacted(line, secrets)
        for line in _said("git", "-C", str(ROOT), "status", "--short").splitlines()
    ]
    return Git(commit, bool(changed), changed[:_CHANGED_SHOWN])


def packages() -> list[str]:
    """name==version of what is installed, as pip freeze has it; name @ address for what came from
    no registry."""
    found = {line.lower(): line for line in map(_requirement, distributions()) if line}
    return [found[key] for key in sorted(found)]


def gpus() -> list[Gpu]:
    query = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    rows = [line.split(", ") for line in _said("nvidia-smi", *query).splitlines()]
    return [Gpu(*row) for row in rows if len(row) == 3]


def data_files(recipe: Recipe) -> list[DataFile]:
    """Those that are there; a hub's name has no file. A GB takes about two seconds, so many are
    announced."""
    size = sum(path.stat().st_size for _, path in named_files(recipe))
    if size > _MUCH:
        say(
            f"swiftkit: reading {size / 1e9:.0f} GB of data for the record of the run (SHA-256, rows)"
        )
    return list(_described(recipe))


def _described(recipe: Recipe) -> Iterator[DataFile]:
    for flag, path in named_files(recipe):
        sha256, lines = _digest(path)
        rows = (
            _ROWS.get(path.suffix.lower(), _records)(path)
            if path.suffix.lower() != ".jsonl"
            else lines
        )
        yield DataFile(flag, str(path.absolute()), path.stat().st_size, sha256, rows)


def _digest(path: Path) -> tuple[str, int]:
    """The SHA-256, and the number of lines that are not blank, in one reading."""
    digest, lines = hashlib.sha256(), 0
    with path.open("rb") as file:
        for block in iter(lambda: file.readlines(1 << 22), []):
            lines += len(block) - block.count(b"\n")
            digest.update(b"".join(block))
    return digest.hexdigest(), lines


def _records(path: Path) -> int | None:
    from swiftkit.files.inputs import read_chunks

    try:
        return sum(len(chunk.records) for chunk in read_chunks([path]))
    except SwiftkitError:
        return None


def _parquet(path: Path) -> int | None:
    try:
        from pyarrow.parquet import read_metadata

        return int(read_metadata(path).num_rows)
    except (ImportError, OSError, ValueError):
        return None


_ROWS: dict[str, Callable[[Path], int | None]] = {".parquet": _parquet}


def _requirement(distribution: Distribution) -> str:
    """By regular expression: the e-mail parser behind `distribution.version` takes ten times as
    long."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    told = dict(_HEADER.findall(text.partition("\n\n")[0]))
    origin = distribution.read_text("direct_url.json")
    if origin and told:
        return redacted(f"{told.get('Name')} @ {_address(origin)}")
    return f"{told['Name']}=={told['Version']}" if {"Name", "Version"} <= told.keys() else ""


class _Vcs(msgspec.Struct, frozen=True):
    vcs: str = ""
    commit_id: str = ""


class _Origin(msgspec.Struct, frozen=True):
    """PEP 610."""

    url: str
    vcs_info: _Vcs = _Vcs()


def _address(origin: str) -> str:
    try:
        found = msgspec.json.decode(origin, type=_Origin)
    except msgspec.DecodeError:
        return "unknown"
    vcs = found.vcs_info
    return f"{vcs.vcs}+{found.url}@{vcs.commit_id}" if vcs.vcs else found.url


def _said(*command: str) -> str:
    """What it prints; empty where it is not installed, fails or hangs."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            [program, *command[1:]], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout if done.returncode == 0 else ""
