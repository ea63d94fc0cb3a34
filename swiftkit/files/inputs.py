"""Find and read input as undecoded records with places: JSON Lines, .json, tables, folders.

A .json file may hold one list (a record's number is then its place in the list), one object around
such a list (readers/json_container.py), one object, or, as BFCL's files do, JSON Lines; stdin
likewise. A Parquet or Arrow record's number is that of its row. Text may be compressed with gzip or
zstd, which its first bytes tell, not its name. Everything but an object around a list is read in
pieces: memory does not grow with the file.
"""

import gzip
import importlib
import io
import os
import re
import select
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.files.encodings import UNSAFE_TO_CUT, file_encoding, not_utf8
from swiftkit.files.foreign import check_content
from swiftkit.files.jsonl import (
    BOM,
    RECORD_LIMIT,
    broken_record,
    decode_line,
    lines_of,
    skip_line,
)
from swiftkit.files.readers.columnar_rows import columnar_records
from swiftkit.files.readers.csv_rows import csv_records
from swiftkit.files.readers.json_container import may_be_container, unwrapped
from swiftkit.files.readers.json_items import json_records

STDIN = Path("-")
GOLD_FOLDER = "possible_answer"  # where BFCL keeps the answers to a file, under the same name
KINDS = (".jsonl", ".json", ".csv", ".parquet", ".tsv", ".arrow", ".feather")
PACKINGS = (".gz", ".zst")
COLUMNAR = (".parquet", ".arrow", ".feather")  # which pyarrow reads; they are not packed as files
TABLES = (".csv", ".tsv", *COLUMNAR)
# what stands beside data and is none: of Hugging Face's save_to_disk, and of LLaMA-Factory
_ABOUT_DATA = ("dataset_info.json", "dataset_dict.json", "state.json")
_CHUNK_BYTES = 1 << 20
_WAIT_SECONDS = 0.2
_Reader = Callable[[io.BufferedReader], Iterator[tuple[int, bytes]]]
_READERS: dict[str, _Reader] = {
    ".json": json_records,
    ".csv": csv_records,
    ".tsv": partial(csv_records, delimiter="\t"),
}
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_LIST_BEGINS = re.compile(rb"\[\s*\{")
_Note = Callable[[str], None]
_LIBRARY_ERRORS = {
    "pyarrow": "ArrowException",
    "backports.zstd": "ZstdError",
    "compression.zstd": "ZstdError",
}
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class Chunk(msgspec.Struct, frozen=True):
    """Neighbouring records of one file: (line number, bytes or jsonl.BrokenRecord)."""

    path: Path
    records: list[tuple[int, bytes]]


class Span(msgspec.Struct, frozen=True):
    """Neighbouring lines of a plain text file by their place in bytes; `number` is the first's."""

    path: Path
    number: int
    start: int
    size: int
    encoding: str = ""  # that the file seems to have instead of UTF-8


class _Opened(NamedTuple):
    """A file that is open for its unpacked bytes."""

    file: io.BufferedReader
    kind: str  # the ending that says how its content is read
    encoding: str  # that it seems to have instead of UTF-8
    is_packed: bool
    is_one_value: bool  # under a name that says JSON Lines, which is to be said


def find_files(
    inputs: Iterable[Path], written: Iterable[Path], note: _Note = lambda _: None
) -> list[Path]:
    """Return the files to read, in order. Raises UsageError where there is nothing to read.

    A folder stands for the data files in it itself, sorted, less hidden ones and those that this
    run writes. A file that is named twice, by a link too, is read once; `note` is told.
    """
    own = {path.resolve() for path in written}
    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            data = filter(_is_data, sorted(path.iterdir()))
            inside = [file for file in data if file.resolve() not in own]
            if not inside:
                raise UsageError(_no_data(path))
            files += inside
        elif path != STDIN and not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        elif path.resolve() in own:
            raise UsageError(f"{path} is both input and output; choose another name for the output")
        else:
            files.append(path)
    return _distinct(files, note)


def _no_data(folder: Path) -> str:
    """Return the message for a folder without data, which names those inside that have some."""
    endings = f"{', '.join(KINDS)}; text also .gz or .zst"
    message = f"{folder}: no data file in this folder itself ({endings})"
    inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir()]
    with_data = [entry.name for entry in inner if any(map(_is_data, entry.iterdir()))]
    if with_data:
        message += f"; there is some in its folders: give one, {', '.join(with_data[:10])}"
    return message


def _distinct(files: Iterable[Path], note: _Note) -> list[Path]:
    """Return the files without those that are the same as one before."""
    first: dict[tuple[int, int], Path] = {}  # by device and inode
    distinct = []
    for path in files:
        identity = (0, 0)
        if path != STDIN:
            status = path.stat()
            identity = (status.st_dev, status.st_ino)
        if identity not in first:
            first[identity] = path
            distinct.append(path)
        else:
            same = name_of(first[identity])
            name = name_of(path)
            note(f"given twice, read once: {name if name == same else f'{name} is {same}'}")
    return distinct


