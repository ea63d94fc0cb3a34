"""Rows of a CSV file (RFC 4180, UTF-8, a line of names first) as records, {name: text}.

A TSV file is read by the same rules, with tabs in place of commas.

In the columns of _NESTED the text may be a JSON list, which is what it becomes then; in those of
_VERDICTS true, false, 1 or 0, for a table has no types.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.errors import DataError
from swiftkit.files.jsonl import RECORD_LIMIT, broken_record, encode
from swiftkit.json_text import decode_or_none

_MUST_BE_NESTED = ("messages", "conversations", "conversation")
_NESTED = (*_MUST_BE_NESTED, "history", "prompt", "chosen", "rejected")
_VERDICTS = ("label", "kto_tag")
_VALUES = {"true": True, "false": False, "1": 1, "0": 0}
_FIX = "quote cells that hold separators, quotes or line breaks, or use .jsonl"


def csv_records(file: io.BufferedReader, delimiter: str = ",") -> Iterator[tuple[int, bytes]]:
    """Yield (line number, record) of each row below the line of names."""
    csv.field_size_limit(RECORD_LIMIT)
    with io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="") as lines:
        row_lines: list[str] = []  # of the row that is being read
        # else a missing quote swallows the rest in silence
        reader = csv.reader(_remember(lines, row_lines), delimiter=delimiter, strict=True)
        names = _read_names(reader, delimiter)
        while True:
            first = reader.line_num + 1
            row_lines.clear()
            try:
                cells = next(reader)
                if cells:
                    yield first, _record(names, cells)
            except StopIteration:
                return
            except DataError as error:
                yield first, broken_record(_raw(row_lines), error)
            except csv.Error as error:
                reason = f"lines {first} to {reader.line_num}: {error}"
                yield first, broken_record(_raw(row_lines), _broken_csv(reason))


def _remember(lines: Iterable[str], row_lines: list[str]) -> Iterator[str]:
    for line in lines:
        row_lines.append(line)
        yield line


def _raw(lines: list[str]) -> bytes:
    return "".join(lines[:100]).encode("utf-8", "surrogateescape")


def _read_names(reader: Iterator[list[str]], delimiter: str) -> list[str]:
    try:
        names = next((cells for cells in reader if cells), [])
    except csv.Error as error:
        raise _broken_csv(f"the line of names: {error}") from error
    if len(set(names)) < len(names):
        raise _broken_csv(f"two columns of one name: {', '.join(names)[:200]!r}")
    if len(names) == 1:
        _check_delimiter(names[0], delimiter)
    return names


def _check_delimiter(name: str, delimiter: str) -> None:
    """Raise DataError (broken_csv) if the only name is several, separated by something else."""
    fixes = {
        "\t": "give it the ending .tsv",
        ",": "give it the ending .csv",
        ";": "save it with commas or tabs",
    }
    for mark, fix in fixes.items():
        if mark in name and mark != delimiter:
            separators = "commas" if delimiter == "," else "tabs"
            reason = f"the columns are not separated by {separators}: {name[:200]!r}"
            raise DataError(reason, "broken_csv", fix)


def _record(names: list[str], cells: list[str]) -> bytes:
    if len(cells) != len(names):
        raise _broken_csv(f"{len(cells)} cells under {len(names)} names")
    record = {}
    for name, text in zip(names, cells, strict=True):
        if name:  # a column without a name is the row number that pandas writes
            record[name] = _value(name, text)
    try:
        return encode(record)
    except UnicodeEncodeError as error:
        fix = "save the file as UTF-8, as in: iconv -f GBK -t UTF-8"
        raise DataError("not UTF-8", "not_utf8", fix) from error


def _value(name: str, text: str) -> Any:
    if name in _VERDICTS:
        return _VALUES.get(text.strip().lower(), text)
    if name not in _NESTED or not text.strip():
        return text
    value = decode_or_none(text) if text.lstrip().startswith("[") else None
    if isinstance(value, list) and all(isinstance(item, dict | list) for item in value):
        return value
    if name in _MUST_BE_NESTED:
        fix = "write it with json.dumps, or use .jsonl"
        raise DataError(f"the column {name} holds no JSON list", "bad_cell", fix)
    return text


def _broken_csv(reason: str) -> DataError:
    return DataError(reason, "broken_csv", _FIX)
