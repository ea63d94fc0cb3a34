"""One answer in any of the shapes that preference and KTO rows have, as messages of a swift row.

"It is sunny."                                          text "queryWeather(location=北京,
date=2025-04-24)"          a call string, or a list of them '{"name": "queryWeather", "arguments":
{...}}'          a call in JSON, as text or as the value, or a list of them
"<tool_call>...</tool_call>"                            a model's own wire format {"role":
"assistant", "content": ...}                   a message, or a list of them
"""

from typing import Any

from swiftkit.data.from_openai import are_messages, is_message, messages_of, role_of, with_system
from swiftkit.data.rows import ANSWERS, call_message
from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.records import Message
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import call_strings
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import join, split

_MARKUP = ("<tool_call>", "<|channel|>", "to=functions.")
_ARGUMENTS = ("arguments", "parameters")
_NAMES = ("name", "tool_name")
_CALL_KEYS = {"id", "type", *_NAMES, *_ARGUMENTS}


def conversation(
    question: list[Message], value: Any, where: str, *, lenient: bool = False
) -> list[Message]:
    """The question with this answer, which may be messages that repeat the question. Raises
    DataError.

    `lenient` keeps a broken call as the text that it is: a rejected answer may be rejected for just
    that.
    """
    if are_messages(value) and role_of(value[0]) in ("system", "user"):
        messages = messages_of(value, where)
        return with_system(question[0]["content"], messages) if _has_system(question) else messages
    if question and question[-1]["role"] in ANSWERS:
        raise DataError(
            f"an answer stands before {where} already",
            "ends_with_answer",
            "take it out of the question",
        )
    if not any(message["role"] == "user" for message in question):
        raise DataError(f"{where} has no question before it", "no_question", "add a column prompt")
    return [*question, *_answer(value, where, lenient)]


def _has_system(question: list[Message]) -> bool:
    return bool(question) and question[0]["role"] == "system"


def _answer(value: Any, where: str, lenient: bool) -> list[Message]:
    if is_message(value) or are_messages(value):
        return messages_of(value if isinstance(value, list) else [value], where)
    if isinstance(value, str):
        return _text(value, where, lenient)
    if isinstance(value, dict | list) and value:
        return [call_message(call) for call in _calls(value, where)]
    raise DataError(
        f"{where} is empty, or neither text, messages nor calls",
        "bad_answer",
        "write the answer as text",
    )


def _text(text: str, where: str, lenient: bool) -> list[Message]:
    try:
        thinking, parsed = _read(text, where)
    except DataError:
        if not lenient:
            raise
        thinking, parsed = None, Parsed()
    if not parsed.calls:
        return [{"role": "assistant", "content": text}]
    prose = join(thinking, parsed.content, where) if thinking else parsed.content
    calls = [call_message(call) for call in parsed.calls]
    return [{"role": "assistant", "content": prose}, *calls] if prose else calls


def _read(text: str, where: str) -> tuple[str | None, Parsed]:
    """The reasoning, and what the rest says. Raises DataError for a call that cannot be read."""
    thinking, said = split(text, where)
    parsed = _parsed(said, where)
    if parsed.malformed:
        raise DataError(
            f"{where}: a broken call: {parsed.malformed}", "broken_call", "mend the call"
        )
    return thinking or parsed.reasoning, parsed


def _parsed(text: str, where: str) -> Parsed:
    """The calls that a text is or, in a model's markup, holds."""
    if any(mark in text for mark in _MARKUP):
        return detect.parse(text)
    value = _decoded(text, where)
    if is_call(value) or (
        isinstance(value, list) and value and all(is_call(item) for item in value)
    ):
        return Parsed(_calls(value, where))
    return call_strings.parse(text)


def _decoded(text: str, where: str) -> Any:
    """The JSON value that the text is, or None."""
    try:
        return decode_distinct(text, where) if text.lstrip().startswith(("{", "[")) else None
    except (ValueError, RecursionError):
        return None


def is_call(value: Any) -> bool:
    """Whether a JSON value can be nothing else than a call: an answer may be an object with a name,
    too."""
    if not isinstance(value, dict):
        return False
    if "tool_call" in value or isinstance(value.get("function"), dict):
        return True
    has_both = any(key in value for key in _NAMES) and any(key in value for key in _ARGUMENTS)
    return has_both and value.keys() <= _CALL_KEYS


def _calls(value: Any, where: str) -> list[ToolCall]:
    """The calls of a value that is given as calls: one, or a list, each an object or a call
    string."""
    calls: list[ToolCall] = []
    for item in value if isinstance(value, list) else [value]:
        parsed = (
            call_strings.parse(item) if isinstance(item, str) else Parsed([call_from(item, where)])
        )
        if not parsed.calls:
            raise DataError(
                f"{where}: {item[:100]!r} is not a call",
                "broken_call",
                "write it as name(key=value)",
            )
        calls += parsed.calls
    return calls
