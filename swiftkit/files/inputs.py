"""Find and read input as undecoded records with places: JSON Lines, .json, .csv, .parquet, folders.

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
_Reader = Callable[[io.BufferedReader], Iterator[tuple[int, bytes]]]
_READERS: dict[str, _Reader] = {".json": json_records, ".csv": csv_records}
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
    """Neighbouring records of one file: (line number, bytes or jsonl.BrokenRecord)."""

    path: Path
    records: list[tuple[int, bytes]]


class Span(msgspec.Struct, frozen=True):
    """Neighbouring lines of a plain text file by their place in bytes; `number` is the first's."""

    path: Path
    number: int
    start: int
    size: int


def find_files(inputs: Iterable[Path], written: Iterable[Path]) -> list[Path]:
    """Return the files to read, in order. Raises UsageError where there is nothing to read.

    A folder stands for the data files in it itself, sorted, less those that this run writes.
    """
    own = {path.resolve() for path in written}
    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            data = filter(_is_data, sorted(path.iterdir()))
            inside = [file for file in data if file.resolve() not in own]
            if not inside:
                endings = f"{', '.join(KINDS)}; the first three also .gz or .zst"
                raise UsageError(f"{path}: no data file in this folder itself ({endings})")
            files += inside
        elif path != STDIN and not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        elif path.resolve() in own:
            raise UsageError(f"{path} is both input and output; choose another name for the output")
        else:
            files.append(path)
    return files


def left_alone(inputs: Iterable[Path]) -> list[Path]:
    """Return what stands in the folders among the inputs and is no data file, less hidden files."""
    others: list[Path] = []
    for path in inputs:
        if path.is_dir():
            inside = [entry for entry in sorted(path.iterdir()) if not _is_data(entry)]
            others += [entry for entry in inside if not entry.name.startswith(".")]
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
) -> Iterator[Chunk]:
    """Yield all records; `seen` is told how many bytes were read since it was called last.

    Raises DataError (unreadable_file) for a file that cannot be read to its end.
    """
    for path in files:
        chunk, size = Chunk(path, []), 0
        number = 0
        try:
            for number, record in _read(path, seen):
                chunk.records.append((number, record))
                size += len(record)
                if size >= chunk_bytes:
                    yield chunk
                    chunk, size = Chunk(path, []), 0
        except _read_errors() as error:
            raise _unreadable(path, number, error) from error
        yield chunk


def read_spans(
    files: Iterable[Path], seen: Callable[[int], None], span_bytes: int
) -> Iterator[Span | Chunk]:
    """Yield the same for processes that read for themselves; what is no plain text as chunks."""
    for path in files:
        if path == STDIN or kind_of(path) in (*_READERS, ".parquet") or not path.is_file():
            yield from read_chunks([path], seen, span_bytes)
            continue
        number = start = 0
        try:
            with _open(path, seen) as file:
                if not isinstance(file.raw, _CountedFile):  # packed
                    yield from read_chunks([path], seen, span_bytes)
                    continue
                while block := file.read(span_bytes):
                    size, lines = len(block), block.count(b"\n")
                    if not block.endswith(b"\n"):
                        size, lines = size + skip_line(file), lines + 1
                    yield Span(path, number + 1, start, size)
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
    return Chunk(span.path, list(lines_of(text, span.number)))


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
    return file.is_file() and kind_of(file) in KINDS


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


def _read(path: Path, seen: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
    if kind_of(path) == ".parquet":
        yield from parquet_records(path, seen)
        return
    with _open(path, seen) as file:
        try:
            yield from _READERS.get(kind_of(path), lines_of)(file)
        except DataError as error:
            raise DataError(f"{name_of(path)}: {error.reason}", error.code, error.fix) from error


@contextmanager
def _open(path: Path, seen: Callable[[int], None]) -> Iterator[io.BufferedReader]:
    """Open a file for its unpacked bytes. Raises DataError (unreadable_file) for no text."""
    if path == STDIN and sys.stdin is None:
        fix = "pipe the data into it, or give a file"
        raise DataError("stdin is closed", "unreadable_file", fix)
    raw: Any = sys.stdin.buffer if path == STDIN else _CountedFile(path, seen)
    with io.BufferedReader(raw, _CHUNK_BYTES) as packed:
        file, head = packed, packed.peek(4)
        if head.startswith(_GZIP):
            unpacked: Any = gzip.GzipFile(fileobj=packed)
            file = io.BufferedReader(unpacked, _CHUNK_BYTES)
        elif head.startswith(_ZSTD):
            file = io.BufferedReader(_import_zstd(path).ZstdFile(packed), _CHUNK_BYTES)
        head = file.peek(512)
        foreign = [advice for start, advice in _FOREIGN.items() if head.startswith(start)]
        if head[257:262] == b"ustar":
            foreign = ["a tar archive: unpack it"]
        if foreign:
            raise DataError(f"{name_of(path)} is {foreign[0]}", "unreadable_file")
        yield file


class _CountedFile(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, seen: Callable[[int], None]) -> None:
        super().__init__(path)
        self._seen = seen

    def readinto(self, buffer: Any) -> int | None:
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
