"""Find and read raw input as undecoded records with their places: JSON Lines, .json, .csv,
.parquet, folders, stdin.

A .json file may hold one list (a record's number is then its place in the list), one object, or, as
BFCL's files do, JSON Lines; stdin likewise. A Parquet record's number is that of its row. Text may
be compressed with gzip or zstd, which its first bytes tell, not its name. Everything is read in
pieces: memory does not grow with the file.
"""

import gzip
import importlib
import io
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.files.jsonl import RECORD_LIMIT, decode_line, lines_of, skip_line
from swiftkit.files.readers.csv_rows import csv_records
from swiftkit.files.readers.json_items import json_records
from swiftkit.files.readers.parquet_rows import parquet_records

STDIN = Path("-")
GOLD_FOLDER = "possible_answer"  # where BFCL keeps the answers to a file, under the same name
KINDS = (".jsonl", ".json", ".csv", ".parquet")
PACKINGS = (".gz", ".zst")
_CHUNK_BYTES = 1 << 20
_READERS: dict[str, Callable[[io.BufferedReader], Iterator[tuple[int, bytes]]]] = {
    ".json": json_records,
    ".csv": csv_records,
}
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_FOREIGN = {  # first bytes of what is no text
    b"PAR1": "Parquet: give the file the ending .parquet",
    b"PK\x03\x04": "a ZIP archive or an Excel sheet: unpack it, or save the sheet as CSV",
    b"BZh": "compressed with bzip2: unpack it",
    b"\xfd7zXZ": "compressed with xz: unpack it",
    b"\xff\xfe": "UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8)",
    b"\xfe\xff": "UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8)",
}
_LIBRARY_ERRORS = {
    "pyarrow": "ArrowException",
    "backports.zstd": "ZstdError",
    "compression.zstd": "ZstdError",
}
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class Chunk(msgspec.Struct, frozen=True):
    """Neighbouring records of one file: (line number, bytes). What cannot be a record is a
    jsonl.BrokenRecord."""

    path: Path
    records: list[tuple[int, bytes]]


class Span(msgspec.Struct, frozen=True):
    """Neighbouring lines of a plain text file by their place in it, in bytes; `number` is that of
    the first line."""

    path: Path
    number: int
    start: int
    size: int


def find_files(inputs: Iterable[Path], written: Iterable[Path]) -> list[Path]:
    """The files to read, in order. A folder stands for the data files in it, sorted, less those
    that this run writes itself; its own folders are left alone. Raises UsageError where there is
    nothing to read."""
    own = {path.resolve() for path in written}
    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            inside = [
                file
                for file in sorted(path.iterdir())
                if _is_data(file) and file.resolve() not in own
            ]
            files += _some(inside, path)
        elif path != STDIN and not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        elif path.resolve() in own:
            raise UsageError(f"{path} is both input and output; choose another name for the output")
        else:
            files.append(path)
    return files


def left_alone(inputs: Iterable[Path]) -> list[Path]:
    """What stands in the folders among the inputs and is no data file, less hidden files."""
    inside = [entry for path in inputs if path.is_dir() for entry in sorted(path.iterdir())]
    return [entry for entry in inside if not (_is_data(entry) or entry.name.startswith("."))]


def _is_data(file: Path) -> bool:
    return file.is_file() and kind_of(file) in KINDS


def kind_of(path: Path) -> str:
    """The ending that says how the file is read: ".jsonl" of rows.jsonl.gz; any other text is read
    as JSON Lines."""
    name = path.name.lower()
    for packing in PACKINGS:
        name = name.removesuffix(packing)
    return ".json" if path == STDIN else Path(name).suffix


def read_chunks(
    files: Iterable[Path],
    seen: Callable[[int], None] = lambda _: None,
    chunk_bytes: int = _CHUNK_BYTES,
) -> Iterator[Chunk]:
    """`seen` is told how many bytes of a file were read since it was called last. Raises DataError
    (unreadable_file) for a file that cannot be read to its end."""
    for path in files:
        chunk, size = Chunk(path, []), 0
        for record in _records(path, seen):
            chunk.records.append(record)
            size += len(record[1])
            if size >= chunk_bytes:
                yield chunk
                chunk, size = Chunk(path, []), 0
        yield chunk


def read_spans(
    files: Iterable[Path], seen: Callable[[int], None], span_bytes: int
) -> Iterator[Span | Chunk]:
    """The same for processes that can read for themselves: what is no plain text still comes as
    chunks."""
    for path in files:
        if path == STDIN or kind_of(path) in (*_READERS, ".parquet") or not path.is_file():
            yield from read_chunks([path], seen, span_bytes)
        else:
            yield from _spans(path, seen, span_bytes)


