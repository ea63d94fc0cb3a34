"""A row under examination, in a form that no damage in it can upset."""

from functools import lru_cache
from typing import Any, NamedTuple

from swiftkit.data.checks.tokens import tokens_of
from swiftkit.data.json_values import items

_system_tokens = lru_cache(maxsize=64)(tokens_of)  # there are few system prompts, and long ones


class TextTurn(NamedTuple):
    """A message whose role and content are text."""

    role: str
    text: str
    tokens: list[str]
    reasoning: str = ""


class RowView(NamedTuple):
    """One decoded line, and those of its messages that are as they should be."""

    line: int
    row: dict[str, Any]
    turns: list[TextTurn]


class RowFinding(NamedTuple):
    """Something wrong with one row."""

    code: str
    detail: str
    fix: str = ""  # where findings.py has none for the code


def view_of(line: int, row: dict[str, Any]) -> RowView:
    turns = []
    for message in items(row.get("messages")):
        match message:
            case {"role": "system", "content": str(text)}:
                turns.append(TextTurn("system", text, _system_tokens(text)))
            case {"role": str(role), "content": str(text)}:
                reasoning = message.get("reasoning_content")
                reasoning = reasoning if isinstance(reasoning, str) else ""
                turns.append(TextTurn(role, text, tokens_of(text), reasoning))
    return RowView(line, row, turns)
