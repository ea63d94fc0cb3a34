"""Standard output and error that take whatever is printed, any character, also unread.

A reader that goes away, as `head` does, changes neither the work nor the exit status. A disk that
is full does, for stdout: OSError.
"""

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import Any


class _Stream(io.FileIO):
    """The file of a stream, which drops what it cannot write because of these errors."""

    has_reader = True

    def __init__(self, number: int, dropped: type[OSError]) -> None:
        super().__init__(number, "w", closefd=False)
        self._dropped = dropped

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except self._dropped:
            self.has_reader = False
            return len(data)


def set_up() -> None:
    """Make sys.stdout and sys.stderr as above; a character that stdout's encoding lacks is written
    as in JSON, \\uXXXX. Streams that somebody put in place of the process's own only get that."""
    codecs.register_error("json", _escaped)
    if sys.stdout is None:  # it was closed before the start
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    elif sys.stdout is sys.__stdout__:
        sys.stdout = _wrapped(sys.stdout, BrokenPipeError)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="json")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    elif sys.stderr is sys.__stderr__:
        sys.stderr = _wrapped(sys.stderr, OSError)


def _wrapped(stream: Any, dropped: type[OSError]) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_Stream(stream.fileno(), dropped)),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def has_reader() -> bool:
    """Return False once the reader is known to have gone: more need not be printed."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return not isinstance(raw, _Stream) or raw.has_reader


def discard() -> None:
    """Drop what is printed, so that Python's end does not try once more to write it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end
