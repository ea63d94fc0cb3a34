r"""Harmony data, as gpt-oss is fine-tuned on: the analysis stands beside the final answer.

Source: HuggingFaceH4/Multilingual-Thinking, the data set of OpenAI's cookbook. A real row:

    {"reasoning_language": "French", "developer": "You are an AI chatbot with a lively ...",
     "user": "Can you show me the latest trends?", "analysis": "D'accord, l'utilisateur ...",
     "final": "Hey there! ...",
     "messages": [
        {"role": "system", "content": "reasoning language: French\n\n...", "thinking": null},
        {"role": "user", "content": "Can you show me the latest trends?", "thinking": null},
        {"role": "assistant", "content": "Hey there! ...", "thinking": "D'accord, ..."}]}

The messages are read; where there are none, the columns. Also read: the conversations of the
openai-harmony library, in which each message of the assistant has a channel:

    {"role": "assistant", "channel": "analysis", "content": "I need the weather."},
    {"role": "assistant", "channel": "commentary", "recipient": "functions.weather",
     "content": "{\"city\": \"Oslo\"}"},
    {"role": "tool", "name": "functions.weather", "content": "clear"},
    {"role": "assistant", "channel": "final", "content": "Clear."}

OpenAI messages with `thinking`, but with neither these columns nor channels, belong to the
converter openai.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.json_values import field
from swiftkit.data.messages import (
    FLAGS,
    answer_message,
    call_message,
    loss_flag,
    result_message,
    text_of,
)
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import KEYS, reasoning_of

ORDER = 330
READS = {
    "": "messages developer user analysis final reasoning_language",
    "messages[]": f"role content channel recipient name tool_call_id {' '.join(KEYS)} {FLAGS}"
    " -content_type",
    "messages[].content[]": "type text",
}

_ROLES = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant",
    "tool": "tool_response",
}  # fmt: skip
_CHANNELS = (None, "analysis", "commentary", "final")
_USED = ("developer", "user", "analysis", "final")


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    has_columns = "analysis" in record and "final" in record
    if not isinstance(messages, list) or not messages:
        return has_columns and isinstance(record.get("user"), str)
    return has_columns or any(isinstance(field(item, "channel"), str) for item in messages)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages") or _from_columns(record)
    if not isinstance(messages, list):
        raise DataError("messages is not a list", "no_messages", "give a list of messages")
    return [make_row(_messages(messages), record, _USED)]


def _from_columns(record: dict[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": record.get("user")},
        {"role": "assistant", "content": record.get("final"), "thinking": record.get("analysis")},
    ]
    language = text_of(record.get("reasoning_language"), "reasoning_language")
    developer = text_of(record.get("developer"), "developer")
    texts = [f"reasoning language: {language}" if language else "", developer]
    system = "\n\n".join(text for text in texts if text)
    if system:
        messages.insert(0, {"role": "system", "content": system})
    return messages


def _messages(messages: list[Any]) -> Iterator[Message]:
    thoughts: list[str] = []  # what the assistant has thought and not answered yet
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        role = field(message, "role")
        if not isinstance(role, str) or role not in _ROLES:
            fix = f"use {', '.join(_ROLES)}"
            raise DataError(f"{where}: unknown role {role!r}", "bad_role", fix)
        loss = loss_flag(message, where, is_answer=role == "assistant")
        content = text_of(message.get("content"), where)
        if role != "assistant":
            _check_answered(thoughts, where)
            if role == "tool":
                name = _tool_name(message.get("name"))
                yield result_message(content, message.get("tool_call_id"), name)
            else:
                yield {"role": _ROLES[role], "content": content}
        elif _channel(message, where) == "analysis":
            thoughts.append(content)
        else:
            reasoning = reasoning_of(message, where)
            if reasoning:
                thoughts.append(reasoning)
            for part in _answer(message, content, "\n\n".join(thoughts), where):
                yield part | loss
            thoughts = []
    _check_answered(thoughts, "the end")


def _channel(message: dict[str, Any], where: str) -> Any:
    channel = message.get("channel")
    if channel not in _CHANNELS:
        fix = "use analysis, commentary or final"
        raise DataError(f"{where}: unknown channel {channel!r}", "bad_channel", fix)
    if message.get("tool_calls") or message.get("function_call"):
        fix = "use a channel, or --from openai"
        raise DataError(f"{where}: tool_calls in a Harmony row", "bad_call", fix)
    return channel


def _answer(message: dict[str, Any], content: str, thinking: str, where: str) -> Iterator[Message]:
    """Yield an answer's reasoning and text, or a call where the message is sent to a function."""
    recipient = message.get("recipient")
    name = "" if recipient == "all" else _tool_name(recipient)
    text = "" if name else content
    if text or thinking or not name:
        yield answer_message(text, thinking)
    if name:
        yield call_message(call_from({"name": name, "arguments": content}, where))


def _tool_name(value: Any) -> str:
    """Return the name of a tool without Harmony's namespace; "" for what is no name."""
    return value.removeprefix("functions.") if isinstance(value, str) else ""


def _check_answered(thoughts: list[str], where: str) -> None:
    if thoughts:
        reason = f"an analysis before {where} that leads to no answer"
        raise DataError(reason, "empty_answer", "add the answer")