def left_alone(inputs: Iterable[Path]) -> list[Path]:
    """Return what stands in the folders among the inputs and is not read, less hidden other files.

    A hidden data file, as macOS writes beside each copy (._rows.jsonl), is among them.
    """
    others: list[Path] = []
    for path in inputs:
        if path.is_dir():
            for entry in sorted(path.iterdir()):
                is_hidden = entry.name.startswith(".")
                if not _is_data(entry) and (not is_hidden or kind_of(entry) in KINDS):
                    others.append(entry)
    return others


def name_of(path: Path) -> str:
    return "stdin" if path == STDIN else str(path)


def kind_of(path: Path) -> str:
    """Return the ending that says how a file is read, ".jsonl" of rows.jsonl.gz."""
    name = path.name.lower()
    for packing in PACKINGS:
        name = name.removesuffix(packing)
    return ".json" if path == STDIN else Path(name).suffix


def read_chunks(
    files: Iterable[Path],
    seen: Callable[[int], None] = lambda _: None,
    chunk_bytes: int = _CHUNK_BYTES,
    note: _Note = lambda _: None,
) -> Iterator[Chunk]:
    """Yield all records; `seen` is told how many bytes were read since it was called last, `note`
    how a file was read where that is no matter of course.

    Raises DataError (unreadable_file) for a file that cannot be read to its end.
    """
    for path in files:
        chunk, size = Chunk(path, []), 0
        number = 0
        try:
            for number, record in _read(path, seen, note):
                chunk.records.append((number, record))
                size += len(record)
                if size >= chunk_bytes:
                    yield chunk
                    chunk, size = Chunk(path, []), 0
        except _read_errors() as error:
            raise _unreadable(path, number, error) from error
        yield chunk


def read_spans(
    files: Iterable[Path],
    seen: Callable[[int], None],
    span_bytes: int,
    note: _Note = lambda _: None,
) -> Iterator[Span | Chunk]:
    """Yield the same for processes that read for themselves; what is no plain text as chunks."""
    for path in files:
        if path == STDIN or kind_of(path) in (*_READERS, *COLUMNAR) or not path.is_file():
            yield from read_chunks([path], seen, span_bytes, note)
            continue
        number = start = 0
        try:
            with _open(path, lambda _: None) as opened:
                is_plain = not opened.is_packed and opened.kind not in _READERS
            if not is_plain:
                yield from read_chunks([path], seen, span_bytes, note)
                continue
            with _open(path, seen) as opened:
                file = opened.file
                while block := file.read(span_bytes):
                    size, lines = len(block), block.count(b"\n")
                    if not block.endswith(b"\n"):
                        size, lines = size + skip_line(file), lines + 1
                    yield Span(path, number + 1, start, size, opened.encoding)
                    start, number = start + size, number + lines
        except _read_errors() as error:
            raise _unreadable(path, number, error) from error


def read_span(span: Span) -> Chunk:
    """Return the lines that stand there; of a line that is too long to be read, its beginning."""
    try:
        with span.path.open("rb") as file:
            file.seek(span.start)
            text = io.BytesIO(file.read(min(span.size, _CHUNK_BYTES + RECORD_LIMIT)))
    except OSError as error:
        raise _unreadable(span.path, 0, error) from error
    lines = lines_of(text, span.number)
    if span.encoding:
        lines = _name_encoding(lines, span.path, span.encoding)
    return Chunk(span.path, list(lines))


@lru_cache(maxsize=64)
def companion(path: Path, folder: str, key: str = "id") -> dict[str, dict[str, Any]]:
    """Return the rows, by their id under `key`, of the file of this name in the folder beside it.

    None without such a file, and none of an id that different rows have.
    """
    file = path.parent / folder / path.name
    if not file.is_file():
        return {}
    rows: dict[str, dict[str, Any]] = {}
    for chunk in read_chunks([file]):
        for number, record in chunk.records:
            row = decode_line(record, f"{file}:{number}", _decode_object)
            identity = str(row.get(key))
            rows[identity] = row if rows.get(identity, row) == row else {}
    return rows


def _is_data(file: Path) -> bool:
    is_hidden = file.name.startswith(".")
    is_kind = kind_of(file) in KINDS and file.name not in _ABOUT_DATA
    return is_kind and not is_hidden and file.is_file()


def _read_errors() -> tuple[type[Exception], ...]:
    """Return what reading may raise; the errors of a library count once it is imported."""
    errors: list[type[Exception]] = [OSError, EOFError, zlib.error]
    for name, error in _LIBRARY_ERRORS.items():
        module = sys.modules.get(name)
        if module:
            errors.append(getattr(module, error))
    return tuple(errors)