def _spans(path: Path, seen: Callable[[int], None], span_bytes: int) -> Iterator[Span | Chunk]:
    with _reading(path) as place, _opened(path, seen) as file:
        if not isinstance(file.raw, _Watched):  # packed
            yield from read_chunks([path], seen, span_bytes)
            return
        start = 0
        while block := file.read(span_bytes):
            size, lines = len(block), block.count(b"\n")
            if not block.endswith(b"\n"):
                size, lines = size + skip_line(file), lines + 1
            yield Span(path, place.number + 1, start, size)
            start, place.number = start + size, place.number + lines


def read_span(span: Span) -> Chunk:
    """The lines that stand there. Of a line that is too long to be read, its beginning is."""
    with _reading(span.path), span.path.open("rb") as file:
        file.seek(span.start)
        text = io.BytesIO(file.read(min(span.size, _CHUNK_BYTES + RECORD_LIMIT)))
        return Chunk(span.path, list(lines_of(text, span.number)))


@lru_cache(maxsize=64)
def companion(path: Path, folder: str) -> dict[str, dict[str, Any]]:
    """The rows by id of the file of the same name in the folder beside it; none where there is no
    such file."""
    file = path.parent / folder / path.name
    if not file.is_file():
        return {}
    records = (record for chunk in read_chunks([file]) for record in chunk.records)
    rows = (decode_line(record, f"{file}:{number}", _decode_object) for number, record in records)
    return {str(row.get("id")): row for row in rows}


def _some(files: list[Path], folder: Path) -> list[Path]:
    if not files:
        endings = ", ".join(KINDS)
        raise UsageError(
            f"{folder}: no data file in this folder itself ({endings}; the first three also .gz or .zst)"
        )
    return files


def _records(path: Path, seen: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
    with _reading(path) as place:
        for place.number, record in _read(path, seen):
            yield place.number, record


@contextmanager
def _reading(path: Path) -> Iterator[SimpleNamespace]:
    """Says where it stopped: `number` is that of the last record."""
    place = SimpleNamespace(number=0)
    try:
        yield place
    except _read_errors() as error:
        name, after = _name(path), f" after record {place.number}" if place.number else ""
        fix = "check the path, its permissions, and whether the file is whole"
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{name}: cannot be read{after}: {reason}", "unreadable_file", fix
        ) from error


def _read_errors() -> tuple[type[Exception], ...]:
    """Those of the libraries count once these are imported."""
    theirs = (
        getattr(sys.modules[module], name)
        for module, name in _LIBRARY_ERRORS.items()
        if sys.modules.get(module)
    )
    return (OSError, EOFError, zlib.error, *theirs)


def _read(path: Path, seen: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
    if kind_of(path) == ".parquet":
        yield from parquet_records(path, seen)
        return
    with _opened(path, seen) as file:
        try:
            yield from _READERS.get(kind_of(path), lines_of)(file)
        except DataError as error:
            raise DataError(f"{_name(path)}: {error.reason}", error.code, error.fix) from error


@contextmanager
def _opened(path: Path, seen: Callable[[int], None]) -> Iterator[io.BufferedReader]:
    """The unpacked bytes. Raises DataError (unreadable_file) for what is no text."""
    if path == STDIN and sys.stdin is None:
        raise DataError(
            "stdin is closed", "unreadable_file", "pipe the data into it, or give a file"
        )
    raw: Any = sys.stdin.buffer if path == STDIN else _Watched(path, seen)
    with io.BufferedReader(raw, _CHUNK_BYTES) as packed:
        file = _unpacked(packed, path)
        head = file.peek(512)
        foreign = [advice for begin, advice in _FOREIGN.items() if head.startswith(begin)]
        if head[257:262] == b"ustar":
            foreign = ["a tar archive: unpack it"]
        if foreign:
            raise DataError(f"{_name(path)} is {foreign[0]}", "unreadable_file")
        yield file


class _Watched(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, seen: Callable[[int], None]) -> None:
        super().__init__(path)
        self._seen = seen

    def readinto(self, buffer: Any) -> int | None:
        count = super().readinto(buffer)
        self._seen(count or 0)
        return count


def _unpacked(file: io.BufferedReader, path: Path) -> io.BufferedReader:
    head = file.peek(4)
    unpacking: Any
    if head.startswith(_GZIP):
        unpacking = gzip.GzipFile(fileobj=file)
    elif head.startswith(_ZSTD):
        unpacking = _zstd(path).ZstdFile(file)
    else:
        return file
    return io.BufferedReader(unpacking, _CHUNK_BYTES)


def _zstd(path: Path) -> Any:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return importlib.import_module(name)
    except ImportError as error:
        fix = f"pip install {name}, or unpack the file"
        raise DataError(
            f"{_name(path)}: this Python cannot read zstd", "unreadable_file", fix
        ) from error


def _name(path: Path) -> str:
    return "stdin" if path == STDIN else str(path)
