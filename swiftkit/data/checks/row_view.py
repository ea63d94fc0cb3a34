"""A row under examination, in a form that no damage in it can upset."""

from functools import lru_cache
from typing import Any, NamedTuple

from swiftkit.data.checks.tokens import tokens_of
from swiftkit.data.json_values import items


class TextTurn(NamedTuple):
    """A message whose role and content are text."""

    role: str
    text: str
    tokens: list[str]


class RowView(NamedTuple):
    """One decoded line, and those of its messages that are as they should be."""

    line: int
    row: dict[str, Any]
    turns: list[TextTurn]


class RowFinding(NamedTuple):
    """Something wrong with one row. `code` is stable; `fix` is "" where findings.py has one for
    the code."""

    code: str
    detail: str
    fix: str = ""


def view_of(line: int, row: dict[str, Any]) -> RowView:
    turns = []
    for message in items(row.get("messages")):
        match message:
            case {"role": "system", "content": str(text)}:
                turns.append(TextTurn("system", text, _system_tokens(text)))
            case {"role": str(role), "content": str(text)}:
                turns.append(TextTurn(role, text, tokens_of(text)))
    return RowView(line, row, turns)


@lru_cache(maxsize=64)  # a data set has few system prompts, and long ones
def _system_tokens(text: str) -> list[str]:
    return tokens_of(text)
