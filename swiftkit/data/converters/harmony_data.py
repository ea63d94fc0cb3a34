r"""Harmony data, as gpt-oss is fine-tuned on: the analysis stands beside the final answer.

Source: HuggingFaceH4/Multilingual-Thinking, the data set of OpenAI's cookbook. A real row:

    {"reasoning_language": "French", "developer": "You are an AI chatbot with a lively personality.",
     "user": "Can you show me the latest trends?", "analysis": "D'accord, l'utilisateur ...", "final": "Hey there! ...",
     "messages": [{"role": "system", "content": "reasoning language: French\n\nYou are ...", "thinking": null},
                  {"role": "user", "content": "Can you show me the latest trends?", "thinking": null},
                  {"role": "assistant", "content": "Hey there! ...", "thinking": "D'accord, l'utilisateur ..."}]}

The messages are read; where there are none, the columns. Also read: the conversations of the
openai-harmony library, in which each message of the assistant has a channel:

    {"role": "assistant", "channel": "analysis", "content": "I need the weather."},
    {"role": "assistant", "channel": "commentary", "recipient": "functions.weather", "content": "{\"city\": \"Oslo\"}"},
    {"role": "tool", "name": "functions.weather", "content": "clear"},
    {"role": "assistant", "channel": "final", "content": "Clear."}

OpenAI messages with `thinking`, but with neither these columns nor channels, belong to the
converter openai.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.rows import call_message, is_judged, loss_flag, make_row, text_of
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import join, reasoning_of

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool_response",
}
_KNOWN = tuple(_ROLES)  # no set: a role may be a list, which has no hash
_CHANNELS = (None, "analysis", "commentary", "final")
_USED = ("developer", "user", "analysis", "final")


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if is_judged(record):
        return False
    has_columns = "analysis" in record and "final" in record
    if not isinstance(messages, list) or not messages:
        return has_columns and isinstance(record.get("user"), str)
    if not all(isinstance(message, dict) and message.get("role") in _KNOWN for message in messages):
        return False
    return has_columns or any(isinstance(message.get("channel"), str) for message in messages)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages") or _from_columns(record)
    if not isinstance(messages, list):
        raise DataError("messages is not a list", "no_messages", "give a list of messages")
    return [make_row(_messages(messages), record, _USED)]


def _from_columns(record: dict[str, Any]) -> list[dict[str, Any]]:
    language = text_of(record.get("reasoning_language"), "reasoning_language")
    parts = [
        f"reasoning language: {language}" if language else "",
        text_of(record.get("developer"), "developer"),
    ]
    system = "\n\n".join(part for part in parts if part)
    return [
        *([{"role": "system", "content": system}] if system else []),
        {"role": "user", "content": record.get("user")},
        {"role": "assistant", "content": record.get("final"), "thinking": record.get("analysis")},
    ]


def _messages(messages: list[Any]) -> Iterator[Message]:
    thoughts: list[str] = []  # what the assistant has thought and not answered yet
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            raise DataError(
                f"{where}: unknown role {role!r}", "bad_role", f"use {', '.join(_ROLES)}"
            )
        loss = loss_flag(message, where)
        content = text_of(message.get("content"), where)
        if role != "assistant":
            yield from _unanswered(thoughts, where)
            yield {"role": _ROLES[role], "content": content}
        elif _channel(message, where) == "analysis":
            thoughts.append(content)
        else:
            thoughts += filter(None, [reasoning_of(message, where)])
            yield from (
                part | loss for part in _answer(message, content, "\n\n".join(thoughts), where)
            )
            thoughts = []
    yield from _unanswered(thoughts, "the end")


def _channel(message: dict[str, Any], where: str) -> Any:
    channel = message.get("channel")
    if channel not in _CHANNELS:
        raise DataError(
            f"{where}: unknown channel {channel!r}",
            "bad_channel",
            "use analysis, commentary or final",
        )
    if message.get("tool_calls") or message.get("function_call"):
        raise DataError(
            f"{where}: tool_calls in a Harmony row", "bad_call", "use a channel, or --from openai"
        )
    return channel


def _answer(message: dict[str, Any], content: str, thinking: str, where: str) -> Iterator[Message]:
    recipient = message.get("recipient")
    name = (
        recipient.removeprefix("functions.")
        if isinstance(recipient, str) and recipient != "all"
        else ""
    )
    text = "" if name else content
    if thinking:
        text = join(thinking, text, where)
    if text or not name:
        yield {"role": "assistant", "content": text}
    if name:
        yield call_message(call_from({"name": name, "arguments": content}, where))


def _unanswered(thoughts: list[str], where: str) -> Iterator[Message]:
    if thoughts:
        raise DataError(
            f"an analysis before {where} that leads to no answer", "empty_answer", "add the answer"
        )
    yield from ()
