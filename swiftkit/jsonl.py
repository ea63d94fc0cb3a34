"""Read and append JSON Lines: streaming, with file:line in every error, and safe against a crash.

Readers give bytes' line numbers from 1. Writers either replace a whole file atomically (`write_atomically`) or
append one flushed line at a time (`Journal`), so a kill never leaves a half file that looks whole.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from swiftkit.errors import DataError

T = TypeVar("T")
_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")  # msgspec's own message misleads here
encode = msgspec.json.Encoder().encode


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(line number, stripped line) of each line that is not blank."""
    try:
        with path.open("rb") as file:
            yield from lines_of(file)
    except OSError as error:
        fix = "check the path and its permissions"
        raise DataError(f"{path}: {error.strerror or error}", "unreadable_file", fix) from error


def lines_of(file: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """(line number, stripped line) of each line that is not blank; a byte order mark is skipped."""
    for number, line in enumerate(file, 1):
        if number == 1 and line.startswith(_BOM):
            line = line[len(_BOM) :]
        if line := line.strip():
            yield number, line


def decode_line(line: bytes, where: str, decode: Callable[[bytes], T]) -> T:
    """Decode one line; any fault becomes a DataError that begins with `where` (file:line)."""
    try:
        return decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = "a lone surrogate" if _SURROGATE.search(line) and "truncated" in str(error) else error
        raise DataError(f"{where}: not valid JSON: {reason}", "broken_json", "mend or delete this line") from error
    except RecursionError as error:
        raise DataError(f"{where}: nested too deeply", "too_deep", "flatten this row") from error


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file:line, object) of each line; raises DataError at the first line that is no JSON object."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        yield where, decode_line(line, where, decode)


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes `path`'s place when the block ends well, and vanishes otherwise.

    A device or a pipe is written directly: it has no place to take. Raises DataError if the file cannot be written.
    """
    in_place = path.parent == Path("/dev") or (path.exists() and not path.is_file())
    target = path if in_place else path.resolve()  # a link stays a link
    draft = target if in_place else target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("ab" if in_place else "wb") as file:
            yield file
            file.flush()
            if not in_place:
                os.fsync(file.fileno())
        if not in_place:
            draft.replace(target)
    except OSError as error:
        fix = "check the folder, its permissions and the free space"
        raise DataError(f"{path}: cannot be written: {error.strerror or error}", "unwritable_file", fix) from error
    finally:
        if not in_place:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


class Journal:
    """An append-only JSON Lines file: each record is flushed, a half line left by a kill is cut off at opening."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut_half_line(path)
        self._file = path.open("ab")

    def append(self, record: Any) -> None:
        self._file.write(encode(record) + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _cut_half_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
