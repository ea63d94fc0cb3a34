"""Describe the origins of a run: the commit, the packages, the GPUs, the data.

Nothing here imports torch, or takes long.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

import msgspec

from swiftkit.errors import SwiftkitError
from swiftkit.recipe.paths import datasets, set_values
from swiftkit.recipe.recipe import Recipe
from swiftkit.terminal import say
from swiftkit.training.redaction import redacted

ROOT = Path(__file__).resolve().parents[2]
# Flags, and a variable, whose files change what is learnt; those of swiftkit the commit tells.
CODE = (
    "external_plugins",
    "deepspeed",
    "SWIFTKIT_TOOLS",
    "system",
    "custom_dataset_info",
    "custom_register_path",
)
MODELS = ("model", "adapters", "ref_model", "ref_adapters", "reward_model", "teacher_model")
_CHANGED_FILES = 100  # that are listed
_LARGE = 5_000_000_000  # bytes; to read as many takes ten seconds, so it is said
_MODEL_FILES = (".safetensors", ".bin", ".json", ".txt", ".model", ".jinja", ".py")
_SMALL = 1 << 26  # bytes of a model's file that are read: a tokenizer has some millions
_HEADER = re.compile(r"^(Name|Version): *(.+)$", re.MULTILINE)


class GitState(msgspec.Struct, frozen=True):
    """The state of swiftkit's own repository; `changed` are the lines of `git status --short`."""

    commit: str
    dirty: bool
    changed: list[str]


class RecordedGpu(msgspec.Struct, frozen=True):
    """A GPU in nvidia-smi's words; `memory` is in MiB: "143771 MiB"."""

    name: str
    driver: str
    memory: str


class DataFile(msgspec.Struct, frozen=True):
    """A file that the recipe names: data, or code and settings of the user's own (CODE).

    `rows` is null where they cannot be counted. Of a model (MODELS) it is the folder, and a digest
    of what is cheap to read of its files.
    """

    flag: str
    path: str
    bytes: int
    sha256: str
    rows: int | None


class _VersionControl(msgspec.Struct, frozen=True):
    vcs: str = ""
    commit_id: str = ""


class _PackageOrigin(msgspec.Struct, frozen=True):
    """direct_url.json of an installed package (PEP 610)."""

    url: str
    vcs_info: _VersionControl = _VersionControl()


def git_state(secrets: Sequence[str] = ()) -> GitState | None:
    """Return the commit and what is changed, or None where this is no checkout."""
    commit = _git("rev-parse", "HEAD").strip()
    if not commit:
        return None
    changed = [redacted(line, secrets) for line in _git("status", "--short").splitlines()]
    return GitState(commit, bool(changed), changed[:_CHANGED_FILES])


