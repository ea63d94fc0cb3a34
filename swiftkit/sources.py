"""Find and read raw input: .jsonl, .json, folders of them, and stdin, as undecoded records with their line numbers.

A .json file may hold one list (a record's number is then its place in the list), one object, or, as BFCL's files do,
JSON Lines.
"""

import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.jsonl import lines_of, read_lines, read_objects

STDIN = Path("-")
SUFFIXES = (".jsonl", ".json")
_CHUNK_BYTES = 1 << 20
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_one = msgspec.json.Decoder(msgspec.Raw).decode


class Chunk(msgspec.Struct, frozen=True):
    """Neighbouring records of one file: (line number, bytes)."""

    path: Path
    records: list[tuple[int, bytes]]


def find_files(inputs: Iterable[Path], written: Iterable[Path]) -> list[Path]:
    """The files to read, in order. A folder stands for the .jsonl and .json files in it, sorted, less those that
    this run writes itself. Raises UsageError where there is nothing to read."""
    own = {path.resolve() for path in written}
    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            inside = [file for file in sorted(path.iterdir()) if file.suffix in SUFFIXES and file.is_file()]
            files += _some([file for file in inside if file.resolve() not in own], path)
        elif path != STDIN and not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        elif path.resolve() in own:
            raise UsageError(f"{path} is both input and output; choose another name for the output")
        else:
            files.append(path)
    return files


def read_chunks(files: Iterable[Path]) -> Iterator[Chunk]:
    for path in files:
        chunk, size = Chunk(path, []), 0
        for record in _records(path):
            chunk.records.append(record)
            size += len(record[1])
            if size >= _CHUNK_BYTES:
                yield chunk
                chunk, size = Chunk(path, []), 0
        yield chunk


@lru_cache(maxsize=64)
def companion(path: Path, folder: str) -> dict[str, dict[str, Any]]:
    """The rows by id of the file of the same name in the folder beside it; none where there is no such file."""
    file = path.parent / folder / path.name
    if not file.is_file():
        return {}
    return {str(row.get("id")): row for _, row in read_objects(file)}


def _some(files: list[Path], folder: Path) -> list[Path]:
    if not files:
        raise UsageError(f"{folder}: no .jsonl or .json file in this folder")
    return files


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    if path == STDIN:
        return lines_of(sys.stdin.buffer)
    return _document(path) if path.suffix == ".json" else read_lines(path)


def _document(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip()
    except OSError as error:
        fix = "check the path and its permissions"
        raise DataError(f"{path}: {error.strerror or error}", "unreadable_file", fix) from error
    if content.startswith(b"["):
        return _items(content)
    return iter([(1, content)]) if _is_one_object(content) else read_lines(path)


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    try:
        items = _decode_list(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return iter([(1, content)])  # one broken record: where its parts begin, nobody can say
    return ((number, bytes(item)) for number, item in enumerate(items, 1))


def _is_one_object(content: bytes) -> bool:
    """Whether the file is one object, be it a broken one, and not JSON Lines."""
    first = content.split(b"\n", 1)[0]
    if first.strip() == b"{":
        return True
    try:
        _decode_one(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return bool(content)
