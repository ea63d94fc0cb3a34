"""The first rows of a recipe's data files, and columns and faults that only appear later."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.recipe.paths import data_files
from swiftkit.recipe.recipe import Recipe
from swiftkit.scoring.rewards import TOOLS, check_columns, check_row

FIRST = 200  # rows that are looked at closely
BLOCK = 10 << 20  # bytes from which `datasets` learns a JSON file's columns
SECONDS = 0.8  # for the columns of all the rest
REWARDS = (
    "tool_call tool_call_exact tool_call_format tool_call_schema tool_chain tool_call_success"
).split()
_decode_row = msgspec.json.Decoder(dict[str, Any]).decode
# The keys of a row alone; its values are not decoded.
_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class DataRow(NamedTuple):
    """A row of a data file. `content` is None where the line is not a JSON object."""

    flag: str
    place: str
    content: dict[str, Any] | None

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
    """Yield the first rows of every .jsonl file; blank lines are left out."""
    for flag, path in data_files(recipe):
        if path.suffix != ".jsonl":
            continue
        with path.open("rb") as file:
            for number, line in enumerate(itertools.islice(file, FIRST), 1):
                if len(line) < BLOCK and line.strip():
                    content = decode_or_none(line)
                    row = content if isinstance(content, dict) else None
                    yield DataRow(flag, f"{path.absolute()}:{number}", row)


def late_columns(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    """Yield (flag, FILE:LINE, column) of the first column that a file's first block lacks."""
    deadline = time.monotonic() + SECONDS
    for flag, path in data_files(recipe):
        if path.suffix != ".jsonl" or path.stat().st_size <= BLOCK:
            continue
        known: set[str] = set()
        size = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    columns = set(_columns(line))
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


def first_unrewarded_row(path: Path, chains: bool) -> tuple[str, str]:
    """Return (problem, fix) of a row that the tool-call rewards cannot judge, or ("", "").

    The plugin looks too (swift_plugins/tool_call_hooks.py), at data in any form, but only after the
    model was loaded, and swift has shuffled the rows by then. Tool definitions are left to it:
    compiling 100,000 of them takes longer than seconds.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path.absolute()}:{number}"
            try:
                row = _decode_row(line)
                check_row(row | {TOOLS: None}, chains)
                check_columns(list(row), chains)
            except DataError as error:
                return f"{place}: {error.reason}", error.fix
            except (ValueError, KeyError) as error:
                return f"{place}: {error}", "convert the file again"
    return "", ""
