"""Validation of a finished row: would ms-swift encode it, and is its gold right."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

import msgspec

from swiftkit.data.json_values import field
from swiftkit.data.messages import place_of
from swiftkit.data.row_tools import check_distinct
from swiftkit.data.rows import FOLLOWS, ROLES
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.scoring.expected_calls import read_expected_calls
from swiftkit.scoring.options import options_from
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import CLOSE, split
from swiftkit.toolcall.tools import tool_names, tools_from, tools_in


def check_row(row: Row) -> None:
    """Raise DataError unless ms-swift can encode the row, its calls are defined and its gold is."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        fix = "give at least a question and an answer"
        raise DataError("the row has no messages", "no_messages", fix)
    column = row.get("tools")
    is_text = isinstance(column, str)
    tools = _names_in(column) if is_text else _distinct_names(tools_from(column))
    if row.get("label") == "false":
        tools = frozenset()  # a bad answer may be bad because no such tool exists
    before: str | None = None  # the role of the message before
    for index, message in enumerate(messages):
        where = place_of(message, index)
        before = _check_message(message, before, where)
        if before == "tool_call":
            check_defined(call_from_message(message, where).name, tools, where)
        if before == "user" and not message["content"].strip():
            raise DataError(f"{where}: an empty question", "no_question", "fill in its text")
        if before == "assistant":
            _check_answer(message, messages[index + 1 : index + 2], where)
    if before == "system":
        reason = "the row has only a system message"
        raise DataError(reason, "no_question", "add the user's question")
    if "expected_calls" in row:
        options_from(row.get("scoring"))
        for call in read_expected_calls(row["expected_calls"], "expected_calls"):
            check_defined(call.name, tools, "expected_calls")


def call_from_message(message: Message, where: str) -> ToolCall:
    """Return the call that a tool_call message holds as JSON text. Raises DataError."""
    try:
        value = msgspec.json.decode(message["content"])
    except (ValueError, RecursionError) as error:
        reason = f"{where}: the call is not valid JSON: {error}"
        raise DataError(reason, "bad_call", "write it as JSON text") from error
    return call_from(value, where)


def check_defined(name: str, tools: Collection[str], where: str) -> None:
    """Raise DataError (undefined_tool) for a tool that is not among the row's; if it has any."""
    if tools and name not in tools:
        fix = f"define it in tools, or mend the name; defined: {', '.join(sorted(tools)[:10])}"
        raise DataError(f"{where}: call of the undefined tool {name!r}", "undefined_tool", fix)


@lru_cache(maxsize=1024)  # the rows of a data set often have the same tools
def _names_in(tools: str) -> frozenset[str]:
    return _distinct_names(tools_in(tools))


def _distinct_names(tools: list[dict[str, Any]]) -> frozenset[str]:
    check_distinct(tools)
    return tool_names(tools)


def _check_message(message: Any, before: str | None, where: str) -> str:
    """Return the message's role."""
    role = field(message, "role")
    if role not in ROLES or not isinstance(message.get("content"), str):
        fix = f"each message needs a role of {', '.join(ROLES)} and a content of text"
        raise DataError(f"{where}: role {role!r} or its content is unusable", "bad_message", fix)
    if before not in FOLLOWS[role]:
        reason = f"{where}: {role} after {before or 'the beginning'}"
        raise DataError(reason, "bad_order", "mend the order of the turns")
    return str(role)


def _check_answer(message: Message, following: list[Message], where: str) -> None:
    reasoning: Any = message.get("reasoning_content")
    if reasoning is None:  # a row that `swiftkit convert` has not written may hold it in the text
        reasoning, answer = split(message["content"], where)
    else:
        answer = message["content"]
    if not isinstance(reasoning, str | None):
        fix = "write the reasoning as text"
        raise DataError(f"{where}: reasoning_content is no text", "bad_reasoning", fix)
    if CLOSE in (reasoning or ""):  # which ends it, in what a chat template makes of it
        fix = "take the tag out of it"
        raise DataError(f"{where}: the reasoning holds {CLOSE}", "bad_reasoning", fix)
    has_calls = bool(following) and following[0].get("role") == "tool_call"
    if not answer.strip() and not (reasoning and has_calls):
        fix = "fill it in, or delete the row"
        raise DataError(f"{where}: an empty answer", "empty_answer", fix)