def _unreadable(path: Path, number: int, error: Exception) -> DataError:
    """Return the error of a file that cannot be read on after this record."""
    after = f" after record {number}" if number else ""
    reason = getattr(error, "strerror", None) or error
    fix = "check the path, its permissions, and whether the file is whole"
    return DataError(f"{name_of(path)}: cannot be read{after}: {reason}", "unreadable_file", fix)


def _read(path: Path, seen: Callable[[int], None], note: _Note) -> Iterator[tuple[int, bytes]]:
    name, kind = name_of(path), kind_of(path)
    if kind in COLUMNAR:
        with path.open("rb") as file:
            check_content(path, name, file.read(512), kind)
        yield from columnar_records(path, kind, seen)
        return
    with _open(path, seen) as opened:
        if opened.is_one_value:
            note(f"{name}: one JSON value, not JSON Lines: read as a .json file is")
        records = _READERS.get(opened.kind, lines_of)(opened.file)
        if opened.kind == ".json":
            records = unwrapped(records, lambda text: note(f"{name}: {text}"))
        if opened.encoding:
            records = _name_encoding(records, path, opened.encoding)
        try:
            yield from records
        except DataError as error:
            raise DataError(f"{name}: {error.reason}", error.code, error.fix) from error


def _name_encoding(
    records: Iterator[tuple[int, bytes]], path: Path, encoding: str
) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a file that seems to have this encoding: what is not UTF-8 says so."""
    for number, record in records:
        try:
            record.decode()
        except UnicodeDecodeError:
            record = broken_record(record, not_utf8(path, encoding))
        yield number, record


@contextmanager
def _open(path: Path, seen: Callable[[int], None]) -> Iterator[_Opened]:
    """Open a file for its unpacked bytes. Raises DataError for what holds no rows of its kind."""
    if path == STDIN and sys.stdin is None:
        fix = "pipe the data into it, or give a file"
        raise DataError("stdin is closed", "unreadable_file", fix)
    name, kind = name_of(path), kind_of(path)
    raw: Any = _CountedFile(path, seen) if path != STDIN else _stdin(seen)
    with io.BufferedReader(raw, _CHUNK_BYTES) as packed:
        file, head = packed, packed.peek(4)
        if head.startswith(_GZIP):
            unpacked: Any = gzip.GzipFile(fileobj=packed)
            file = io.BufferedReader(unpacked, _CHUNK_BYTES)
        elif head.startswith(_ZSTD):
            file = io.BufferedReader(_import_zstd(path).ZstdFile(packed), _CHUNK_BYTES)
        head = file.peek(512)
        check_content(path, name, head, kind)
        is_one_value = kind not in _READERS and _is_one_value(head)
        kind = ".json" if is_one_value else kind
        encoding = file_encoding(head)
        if kind == ".json" and encoding in UNSAFE_TO_CUT:
            raise not_utf8(path, encoding, name)
        # one object in one line may be a row as well: a container says so itself
        is_said = is_one_value and not may_be_container(head)
        yield _Opened(file, kind, encoding, file is not packed, is_said)


def _stdin(seen: Callable[[int], None]) -> Any:
    try:
        return _CountedFile(sys.stdin.fileno(), seen)
    except io.UnsupportedOperation:  # it is no file of the system
        return sys.stdin.buffer


def _is_one_value(head: bytes) -> bool:
    """Return whether a file is no JSON Lines: one list or object over several lines, or a list of
    objects or an object around one in its only line.

    A line that is broken off where such a value would go on is a broken line, if the next ones do
    not go on with it.
    """
    lines = [line.strip() for line in head.removeprefix(BOM).lstrip().split(b"\n", 8)]
    first, *rest = filter(None, lines) if any(lines) else [b""]
    if not rest:
        return _LIST_BEGINS.match(first) is not None or may_be_container(first)
    if first in (b"{", b"[{"):
        return rest[0].startswith((b'"', b"}"))
    if first == b"[":
        return rest[0] == b"{" or rest[0].endswith(b",") or rest[1:2] == [b"]"]
    return first.startswith(b"[") and first.endswith(b",")


class _CountedFile(io.FileIO):
    """A file that tells how much of it was read, and lets a signal end the wait for a pipe."""

    def __init__(self, file: Path | int, seen: Callable[[int], None]) -> None:
        super().__init__(file, closefd=isinstance(file, Path))
        self._seen = seen
        self._may_block = not stat.S_ISREG(os.fstat(self.fileno()).st_mode)

    def readinto(self, buffer: Any) -> int | None:
        if self._may_block:
            # a signal just before read() would be heard of after it, which may be never
            while not select.select([self], [], [], _WAIT_SECONDS)[0]:
                pass
        count = super().readinto(buffer)
        self._seen(count or 0)
        return count


def _import_zstd(path: Path) -> Any:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return importlib.import_module(name)
    except ImportError as error:
        reason = f"{name_of(path)}: this Python cannot read zstd"
        fix = f"pip install {name}, or unpack the file"
        raise DataError(reason, "unreadable_file", fix) from error
