"""A row under examination, in a form that no damage in it can upset."""

from functools import lru_cache
from typing import Any, NamedTuple

from swiftkit.data.checks.words import words

GIVEN = ("system", "user")  # what a person wrote; the rest is the model's or a tool's


class Turn(NamedTuple):
    role: str
    text: str
    words: list[str]


class Entry(NamedTuple):
    """One decoded line. `turns` are those of its messages whose role and content are text."""

    line: int
    row: dict[str, Any]
    turns: list[Turn]


class Fault(NamedTuple):
    """What is wrong with a row. `code` is stable; `fix` is "" where ledger.py has one for the
    code."""

    code: str
    detail: str
    fix: str = ""


def entry_from(line: int, row: dict[str, Any]) -> Entry:
    messages = row.get("messages")
    found = (
        [message for message in messages if isinstance(message, dict)]
        if isinstance(messages, list)
        else []
    )
    pairs = [(message.get("role"), message.get("content")) for message in found]
    return Entry(
        line,
        row,
        [
            _turn(role, text)
            for role, text in pairs
            if isinstance(role, str) and isinstance(text, str)
        ],
    )


def _turn(role: str, text: str) -> Turn:
    return Turn(role, text, _system_words(text) if role == "system" else words(text))


@lru_cache(maxsize=64)  # a data set has few system prompts, and long ones
def _system_words(text: str) -> list[str]:
    return words(text)
