"""One raw record to swift rows: decode it, find its converter, convert, check, cut to the target.

The converters are the files of converters/; there is no list to keep. Whatever a record holds, the
outcome is rows or a reject.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit.data.check_row import check_row
from swiftkit.data.detect_format import converter_of, detect_format
from swiftkit.data.fast_path import Kind, convert_line
from swiftkit.data.from_openai import unfolded
from swiftkit.data.targets import TARGETS
from swiftkit.errors import DataError
from swiftkit.files.inputs import STDIN, Chunk
from swiftkit.files.jsonl import decode_record, encode
from swiftkit.records import Row

RAW_CHARACTERS = 2000
_MOST_KINDS = 1000  # to remember: a file may have other columns in each record
_encode_into = msgspec.json.Encoder().encode_into
_PLAIN_COLUMNS = frozenset(("messages.role", "messages.content"))
_open_to: dict[tuple[Kind, str], bool] = {}  # the short way, by kind of record and --from


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
    """What became of one record: encoded rows, a reject, or neither (filtered out, or no example
    for the target).

    Neighbours that went the short way have one outcome together: `records` rows, a line each,
    without their identities. The first of them has all `columns`.
    """

    source_format: str = ""
    identity: str = ""
    rows: tuple[bytes, ...] = ()
    reject: Reject | None = None
    records: int = 1
    # of the rows; those of a message are named messages.loss and so on
    columns: frozenset[str] = frozenset()


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
    """Takes the plain records (data/fast_path.py), if the first of their kind becomes the same in
    the general way."""

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
            self._taken.append(
                Outcome("openai", "", (bytes(self._lines[:-1]),), None, self._count, columns)
            )

    def taken(self) -> list[Outcome]:
        """What was taken since the last call: one outcome for all neighbours, unless one of them
        has a new column."""
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
        raise DataError(
            f"a JSON {type(record).__name__}, not an object",
            "not_an_object",
            "write one object a line",
        )
    if options.sample_types and record.get("sample_type") not in options.sample_types:
        return Outcome()
    source_format, record = detect_format(unfolded(record), path, options.source_format)
    rows: list[Row] = []
    identity = ""
    for row in converter_of(source_format).convert(record):
        row["source"] = f"{name}:{number}"
        identity = row.setdefault("id", row["source"])
        check_row(row)
        rows += TARGETS[options.target](row)
    columns = frozenset(name for row in rows for name in _columns(row))
    return (
        Outcome(source_format, identity, tuple(map(encode, rows)), columns=columns)
        if rows
        else Outcome()
    )


def _columns(row: Mapping[str, Any]) -> Iterator[str]:
    """The row's columns, and what the objects in them hold, which is a column too to what reads
    them."""
    for name, value in row.items():
        yield name
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from (f"{name}.{key}" for key in item)


def _name(path: Path) -> str:
    return "stdin" if path == STDIN else path.name


def _reject(path: Path, number: int, line: bytes, error: DataError) -> Reject:
    raw = line[: RAW_CHARACTERS * 4].decode("utf-8", "replace")[:RAW_CHARACTERS]
    return Reject(str(path), number, error.code, error.reason, error.fix, raw)
