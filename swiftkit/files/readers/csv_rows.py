"""Rows of a CSV file (RFC 4180, UTF-8, commas, a line of names first) as JSON records, {name:
text}.

In the columns of _NESTED the text may be a JSON list, which is what it becomes then.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.files.jsonl import RECORD_LIMIT, broken_record, encode

_MUST_BE_NESTED = ("messages", "conversations", "conversation")
_NESTED = (*_MUST_BE_NESTED, "history", "prompt", "chosen", "rejected")
_decode = msgspec.json.Decoder().decode


def csv_records(file: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    """(line number, record) of each row below the line of names; RFC 4180, in UTF-8."""
    csv.field_size_limit(RECORD_LIMIT)
    with io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="") as lines:
        read: list[str] = []  # the lines of the row
        # else a missing quote swallows the rest in silence
        reader = csv.reader(_remembered(lines, read), strict=True)
        names = _names(reader)
        while True:
            first = reader.line_num + 1
            read.clear()
            try:
                if cells := next(reader):
                    yield first, _record(names, cells)
            except StopIteration:
                return
            except DataError as error:
                yield first, broken_record(_raw(read), error)
            except csv.Error as error:
                yield (
                    first,
                    broken_record(
                        _raw(read), _bad_csv(f"lines {first} to {reader.line_num}: {error}")
                    ),
                )


def _remembered(lines: Iterable[str], read: list[str]) -> Iterator[str]:
    for line in lines:
        read.append(line)
        yield line


def _raw(read: list[str]) -> bytes:
    return "".join(read[:100]).encode("utf-8", "surrogateescape")


def _names(reader: Iterator[list[str]]) -> list[str]:
    try:
        names = next((cells for cells in reader if cells), [])
    except csv.Error as error:
        raise _bad_csv(f"the line of names: {error}") from error
    if len(set(names)) < len(names):
        raise _bad_csv(f"two columns of one name: {', '.join(names)[:200]!r}")
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise _bad_csv(f"the columns are not separated by commas: {names[0][:200]!r}")
    return names


def _record(names: list[str], cells: list[str]) -> bytes:
    if len(cells) != len(names):
        raise _bad_csv(f"{len(cells)} cells under {len(names)} names")
    # A column without a name is the row number that pandas writes.
    record = {name: _cell(name, text) for name, text in zip(names, cells, strict=True) if name}
    try:
        return encode(record)
    except UnicodeEncodeError as error:
        raise DataError(
            "not UTF-8", "not_utf8", "save the file as UTF-8, as in: iconv -f GBK -t UTF-8"
        ) from error


def _cell(name: str, text: str) -> Any:
    if name not in _NESTED or not text.strip():
        return text
    try:
        value = _decode(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list) and all(isinstance(item, dict | list) for item in value):
        return value
    if name in _MUST_BE_NESTED:
        raise DataError(
            f"the column {name} holds no JSON list",
            "bad_cell",
            "write it with json.dumps, or use .jsonl",
        )
    return text


def _bad_csv(reason: str) -> DataError:
    return DataError(
        reason, "broken_csv", "quote cells that hold commas, quotes or line breaks, or use .jsonl"
    )
