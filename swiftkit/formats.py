"""One raw record to swift rows: decode it, find its converter, convert, check, cut to the target.

The converters are the files of converters/; there is no list to keep. Whatever a record holds, the outcome is rows or
a reject.
"""

import importlib
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import msgspec

from swiftkit import converters
from swiftkit.chat import unfolded
from swiftkit.errors import DataError
from swiftkit.jsonl import decode_record, encode, read_objects
from swiftkit.records import Row
from swiftkit.rows import check_row
from swiftkit.sources import STDIN, Chunk, companion
from swiftkit.targets import TARGETS

RAW_CHARACTERS = 2000


class Converter(Protocol):
    """What each file in converters/ offers."""

    def matches(self, record: dict[str, Any]) -> bool: ...
    def convert(self, record: dict[str, Any]) -> Iterable[Row]: ...


class Options(msgspec.Struct, frozen=True):
    """How to convert; see `swiftkit convert --help`."""

    target: str = "sft"  # a key of targets.TARGETS
    source_format: str = ""  # a converter's name; "" detects it for each record
    sample_types: tuple[str, ...] = ()
    max_samples: int | None = None  # rows to write at most; what comes after them is not read
    workers: int = 1


class Reject(msgspec.Struct, frozen=True):
    """One line of the rejects file. `raw` is the record's beginning."""

    file: str
    line: int
    code: str
    reason: str
    fix: str
    raw: str


class Outcome(NamedTuple):
    """What became of one record: encoded rows, a reject, or neither (filtered out, or no example for the target)."""

    source_format: str = ""
    identity: str = ""
    rows: tuple[bytes, ...] = ()
    reject: Reject | None = None


@cache
def names() -> list[str]:
    """The converters' names. Cheap: none of them is imported."""
    return sorted(file.stem for file in Path(converters.__path__[0]).glob("[!_]*.py"))


def title(name: str) -> str:
    """What the format is: the first line of the converter's docstring."""
    return (converter_of(name).__doc__ or name).splitlines()[0].rstrip(".")


def convert_chunk(chunk: Chunk, options: Options) -> list[Outcome]:
    """The outcome of each record, in order."""
    return [_outcome(chunk.path, number, line, options) for number, line in chunk.records]


def _outcome(path: Path, number: int, line: bytes, options: Options) -> Outcome:
    try:
        return _converted(path, number, line, options)
    except DataError as error:
        return Outcome(reject=_reject(path, number, line, error))
    except RecursionError:
        deep = DataError("nested too deeply", "too_deep", "flatten this row")
        return Outcome(reject=_reject(path, number, line, deep))


def _converted(path: Path, number: int, line: bytes, options: Options) -> Outcome:
    name = "stdin" if path == STDIN else path.name
    record = decode_record(line, "this record")
    if not isinstance(record, dict):
        raise DataError(f"a JSON {type(record).__name__}, not an object", "not_an_object", "write one object a line")
    if options.sample_types and record.get("sample_type") not in options.sample_types:
        return Outcome()
    source_format, record = _detected(unfolded(record), path, options.source_format)
    rows = []
    identity = ""
    for row in converter_of(source_format).convert(record):
        row["source"] = f"{name}:{number}"
        identity = row.setdefault("id", row["source"])
        check_row(row)
        rows += [encode(made) for made in TARGETS[options.target](row)]
    return Outcome(source_format, identity, tuple(rows)) if rows else Outcome()


def _detected(record: dict[str, Any], path: Path, forced: str) -> tuple[str, dict[str, Any]]:
    """The format's name, and the record with what the files beside the input add to it, if the format has such."""
    for name in [forced] if forced else names():
        converter = converter_of(name)
        if forced or converter.matches(record):
            beside = _companion_row(converter, record, path) | _columns_beside(converter, record, path)
            return name, record | beside if beside else record
    fix = f"known formats: {', '.join(names())}; --from forces one"
    raise DataError(f"no known format: the columns are {', '.join(record)[:200]}", "unknown_format", fix)


def _companion_row(converter: Converter, record: dict[str, Any], path: Path) -> dict[str, Any]:
    folder = getattr(converter, "COMPANION", None)
    if folder is None or path == STDIN:
        return {}
    return companion(path, folder).get(str(record.get("id")), {})


def _columns_beside(converter: Converter, record: dict[str, Any], path: Path) -> dict[str, Any]:
    """The columns whose values are all the objects of some files beside the input, if all these files are there."""
    files_of = getattr(converter, "files_beside", None)
    if files_of is None or path == STDIN:
        return {}
    columns = ((column, [path.parent / file for file in files]) for column, files in files_of(record).items())
    return {column: [row for file in files for row in _objects(file)] for column, files in columns if _exist(files)}


def _exist(files: list[Path]) -> bool:
    return bool(files) and all(file.is_file() for file in files)


@lru_cache(maxsize=64)
def _objects(file: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_objects(file)]


def _reject(path: Path, number: int, line: bytes, error: DataError) -> Reject:
    raw = line[: RAW_CHARACTERS * 4].decode("utf-8", "replace")[:RAW_CHARACTERS]
    return Reject(str(path), number, error.code, error.reason, error.fix, raw)


@cache
def converter_of(name: str) -> Converter:
    return cast(Converter, importlib.import_module(f"swiftkit.converters.{name}"))
