"""One answer in any of the shapes that preference and KTO rows have, as messages of a swift row.

"It is sunny."                                          text
"queryWeather(location=北京, date=2025-04-24)"          a call string, or a list of them
'{"name": "queryWeather", "arguments": {...}}'          a call in JSON, as text or as the value,
                                                        or a list of them
"<tool_call>...</tool_call>"                            a model's own wire format
{"role": "assistant", "content": ...}                   a message, or a list of them
"""

from contextlib import suppress
from typing import Any

from swiftkit.data.from_openai import messages_of, with_system
from swiftkit.data.json_values import listed
from swiftkit.data.messages import answer_message, call_message
from swiftkit.data.roles import ANSWERS, are_messages, is_message, role_of
from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.records import Message
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import call_strings
from swiftkit.toolcall.read_call import call_from, is_call
from swiftkit.toolcall.reasoning import split

_MARKUP = ("<tool_call>", "<|channel|>", "to=functions.")


def conversation(
    question: list[Message], value: Any, where: str, *, lenient: bool = False
) -> list[Message]:
    """Return the question with this answer, which may be messages that repeat the question.

    `lenient` keeps a broken call as text: an answer may be rejected for it. Raises DataError.
    """
    if are_messages(value) and role_of(value[0]) in ("system", "user"):
        messages = messages_of(value, where)
        has_system = bool(question) and question[0]["role"] == "system"
        return with_system(question[0]["content"], messages) if has_system else messages
    if question and question[-1]["role"] in ANSWERS:
        reason = f"an answer stands before {where} already"
        raise DataError(reason, "ends_with_answer", "take it out of the question")
    if not any(message["role"] == "user" for message in question):
        raise DataError(f"{where} has no question before it", "no_question", "add a column prompt")
    if is_message(value) or are_messages(value):
        return [*question, *messages_of(listed(value), where)]
    if isinstance(value, str):
        return [*question, *_text_answer(value, where, lenient)]
    if isinstance(value, dict | list) and value:
        return [*question, *map(call_message, _calls(value, where))]
    reason = f"{where} is empty, or neither text, messages nor calls"
    raise DataError(reason, "bad_answer", "write the answer as text")


def _text_answer(answer: str, where: str, lenient: bool) -> list[Message]:
    try:
        reasoning, text = split(answer, where)
        parsed = _parse_calls(text, where)
    except DataError:
        if not lenient:
            raise
        reasoning, parsed = None, Parsed()
    if parsed.malformed and not lenient:
        reason = f"{where}: a broken call: {parsed.malformed}"
        raise DataError(reason, "broken_call", "mend the call")
    if parsed.malformed or not parsed.calls:
        return [{"role": "assistant", "content": answer}]
    reasoning = reasoning or parsed.reasoning
    messages = [call_message(call) for call in parsed.calls]
    if parsed.content or reasoning:
        messages.insert(0, answer_message(parsed.content, reasoning))
    return messages


def _parse_calls(text: str, where: str) -> Parsed:
    """Return the calls that a text is or, in a model's markup, holds."""
    if any(mark in text for mark in _MARKUP):
        return detect.parse(text)
    value = None
    if text.lstrip().startswith(("{", "[")):
        with suppress(ValueError, RecursionError):  # no JSON
            value = decode_distinct(text, where)
    calls = listed(value)
    if calls and all(is_call(call) for call in calls):
        return Parsed(_calls(value, where))
    if "(" not in text and "（" not in text:
        return Parsed()
    return call_strings.parse(text)


def _calls(value: Any, where: str) -> list[ToolCall]:
    """Return the calls of a value that is one, or a list of them: objects or call strings."""
    calls: list[ToolCall] = []
    for item in listed(value):
        if not isinstance(item, str):
            calls.append(call_from(item, where))
            continue
        parsed = call_strings.parse(item)
        if not parsed.calls:
            reason = f"{where}: {item[:100]!r} is not a call"
            raise DataError(reason, "broken_call", "write it as name(key=value)")
        calls += parsed.calls
    return calls
