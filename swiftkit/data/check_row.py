"""Validation of a finished row: would ms-swift encode it, and is its gold right."""

from typing import Any

import msgspec

from swiftkit.data.rows import FOLLOWS, ROLES, _names_in
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.scoring.expected_calls import read_expected_calls
from swiftkit.scoring.options import options_from
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import split
from swiftkit.toolcall.tools import tool_names, tools_from


def check_row(row: Row) -> None:
    """Raise DataError unless ms-swift can encode the row: roles in order, calls readable, tools
    defined, gold right."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise DataError(
            "the row has no messages", "no_messages", "give at least a question and an answer"
        )
    tools = _names(row.get("tools"))
    if row.get("label") == "false":
        tools = frozenset()  # a bad answer may be bad because no such tool exists
    before: str | None = None
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        before = _check_message(message, before, where)
        if before == "tool_call":
            check_defined(call_from_message(message, where).name, tools, where)
        if before == "assistant":
            _check_answer(message, messages[index + 1 : index + 2], where)
    if before == "system":
        raise DataError(
            "the row has only a system message", "no_question", "add the user's question"
        )
    if "expected_calls" in row:
        options_from(row.get("scoring"))
        for call in read_expected_calls(row["expected_calls"], "expected_calls"):
            check_defined(call.name, tools, "expected_calls")


def _names(tools: Any) -> frozenset[str]:
    known = _names_in.get(tools) if isinstance(tools, str) else None
    return tool_names(tools_from(tools)) if known is None else known


def call_from_message(message: Message, where: str) -> ToolCall:
    """The call that a tool_call message holds as JSON text."""
    try:
        return call_from(msgspec.json.decode(message["content"]), where)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: the call is not valid JSON: {error}", "bad_call", "write it as JSON text"
        ) from error


def check_defined(name: str, tools: frozenset[str], where: str) -> None:
    """A call to a tool that the row does not define is an error; a row without any tools cannot be
    checked."""
    if tools and name not in tools:
        fix = f"define it in tools, or mend the name; defined: {', '.join(sorted(tools)[:10])}"
        raise DataError(f"{where}: call of the undefined tool {name!r}", "undefined_tool", fix)


def _check_message(message: Any, before: str | None, where: str) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES or not isinstance(message.get("content"), str):
        fix = f"each message needs a role of {', '.join(ROLES)} and a content of text"
        raise DataError(f"{where}: role {role!r} or its content is unusable", "bad_message", fix)
    if before not in FOLLOWS[role]:
        name = before or "the beginning"
        raise DataError(f"{where}: {role} after {name}", "bad_order", "mend the order of the turns")
    return str(role)


def _check_answer(message: Message, following: list[Message], where: str) -> None:
    thinking, answer = split(message["content"], where)
    calls = following and following[0].get("role") == "tool_call"
    if not answer.strip() and not (thinking and calls):
        raise DataError(
            f"{where}: an empty answer", "empty_answer", "fill it in, or delete the row"
        )
