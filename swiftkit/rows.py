"""Build swift rows and check them: what every converter needs and none should write again.

A checked row is one that ms-swift encodes as it is meant: ms-swift itself deletes what it cannot encode, joins two
user turns without a separator, and never looks whether a called tool exists.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.thinking import split
from swiftkit.toolcall.call import ToolCall, call_from
from swiftkit.toolcall.gold import gold_from
from swiftkit.toolcall.tools import tool_names, tools_from

ROLES = ("system", "user", "assistant", "tool_call", "tool_response")
ANSWERS = ("assistant", "tool_call")
# Columns that ms-swift reads itself: a raw file's column of that name must not reach it by accident.
_SWIFT_COLUMNS = frozenset((
    "messages", "tools", "objects", "images", "videos", "audios", "label", "margin", "channel", "solution",
    "query", "response", "system", "system_prompt", "conversation", "conversations", "chat_template_kwargs",
    "rejected_response", "rejected_messages", "positive_messages", "negative_messages",
))  # fmt: skip
_LOSS_FLAGS = ("loss", "weight", "train", "loss_scale")  # the last one is a share, which a row cannot hold
_follows: dict[Any, set[str | None]] = {  # which roles may stand before a role; None is the beginning
    "system": {None},
    "user": {None, "system", "user", *ANSWERS},  # ms-swift stops at a question right after a tool's result
    "assistant": {"user", "assistant", "tool_response"},
    "tool_call": {"user", *ANSWERS, "tool_response"},
    "tool_response": {"tool_call", "tool_response"},
}


def text_of(content: Any, where: str) -> str:
    """A message's text: a string, null, or OpenAI's list of text parts."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise DataError(f"{where}: content is neither text nor text parts", "bad_content", "give the content as text")
    return "".join(str(text) for text in texts)


def loss_flag(message: Mapping[str, Any], where: str) -> Any:
    """{"loss": bool} from a message's `loss`, `weight` or `train`, {} without any: what ms-swift knows as its loss.

    Raises DataError (unsupported_loss_flag) where it would not do what is asked for: a share of a loss, flags that
    disagree, and the loss of a message that no model wrote.
    """
    given = {name: message[name] for name in _LOSS_FLAGS if message.get(name) is not None}
    if not given:
        return {}
    shown = f"{where}: {', '.join(f'{name} {value!r}'[:60] for name, value in given.items())}"
    flags = [value for name, value in given.items() if name != "loss_scale"]
    if not flags or len(flags) < len(given) or any(flag != flags[0] or flag not in (0, 1) for flag in flags):
        fix = f"write one of {', '.join(_LOSS_FLAGS[:3])}, as 0 or 1"
        raise DataError(shown, "unsupported_loss_flag", fix)
    if message.get("role") == "assistant":
        return {"loss": bool(flags[0])}
    if flags[0]:
        fix = "delete the flag: ms-swift trains on answers alone"
        raise DataError(shown, "unsupported_loss_flag", fix)
    return {}


def call_message(call: ToolCall) -> Message:
    try:
        return {"role": "tool_call", "content": msgspec.json.encode(call).decode()}
    except UnicodeEncodeError as error:  # a call that was read from text may hold it as an escape
        raise DataError("a call holds a lone surrogate", "broken_call", "mend its text") from error


def make_row(messages: Iterable[Message], record: Mapping[str, Any], used: Iterable[str]) -> Row:
    """A row of these messages with the record's tools and id, and its other columns of plain text.

    `used` names the record's columns that the converter has put into the messages.
    """
    row: Any = {"messages": _joined(messages)}
    if tools := tools_from(record.get("tools")):
        row["tools"] = msgspec.json.encode(tools).decode()
    if identity := identity_of(record):
        row["id"] = identity
    skipped = _SWIFT_COLUMNS.union(used, row, ("source", "chain"))
    row |= {name: value for name, value in record.items() if isinstance(value, str) and name not in skipped}
    return row  # type: ignore[no-any-return]


def identity_of(record: Mapping[str, Any]) -> str:
    """The record's own id as text, or ""."""
    identity = record.get("id")
    return str(identity) if isinstance(identity, str | int) else ""


def _joined(messages: Iterable[Message]) -> list[Message]:
    """One message for neighbours of one role, and a line break between an answer's text and its calls, as the model
    families' own chat templates write it. Where one part of an answer has a loss and the other none, the two parts of
    a text stay apart, and ms-swift joins them; of two calls it would take the first one's flag for both."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        differ = last is not None and last.get("loss") != message.get("loss")
        if last and last["role"] == message["role"] in ("system", "user", "assistant"):
            last["content"] += "\n\n" if differ else f"\n\n{message['content']}"
            if not differ:
                continue
        if differ and last and last["role"] == message["role"] == "tool_call":
            fix = "give the calls of one answer the same flag"
            raise DataError("neighbouring calls of which only one has a loss", "unsupported_loss_flag", fix)
        if last and last["role"] == "assistant" and message["role"] == "tool_call" and split(last["content"], "")[1]:
            last["content"] += "\n"
        joined.append(message)
    return joined


def check_row(row: Row) -> None:
    """Raise DataError unless ms-swift can encode the row: roles in order, calls readable, tools defined, gold right."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise DataError("the row has no messages", "no_messages", "give at least a question and an answer")
    tools = tool_names(tools_from(row.get("tools")))
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
        raise DataError("the row has only a system message", "no_question", "add the user's question")
    if "expected_calls" in row:
        for call in gold_from(row["expected_calls"], "expected_calls", row.get("scoring")).calls:
            check_defined(call.name, tools, "expected_calls")


def call_from_message(message: Message, where: str) -> ToolCall:
    """The call that a tool_call message holds as JSON text."""
    try:
        return call_from(msgspec.json.decode(message["content"]), where)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: the call is not valid JSON: {error}", "bad_call", "write it as JSON text") from error


def check_defined(name: str, tools: frozenset[str], where: str) -> None:
    """A call to a tool that the row does not define is an error; a row without any tools cannot be checked."""
    if tools and name not in tools:
        fix = f"define it in tools, or mend the name; defined: {', '.join(sorted(tools)[:10])}"
        raise DataError(f"{where}: call of the undefined tool {name!r}", "undefined_tool", fix)


def _check_message(message: Any, before: str | None, where: str) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES or not isinstance(message.get("content"), str):
        fix = f"each message needs a role of {', '.join(ROLES)} and a content of text"
        raise DataError(f"{where}: role {role!r} or its content is unusable", "bad_message", fix)
    if before not in _follows[role]:
        name = before or "the beginning"
        raise DataError(f"{where}: {role} after {name}", "bad_order", "mend the order of the turns")
    return str(role)


def _check_answer(message: Message, following: list[Message], where: str) -> None:
    thinking, answer = split(message["content"], where)
    calls = following and following[0].get("role") == "tool_call"
    if not answer.strip() and not (thinking and calls):
        raise DataError(f"{where}: an empty answer", "empty_answer", "fill it in, or delete the row")
