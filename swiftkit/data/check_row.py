"""Validation of a finished row: would ms-swift encode it, and is its gold right."""

from collections.abc import Collection
from typing import Any

import msgspec

from swiftkit.data.json_values import field
from swiftkit.data.messages import place_of
from swiftkit.data.roles import ANSWERS, FOLLOWS, ROLES
from swiftkit.data.row_tools import read_tools
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.scoring.expected_calls import read_expected_calls
from swiftkit.scoring.options import options_from
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import CLOSE, split
from swiftkit.toolcall.tools import tool_names


def check_row(row: Row, *, question_after_result: bool = False) -> None:
    """Raise DataError unless ms-swift can encode the row, its calls are defined and its gold is.

    question_after_result: a user message right after a tool's result is right too; swift's own
    templates stop at one, most models' chat templates write it.
    """
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        fix = "give at least a question and an answer"
        raise DataError("the row has no messages", "no_messages", fix)
    tools = tool_names(read_tools(row.get("tools")).tools)
    if row.get("label") == "false":
        tools = frozenset()  # a bad answer may be bad because no such tool exists
    before: str | None = None  # the role of the message before
    for index, message in enumerate(messages):
        where = place_of(message, index)
        before = _check_message(message, before, where, question_after_result)
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


def is_plain_text(row: Row) -> bool:
    """Return whether a row is one text without a question, as `swift pt` reads it."""
    messages = row.get("messages")
    if not isinstance(messages, list) or len(messages) != 1 or row.get("tools"):
        return False
    message = messages[0]
    return field(message, "role") == "assistant" and isinstance(field(message, "content"), str)


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


def _check_message(
    message: Any, before: str | None, where: str, question_after_result: bool
) -> str:
    """Return the message's role."""
    role = field(message, "role")
    if role not in ROLES or not isinstance(message.get("content"), str):
        fix = f"each message needs a role of {', '.join(ROLES)} and a content of text"
        raise DataError(f"{where}: role {role!r} or its content is unusable", "bad_message", fix)
    is_after_result = role == "user" and before == "tool_response"
    if before not in FOLLOWS[role] and not (is_after_result and question_after_result):
        reason = f"{where}: {role} after {before or 'the beginning'}"
        raise DataError(reason, "bad_order", _order_fix(role, before))
    return str(role)


def _order_fix(role: str, before: str | None) -> str:
    if role == "user" and before == "tool_response":
        return (
            "put the answer between the two; or give --template-of MODEL, which takes the row where"
            " the model's own chat template writes it (train it with --template_backend jinja);"
            " ms-swift's own templates stop there"
        )
    if role in ANSWERS and before in (None, "system"):
        return "put the question before it, or leave it out: --cut-leading-assistant"
    return "mend the order of the turns"


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
