"""Conversations of {from, value}: ShareGPT's form, which other data sets took over, each with its
own way of calling.

`dialect_of` tells them apart, so that one converter claims a record; `turns_of` reads what they
share, `answer` writes an assistant's turn. A text that prescribes a data set's own call format is
no part of a row: the chat template says how to call, and two prescriptions contradict each other.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from swiftkit.data.rows import ANSWERS, SYSTEM, call_message, is_judged, loss_flag, text_of
from swiftkit.errors import DataError
from swiftkit.records import Message
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.reasoning import OPEN, join, split
from swiftkit.toolcall.tools import tools_from

ROLES = {
    "system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant",
    "bot": "assistant", "function_call": "tool_call", "tool_call": "tool_call", "observation": "tool_response",
    "observations": "tool_response", "tool": "tool_response", "function": "tool_response",
    "function_response": "tool_response", "tool_response": "tool_response",
}  # fmt: skip
_SIGNS = (  # (dialect, role, what a text of that role holds): the first that is found
    ("hermes_v1", "system", "<tools>"),
    ("hermes_v1", "assistant", "<tool_call>"),
    ("hermes_v1", "tool_response", "<tool_response>"),
    ("toolbench", "system", "access to the following APIs:"),
    ("toolace", "system", "list of functions in JSON format"),
    ("toolace", "system", "in the format of [func"),
    ("apigen_mt", "system", "# Airline Agent Policy"),
    ("apigen_mt", "system", "# Retail agent policy"),
)
_SIGNS_OF = {  # role: [(rank, sign)]
    role: [(rank, sign) for rank, (_, of, sign) in enumerate(_SIGNS) if of == role]
    for role in ROLES.values()
}


class Turn(NamedTuple):
    """One turn: a role of swift's, its value as it stands, its place in the record; flags: {"loss":
    bool} or {}."""

    role: str
    value: Any
    where: str
    flags: Any

    @property
    def text(self) -> str:
        return text_of(self.value, self.where)


def dialect_of(record: dict[str, Any]) -> str:
    """The record's converter: sharegpt, apigen_mt, hermes_v1, toolbench or toolace; "" for none.
    Never raises."""
    items = _items(record.get("conversations"))
    if not items or record.get("messages") is not None or is_judged(record):
        return ""
    found = len(_SIGNS)
    columns = [{"from": "system", "value": record.get(name)} for name in SYSTEM]
    for item in [*items, *columns]:
        if (
            not isinstance(item, dict)
            or not isinstance(item.get("from"), str)
            or "value" not in item
        ):
            return ""
        for rank, sign in _SIGNS_OF.get(ROLES.get(item["from"], ""), ()):
            if rank < found and isinstance(item["value"], str) and sign in item["value"]:
                found = rank
    return _SIGNS[found][0] if found < len(_SIGNS) else "sharegpt"


def turns_of(record: dict[str, Any]) -> list[Turn]:
    """The turns, the columns `system` and `system_prompt` first. Raises DataError."""
    items = _items(record.get("conversations"))
    if not items:
        raise DataError(
            "the row has no conversations", "no_messages", "give a list of {from, value}"
        )
    turns = [_turn(item, f"conversations[{index}]") for index, item in enumerate(items)]
    first = turns[0].value if turns[0].role == "system" else ""
    texts = [(name, text_of(record.get(name), name)) for name in SYSTEM]
    return [
        *(Turn("system", text, name, {}) for name, text in texts if text.strip() and text != first),
        *turns,
    ]


def answer(text: str, calls: Iterable[ToolCall], turn: Turn) -> Iterator[Message]:
    """The messages of an assistant's turn: its text, which may begin with a reasoning in <think>,
    then its calls."""
    made = [call_message(call) for call in calls]
    content = text.strip()
    if made and content.startswith(OPEN):
        thinking, rest = split(content, turn.where)
        content = join(thinking, rest.strip(), turn.where) if thinking else rest.strip()
    if content or not made:
        made.insert(0, {"role": "assistant", "content": content})
    for message in made:
        message |= turn.flags
        yield message


def result_text(turn: Turn) -> str:
    """What a tool gave back, as text; a structure as JSON."""
    return turn.value if isinstance(turn.value, str) else msgspec.json.encode(turn.value).decode()


def check_no_markup(system: str, marks: Iterable[str]) -> str:
    """The system text, if it no longer tells the model how to write a call."""
    if left := [mark for mark in marks if mark in system]:
        fix = "take the sentences about the format of calls out of it: the chat template writes its own"
        raise DataError(
            f"the system text prescribes a format of calls: {left[0]!r}", "format_in_prompt", fix
        )
    return system.strip()


def with_tools(record: dict[str, Any], found: list[Any]) -> dict[str, Any]:
    """The record with the tools that its text holds. Raises DataError (two_tool_lists) if its
    column has others."""
    given = tools_from(record.get("tools"))
    if given and found and tools_from(found) != given:
        fix = "keep one: the list in the system text, or the column"
        raise DataError(
            "the column tools and the system text define different tools", "two_tool_lists", fix
        )
    return {**record, "tools": found or record.get("tools")}


def _items(value: Any) -> list[Any]:
    """The list of turns; a table of two columns, as Arrow writes a list of structs, is turned
    around."""
    if isinstance(value, dict):
        roles, texts = value.get("from"), value.get("value")
        if isinstance(roles, list) and isinstance(texts, list) and len(roles) == len(texts):
            return [{"from": role, "value": text} for role, text in zip(roles, texts, strict=True)]
    return value if isinstance(value, list) else []


def _turn(item: Any, where: str) -> Turn:
    if not isinstance(item, dict) or "value" not in item:
        raise DataError(
            f"{where} is not an object of from and value", "bad_message", "write {from, value}"
        )
    role = ROLES.get(item["from"]) if isinstance(item.get("from"), str) else None
    if role is None:
        raise DataError(
            f"{where}: unknown role {item.get('from')!r}", "bad_role", f"use {', '.join(ROLES)}"
        )
    writer = "assistant" if role in ANSWERS else role
    return Turn(role, item["value"], where, loss_flag({**item, "role": writer}, where))
