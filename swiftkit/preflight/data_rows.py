"""The first rows of a recipe's data files, and columns and faults that only appear later."""

import csv
import functools
import importlib.util
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError
from swiftkit.files.jsonl import BOM, BrokenRecord
from swiftkit.files.readers.json_items import json_records
from swiftkit.json_text import decode_or_none
from swiftkit.recipe.paths import data_files
from swiftkit.recipe.recipe import Recipe
from swiftkit.scoring.rewards import TOOLS, RunFormat, check_columns, check_format, check_row

FIRST = 200  # rows that are looked at closely
_TAIL = 1 << 20  # bytes at a file's end
BLOCK = 10 << 20  # bytes from which `datasets` learns a JSON file's columns
SECONDS = 0.8  # for the columns of all the rest
REWARDS = (
    "tool_call tool_call_exact tool_call_format tool_call_schema tool_chain tool_call_success"
).split()
_decode_row = msgspec.json.Decoder(dict[str, Any]).decode
# The keys of a row alone; its values are not decoded.
_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class DataRow(NamedTuple):
    """A row of a data file. `content` is None where it cannot be read: `fault` says why."""

    flag: str
    place: str
    content: dict[str, Any] | None
    fault: str = ""

    @property
    def columns(self) -> set[str]:
        return set(self.content or ())

    def lacks(self, columns: set[str]) -> bool:
        """Return True for an object with columns, none of which is one of these."""
        return bool(self.columns) and not columns & self.columns

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages that are objects; empty for rows of another form."""
        content = self.content or {}
        messages = content.get("conversation", content.get("conversations"))
        messages = content.get("messages", messages)
        if isinstance(messages, str):
            messages = decode_or_none(messages)
        if not isinstance(messages, list):
            return []
        return [message for message in messages if isinstance(message, dict)]

    @property
    def last_role(self) -> str:
        """The role of the last message, "" where there is none."""
        return role_of(self.messages[-1]) if self.messages else ""


def role_of(message: dict[str, Any]) -> str:
    """Return the role of an OpenAI message, or of a ShareGPT turn."""
    return str(message.get("role") or message.get("from") or "")


def first_rows(recipe: Recipe) -> Iterator[DataRow]:
    """Yield the first rows of every data file; blank lines are left out."""
    for flag, path in data_files(recipe):
        status = path.stat()
        for number, content, fault in _first_rows(
            path.absolute(), status.st_mtime_ns, status.st_size
        ):
            yield DataRow(flag, f"{path.absolute()}:{number}", content, fault)


@functools.lru_cache(maxsize=8)
def _first_rows(path: Path, _changed: int, _size: int) -> list[tuple[int, Any, str]]:
    """Return (line or number in the list, row, "") or (line, None, what is wrong) of a file."""
    read = {".jsonl": _json_rows, ".json": _json_rows, ".csv": _csv_rows, ".parquet": _parquet_rows}
    reader = read.get(path.suffix)
    return list(itertools.islice(reader(path), FIRST)) if reader else []


def _json_rows(path: Path) -> Iterator[tuple[int, Any, str]]:
    """Yield the rows of JSON Lines, of a list, or of objects that follow each other.

    `datasets` tells these apart by the content, not by the file's name.
    """
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(BOM) and start.removeprefix(BOM).lstrip().startswith(b"["):
        yield 1, None, "begins with a byte order mark, after which `datasets` reads no list"
        return
    for number, record in records_of(path):
        if len(record) >= BLOCK:
            continue
        if isinstance(record, BrokenRecord):
            yield number, None, record.error.reason
            continue
        try:
            content = msgspec.json.decode(record)
        except (ValueError, RecursionError) as error:
            content = _lenient(record)
            if content is None:
                yield number, None, f"is not a JSON object: {error}"
                continue
        if isinstance(content, dict):
            yield number, content, ""
        elif isinstance(content, str):  # of a list of texts
            yield number, {"text": content}, ""
        else:
            yield number, None, "is not a JSON object"


def records_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line or number, record) of a JSON file in the order of `datasets`' reader."""
    with path.open("rb") as file:
        yield from json_records(file)