def _git(*arguments: str) -> str:
    """Return what git prints; empty where it is not installed, fails or hangs."""
    program = shutil.which("git")
    if program is None:
        return ""
    command = [program, "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=True)  # noqa: S603
        return done.stdout.decode()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""


def packages() -> list[str]:
    """Return the installed packages, sorted: name==version; from no registry, name @ address."""
    requirements = {}
    for distribution in distributions():
        # By a regular expression: the e-mail parser behind `distribution.version` takes ten times
        # as long.
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        header = dict(_HEADER.findall(text.partition("\n\n")[0]))
        origin = distribution.read_text("direct_url.json")
        if origin and header:
            requirement = redacted(f"{header.get('Name')} @ {_address(origin)}")
        elif "Name" in header and "Version" in header:
            requirement = f"{header['Name']}=={header['Version']}"
        else:
            continue
        requirements[requirement.lower()] = requirement
    return [requirements[key] for key in sorted(requirements)]


def _address(direct_url: str) -> str:
    try:
        origin = msgspec.json.decode(direct_url, type=_PackageOrigin)
    except msgspec.DecodeError:
        return "unknown"
    if origin.vcs_info.vcs:
        return f"{origin.vcs_info.vcs}+{origin.url}@{origin.vcs_info.commit_id}"
    return origin.url


def data_files(recipe: Recipe) -> list[DataFile]:
    """Describe the files that are there: data, then code, then models.

    Two seconds a GB of data and code, so many are announced.
    """
    files = []
    for flag, path in [*_named_data(recipe), *code_files(recipe)]:
        state = path.stat()
        files.append((flag, path.absolute(), state.st_size, state.st_mtime_ns))
    return [*_described(tuple(files)), *_models(recipe)]


def _named_data(recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """Yield the files of data, those in folders too, in the recipe's order."""
    for flag, _, name in datasets(recipe):
        path = Path(name).expanduser()
        if path.is_file():
            yield flag, path
        elif path.is_dir():
            for file in sorted(path.rglob("*")):
                is_hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
                if file.is_file() and not is_hidden:
                    yield flag, file


def _models(recipe: Recipe) -> Iterator[DataFile]:
    for flag, value in set_values(recipe, MODELS):
        folder = Path(value.partition("=")[2] or value).expanduser()
        if folder.is_dir():
            yield _model(flag, folder.absolute())


def _model(flag: str, folder: Path) -> DataFile:
    """Describe a model: names and sizes, the headers of safetensors, and small files whole."""
    digest, size = hashlib.sha256(), 0
    for file in sorted(folder.iterdir()):
        if not file.is_file() or file.suffix not in _MODEL_FILES:
            continue
        length = file.stat().st_size
        size += length
        digest.update(f"{os.fsencode(file.name)!r} {length}\n".encode())
        with file.open("rb") as source:
            begin = source.read(8)
            count = int.from_bytes(begin, "little")
            if file.suffix != ".safetensors":
                count = length if length < _SMALL else 0
            digest.update(begin + source.read(min(count, _SMALL)))
    return DataFile(flag, str(folder), size, digest.hexdigest(), None)


@cache
def _described(files: tuple[tuple[str, Path, int, int], ...]) -> list[DataFile]:
    """Describe files of these flags, paths, sizes and times: a resumed run asks twice."""
    total = sum(size for _, _, size, _ in files)
    if total > _LARGE:
        gigabytes = f"{total / 1e9:.0f} GB"
        say(f"swiftkit: reading {gigabytes} of data for the record of the run (SHA-256, rows)")
    described = []
    for flag, path, size, _ in files:
        digest, rows = _digest_and_rows(path)
        described.append(DataFile(flag, str(path), size, digest, None if flag in CODE else rows))
    return described


def code_files(recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """Yield (flag, path) of each file of code or DeepSpeed settings that is not swiftkit's own."""
    tools = recipe.environment.get("SWIFTKIT_TOOLS", "")
    for flag, value in [*set_values(recipe, CODE), ("SWIFTKIT_TOOLS", tools)]:
        if os.path.isfile(Path(value).expanduser()):  # noqa: PTH113 - a DeepSpeed setting may be long
            path = Path(value).expanduser()
            if not path.resolve().is_relative_to(ROOT / "swiftkit"):
                yield flag, path


def _digest_and_rows(path: Path) -> tuple[str, int | None]:
    digest, lines = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.readlines(1 << 22):
            lines += len(block) - block.count(b"\n")  # blank lines
            digest.update(b"".join(block))
    is_jsonl = path.suffix.lower() == ".jsonl"
    return digest.hexdigest(), lines if is_jsonl else _count_rows(path)


def _count_rows(path: Path) -> int | None:
    if path.suffix.lower() == ".parquet":
        try:
            from pyarrow.parquet import read_metadata

            return int(read_metadata(path).num_rows)
        except (ImportError, OSError, ValueError):
            return None
    from swiftkit.files.inputs import read_chunks

    try:
        return sum(len(chunk.records) for chunk in read_chunks([path]))
    except SwiftkitError:
        return None
