"""The first rows of a recipe's data files, and what changes in their columns later."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit.recipe.paths import data_files
from swiftkit.recipe.recipe import Recipe

FIRST = 200  # rows that are looked at closely
BLOCK = 10 << 20  # bytes from which `datasets` learns a JSON file's columns
SECONDS = 0.8  # for the columns of all the rest
_row = msgspec.json.Decoder().decode
_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Row(NamedTuple):
    """`content` is None where the line is no JSON object."""

    flag: str
    place: str
    content: dict[str, Any] | None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Empty for rows of another form."""
        content = self.content or {}
        found = next(
            (
                content[name]
                for name in ("messages", "conversation", "conversations")
                if name in content
            ),
            None,
        )
        try:
            found = _row(found) if isinstance(found, str) else found
        except (ValueError, RecursionError):
            return []
        return (
            [message for message in found if isinstance(message, dict)]
            if isinstance(found, list)
            else []
        )

    @property
    def last_role(self) -> str:
        last = self.messages[-1] if self.messages else {}
        return str(last.get("role") or last.get("from") or "")


def first_rows(recipe: Recipe) -> Iterator[Row]:
    """Of every .jsonl file, blank lines left out."""
    for flag, path in data_files(recipe):
        if path.suffix == ".jsonl":
            yield from _rows(flag, path)


def _rows(flag: str, path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(itertools.islice(file, FIRST), 1):
            if len(line) < BLOCK and line.strip():
                yield Row(flag, f"{path.absolute()}:{number}", _object(line))


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        content = _row(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def late_columns(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    """(flag, FILE:LINE, column) of the first column of each file that no row of its first block
    has."""
    until = time.monotonic() + SECONDS
    for flag, path in data_files(recipe):
        if path.suffix == ".jsonl" and path.stat().st_size > BLOCK:
            late = _late(path, until)
            if late:
                yield flag, f"{path.absolute()}:{late[0]}", late[1]


def _late(path: Path, until: float) -> tuple[int, str] | None:
    known: set[str] = set()
    read = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            names = _names(line)
            if read <= BLOCK:
                known |= names
            elif names - known:
                return number, sorted(names - known)[0]
            read += len(line)
            if number % 256 == 0 and time.monotonic() > until:
                return None
    return None


def _names(line: bytes) -> set[str]:
    try:
        return set(_columns(line))
    except (ValueError, RecursionError):
        return set()