def _lenient(record: bytes) -> Any:
    """Decode what `datasets` takes beyond JSON: NaN and Infinity. None for anything else."""
    try:
        return json.loads(record) if b"NaN" in record or b"Infinity" in record else None
    except (ValueError, RecursionError):
        return None


def _csv_rows(path: Path) -> Iterator[tuple[int, Any, str]]:
    """Yield the rows of a CSV file as pandas reads it: with more cells than names it stops."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            names = next(reader, [])
            for index, cells in enumerate(filter(None, reader)):
                if len(cells) <= len(names):
                    yield (
                        reader.line_num,
                        dict(itertools.zip_longest(names, cells, fillvalue="")),
                        "",
                    )
                elif index == 0 and len(cells) == len(names) + 1:
                    return  # pandas takes the first column for the rows' numbers
                else:
                    fault = f"has {len(cells)} cells under {len(names)} names"
                    yield reader.line_num, None, fault
        except UnicodeDecodeError:
            yield reader.line_num + 1, None, "is not UTF-8"
        except csv.Error:
            return  # a field beyond csv's limit, which is not pandas' limit


def _parquet_rows(path: Path) -> Iterator[tuple[int, Any, str]]:
    """Yield the rows of a Parquet file where pyarrow is installed."""
    if importlib.util.find_spec("pyarrow") is None:
        return
    from swiftkit.files.readers.columnar_rows import parquet_records

    try:
        for number, record in parquet_records(path, lambda _: None):
            content = decode_or_none(record)
            yield number, content if isinstance(content, dict) else {}, ""
    except (DataError, OSError, ValueError) as error:  # pyarrow's errors are of these
        yield 1, None, f"is no Parquet that pyarrow can read: {' '.join(str(error).split())[:200]}"


def cut_end(path: Path) -> str:
    """Return what is wrong with the last bytes of a JSON file, "" where nothing is.

    The first rows are looked at anyway; a file that was copied or downloaded in part shows it here.
    """
    with path.open("rb") as file:
        is_list = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
        size = file.seek(0, 2)
        file.seek(max(size - _TAIL, 0))
        tail = file.read().rstrip()
    if not tail:  # empty_data says it
        return ""
    if is_list:
        return "" if tail.endswith(b"]") else "the list is not closed: the file is cut off here"
    last = tail.rpartition(b"\n")[2]
    is_whole = len(last) < len(tail) or size <= _TAIL
    is_object = last.startswith(b"{") and is_whole
    if not is_object:
        return "" if tail.endswith((b"}", b"]")) else "is cut off"
    if decode_or_none(last) is None and _lenient(last) is None:
        return "is not a JSON object: the file is cut off here"
    return ""


def late_columns(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    """Yield (flag, FILE:LINE, column) of the first column that a file's first block lacks."""
    deadline = time.monotonic() + SECONDS
    for flag, path in data_files(recipe):
        if path.suffix not in (".jsonl", ".json") or path.stat().st_size <= BLOCK:
            continue
        known: set[str] = set()
        size = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    columns = set(_columns(line.removeprefix(BOM)))
                except (ValueError, RecursionError):
                    columns = set()
                if size <= BLOCK:
                    known |= columns
                elif columns - known:
                    yield flag, f"{path.absolute()}:{number}", min(columns - known)
                    break
                size += len(line)
                if number % 256 == 0 and time.monotonic() > deadline:
                    break


def first_unrewarded_row(path: Path, chains: bool, run_format: RunFormat) -> tuple[str, str]:
    """Return (problem, fix) of a row that the tool-call rewards cannot judge, or ("", "").

    The plugin looks too (swift_plugins/tool_call_hooks.py), at data in any form, but only after the
    model was loaded, and swift has shuffled the rows by then. Tool definitions are left to it:
    compiling 100,000 of them takes longer than seconds.
    """
    for number, record in records_of(path):
        place = f"{path.absolute()}:{number}"
        try:
            row = _decode_row(record)
            check_row(row | {TOOLS: None}, chains)
            check_format(row | {TOOLS: None}, run_format)
            check_columns(list(row), chains)
        except DataError as error:
            return f"{place}: {error.reason}", error.fix
        except (ValueError, KeyError) as error:
            return f"{place}: {error}", "convert the file again"
    return "", ""
