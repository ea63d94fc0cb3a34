"""Read and append JSON Lines: streaming, with file:line in every error, and safe against a crash.

Lines are counted from 1. Writers replace a whole file (`write_atomically`) or append flushed lines
(`Journal`), so a kill never leaves a half file that looks whole.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from swiftkit.errors import DataError
from swiftkit.files.drafts import clear_drafts_of, draft_of, lock_draft
from swiftkit.files.encodings import guess
from swiftkit.json_text import check_distinct, decode_or_none

T = TypeVar("T")
BOM = b"\xef\xbb\xbf"
RECORD_LIMIT = 256 << 20  # bytes; a longer record has lost its line breaks or a quote
FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # EFBIG: of ulimit -f
_BLOCK_BYTES = 1 << 20
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")  # msgspec's own message misleads here
_PYTHON_WORD = re.compile(rb'"\s*:\s*(?:None|True|False)\s*[,}]')
_decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, stripped line) of each line that is not blank."""
    try:
        with path.open("rb") as file:
            yield from lines_of(file)
    except OSError as error:
        fix = "check the path and its permissions"
        raise DataError(f"{path}: {error.strerror or error}", "unreadable_file", fix) from error


def lines_of(file: IO[bytes], first: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from `first`, stripped line) of each line that is not blank.

    A byte order mark is skipped. Of a line beyond RECORD_LIMIT there is only a BrokenRecord.
    """
    for number, line in enumerate(iter(partial(file.readline, RECORD_LIMIT), b""), first):
        if len(line) >= RECORD_LIMIT and not line.endswith(b"\n"):
            skip_line(file)
            yield number, too_long(line)
            continue
        if number == 1:
            line = line.removeprefix(BOM)
        line = line.strip()
        if line:
            yield number, line


def skip_line(file: IO[bytes]) -> int:
    """Go to the next line. Return how many bytes that was."""
    skipped = 0
    while rest := file.readline(_BLOCK_BYTES):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


class BrokenRecord(bytes):
    """The text that stands where a record should; to decode it raises `error`."""

    error: DataError


def broken_record(raw: bytes, error: DataError) -> BrokenRecord:
    record = BrokenRecord(raw)
    record.error = error
    return record


def too_long(raw: bytes) -> BrokenRecord:
    """Return the beginning of a record beyond RECORD_LIMIT."""
    reason = f"longer than {RECORD_LIMIT >> 20} MiB"
    fix = (
        "a line break, a quote or a bracket may be missing before; or split the record, as jq -c"
        " '.data[]' FILE > NEW does with one object around a list"
    )
    return broken_record(raw[:10_000], DataError(reason, "record_too_long", fix))


def decode_line(line: bytes, where: str, decode: Callable[[bytes], T]) -> T:
    """Decode one line; any fault becomes a DataError that begins with `where` (file:line)."""
    if isinstance(line, BrokenRecord):
        raise DataError(f"{where}: {line.error.reason}", line.error.code, line.error.fix)
    try:
        return decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem, fix = _broken_json(line, error)
        raise DataError(f"{where}: not valid JSON: {problem}", "broken_json", fix) from error
    except RecursionError as error:
        raise DataError(f"{where}: nested too deeply", "too_deep", "flatten this row") from error


def _broken_json(line: bytes, error: Exception) -> tuple[str, str]:
    """Return in words what is wrong with a line, and the fix."""
    fix = "mend or delete this line"
    if _SURROGATE.search(line) and "truncated" in str(error):
        return "a lone surrogate", fix
    try:
        line.decode()
    except UnicodeDecodeError as place:
        problem = f"not utf-8: byte 0x{line[place.start]:02x} at {place.start}"
        encoding = guess(line)
        if encoding:
            problem += f"; this line reads like {encoding}, which is a guess"
        iconv = f"iconv -f {encoding or 'ENCODING'} -t UTF-8 FILE > NEW"
        return problem, f"{fix}; if all of the file is so, save it as UTF-8: {iconv}"
    if line.startswith(b"{'") or _PYTHON_WORD.search(line):
        return f"{error}; it looks like Python's text of a dict", "write it with json.dumps"
    if line.endswith(b"},") and decode_or_none(line[:-1]) is not None:
        return "a comma behind the object", "delete the comma, or make the file a .json list"
    return str(error), fix


def decode_record(line: bytes, where: str) -> Any:
    """Decode one line of outside data, and refuse two values under one key (duplicate_key)."""
    value = decode_line(line, where, _decode)
    # cheaper than to look: each key has its colon, so a value that lost a key has fewer
    if line.count(b":") != encode(value).count(b":") or has_spelt_colons(line):
        check_distinct(line, where)
    return value


def decode_object(line: bytes, where: str) -> dict[str, Any]:
    """Decode one line of outside data that has to be an object (not_an_object)."""
    value = decode_record(line, where)
    if not isinstance(value, dict):
        reason = f"a JSON {type(value).__name__}, not an object"
        raise DataError(reason, "not_an_object", "write one object a line")
    return value


def has_spelt_colons(line: bytes) -> bool:
    """Return whether a colon is written as an escape: it may make up for that of a lost key."""
    return b"\\u003" in line and (b"\\u003a" in line or b"\\u003A" in line)


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file:line, object) of each line. Raises DataError at a line that is no JSON object."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        yield where, decode_line(line, where, decode)


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that takes `path`'s place when the block ends well, or else vanishes.

    A device or a pipe is written directly. What killed writers of this file left goes. Raises
    DataError if the file cannot be written.
    """
    is_device = path.parent == Path("/dev") or (path.exists() and not path.is_file())
    target = draft = path
    if not is_device:
        target = path.resolve()  # a link stays a link
        draft = draft_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("ab" if is_device else "wb") as file:
            if not is_device:
                lock_draft(file)
                clear_drafts_of(target)
            yield file
            file.flush()
            if not is_device:
                os.fsync(file.fileno())
                draft.replace(target)
    except OSError as error:
        reason = f"{path}: cannot be written: {error.strerror or error}"
        fix = "check the folder, its permissions and the free space"
        raise DataError(reason, "unwritable_file", fix) from error
    finally:
        if not is_device:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


def put_first(path: Path, places: list[tuple[int, int]]) -> None:
    """Move what stands at these places, (start, size) in order, to the file's beginning."""
    with write_atomically(path) as file, path.open("rb") as old:
        for start, size in places:
            old.seek(start)
            file.write(old.read(size))
        position = 0
        for start, size in [*places, (path.stat().st_size, 0)]:
            old.seek(position)
            while block := old.read(min(start - old.tell(), _BLOCK_BYTES)):
                file.write(block)
            position = start + size


class Journal(AbstractContextManager["Journal"]):
    """An append-only JSON Lines file: each record is flushed. At opening a half line at the end is
    cut off, and a whole one without its line break is given it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _mend_end(path)
        self._file = path.open("ab")

    def append(self, record: Any) -> None:
        self._file.write(encode(record) + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def _mend_end(path: Path) -> None:
    """Cut off what stands behind the last line break, unless it is a whole record."""
    with path.open("rb+") as file:
        end = start = file.seek(0, os.SEEK_END)
        place = -1
        while start and place < 0:
            block_end, start = start, max(0, start - _BLOCK_BYTES)
            file.seek(start)
            place = file.read(block_end - start).rfind(b"\n")
        start += place + 1
        file.seek(start)
        rest = file.read(RECORD_LIMIT)
        if decode_or_none(rest) is not None:
            file.write(b"\n")
        elif start < end:
            file.truncate(start)
