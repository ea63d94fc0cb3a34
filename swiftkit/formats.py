"""One raw record to swift rows: decode it, find its converter, convert, check, cut to the target.

The converters are the files of converters/; there is no list to keep. Whatever a record holds, the outcome is rows or
a reject.
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import msgspec

from swiftkit import converters
from swiftkit.chat import unfolded
from swiftkit.errors import DataError
from swiftkit.fast_path import Kind, convert_line
from swiftkit.jsonl import decode_record, encode, read_objects
from swiftkit.records import Row
from swiftkit.rows import check_row
from swiftkit.sources import STDIN, Chunk, companion
from swiftkit.targets import TARGETS

RAW_CHARACTERS = 2000
_MOST_KINDS = 1000  # to remember: a file may have other columns in each record
_encode_into = msgspec.json.Encoder().encode_into
_PLAIN_COLUMNS = frozenset(("messages.role", "messages.content"))
_open_to: dict[tuple[Kind, str], bool] = {}  # the short way, by kind of record and --from


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
    """What became of one record: encoded rows, a reject, or neither (filtered out, or no example for the target).

    Neighbours that went the short way have one outcome together: `records` rows, a line each, without their identities.
    The first of them has all `columns`.
    """

    source_format: str = ""
    identity: str = ""
    rows: tuple[bytes, ...] = ()
    reject: Reject | None = None
    records: int = 1
    columns: frozenset[str] = frozenset()  # of the rows; those of a message are named messages.loss and so on


@cache
def names() -> list[str]:
    """The converters' names. Cheap: none of them is imported."""
    return sorted(file.stem for file in Path(converters.__path__[0]).glob("[!_]*.py"))


def title(name: str) -> str:
    """What the format is: the first line of the converter's docstring."""
    return (converter_of(name).__doc__ or name).splitlines()[0].rstrip(".")


def convert_chunk(chunk: Chunk, options: Options) -> list[Outcome]:
    """The outcomes of all records, in order."""
    if options.target != "sft" or options.sample_types or options.max_samples is not None:
        return [_outcome(chunk.path, number, line, options) for number, line in chunk.records]
    outcomes: list[Outcome] = []
    short_way = _ShortWay(chunk.path, options)
    for number, line in chunk.records:
        if not short_way.takes(number, line):
            outcomes += [*short_way.taken(), _outcome(chunk.path, number, line, options)]
    return [*outcomes, *short_way.taken()]


class _ShortWay:
    """Takes the plain records (see fast_path.py), if the first of their kind becomes the same in the general way."""

    def __init__(self, path: Path, options: Options) -> None:
        self._path, self._options = path, options
        self._name = _name(path)
        self._scratch = bytearray()
        self._taken: list[Outcome] = []
        self._begin({})

    def _begin(self, row: dict[str, Any]) -> None:
        self._lines, self._count, self._columns = bytearray(), 0, row.keys()

    def takes(self, number: int, line: bytes) -> bool:
        plain = convert_line(line, f"{self._name}:{number}", self._scratch)
        if plain is None or not self._is_open(*plain, number, line):
            return False
        _, row = plain
        if not row.keys() <= self._columns:
            self._end()
            self._begin(row)
        _encode_into(row, self._lines, -1)
        self._lines += b"\n"
        self._count += 1
        return True

    def _is_open(self, kind: Kind, row: dict[str, Any], number: int, line: bytes) -> bool:
        key = (kind, self._options.source_format)
        if key not in _open_to:
            if len(_open_to) >= _MOST_KINDS:
                _open_to.clear()
            outcome = _outcome(self._path, number, line, self._options)
            _open_to[key] = (outcome.source_format, outcome.rows) == ("openai", (encode(row),))
        return _open_to[key]

    def _end(self) -> None:
        if self._count:
            columns = _PLAIN_COLUMNS | self._columns
            self._taken.append(Outcome("openai", "", (bytes(self._lines[:-1]),), None, self._count, columns))

    def taken(self) -> list[Outcome]:
        """What was taken since the last call: one outcome for all neighbours, unless one of them has a new column."""
        self._end()
        self._begin({})
        taken, self._taken = self._taken, []
        return taken


def _outcome(path: Path, number: int, line: bytes, options: Options) -> Outcome:
    try:
        return _converted(path, number, line, options)
    except DataError as error:
        return Outcome(reject=_reject(path, number, line, error))
    except RecursionError:
        deep = DataError("nested too deeply", "too_deep", "flatten this row")
        return Outcome(reject=_reject(path, number, line, deep))


def _converted(path: Path, number: int, line: bytes, options: Options) -> Outcome:
    name = _name(path)
    record = decode_record(line, "this record")
    if not isinstance(record, dict):
        raise DataError(f"a JSON {type(record).__name__}, not an object", "not_an_object", "write one object a line")
    if options.sample_types and record.get("sample_type") not in options.sample_types:
        return Outcome()
    source_format, record = _detected(unfolded(record), path, options.source_format)
    rows: list[Row] = []
    identity = ""
    for row in converter_of(source_format).convert(record):
        row["source"] = f"{name}:{number}"
        identity = row.setdefault("id", row["source"])
        check_row(row)
        rows += TARGETS[options.target](row)
    columns = frozenset(name for row in rows for name in _columns(row))
    return Outcome(source_format, identity, tuple(map(encode, rows)), columns=columns) if rows else Outcome()


def _columns(row: Mapping[str, Any]) -> Iterator[str]:
    """The row's columns, and what the objects in them hold, which is a column too to what reads them."""
    for name, value in row.items():
        yield name
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from (f"{name}.{key}" for key in item)


def _name(path: Path) -> str:
    return "stdin" if path == STDIN else path.name


def _detected(record: dict[str, Any], path: Path, forced: str) -> tuple[str, dict[str, Any]]:
    """The format's name, and the record with what the files beside the input add to it, if the format has such."""
    for name in [forced] if forced else names():
        converter = converter_of(name)
        if forced or converter.matches(record):
            return name, with_files_beside(name, record, path)
    fix = f"known formats: {', '.join(names())}; --from forces one"
    raise DataError(f"no known format: the columns are {', '.join(record)[:200]}", "unknown_format", fix)


def with_files_beside(name: str, record: dict[str, Any], path: Path) -> dict[str, Any]:
    """The record with the columns that files beside its own hold, where the converter knows of such files."""
    converter = converter_of(name)
    beside = _companion_row(converter, record, path) | _columns_beside(converter, record, path)
    return record | beside if beside else record


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
