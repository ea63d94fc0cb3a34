r"""Glaive function calling v2: one text of USER, ASSISTANT and FUNCTION RESPONSE turns, with
<functioncall> in it.

Source: https://huggingface.co/datasets/glaiveai/glaive-function-calling-v2 (Apache-2.0). A real
row, shortened:

    {"system": "SYSTEM: You are a helpful assistant with access to the following functions. Use
                them if required -\n{\n    \"name\": \"get_news_headlines\",\n    ...\n}\n",
     "chat": "USER: News of the United States?\n\n\nASSISTANT: <functioncall> {\"name\":
              \"get_news_headlines\", \"arguments\": '{\"country\": \"United States\"}'}
              <|endoftext|>\n\n\nFUNCTION RESPONSE: {\"headlines\": [...]}\n\n\nASSISTANT: Here are
              the latest headlines. <|endoftext|>\n\n\n"}

The arguments stand in single quotes, which is no JSON: what is between the first and the last quote
must be JSON, where \' is read as an apostrophe (JSON itself has no such escape). Arguments may also
be an object. Any other call is refused, and so is a chat whose <|endoftext|> marks do not stand at
the end of each ASSISTANT turn, and only there: it was cut off, or its source's "AI:" was taken for
a turn. The sentence that announces the functions leaves the system text, because the chat template
writes its own.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.rows import call_message, has_chat, make_row, text_of
from swiftkit.errors import DataError
from swiftkit.json_text import decode
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.python_literal import json_at
from swiftkit.toolcall.read_call import call_from

ORDER = 230

_CALL, _END = "<functioncall>", "<|endoftext|>"
_SPEAKER = re.compile(r"(?:\A\s*|\n\n)(USER|ASSISTANT|FUNCTION RESPONSE): ")
_ROLES = {"USER": "user", "FUNCTION RESPONSE": "tool_response"}
_QUOTED = re.compile(  # a call whose arguments stand in single quotes
    r"""\{\s*"name":\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments":\s*'(.*)'\s*\}""", re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ANNOUNCEMENT = re.compile(
    r"You are a helpful assistant with access to the following functions\."
    r" Use them if required ?-?"
)


def matches(record: dict[str, Any]) -> bool:
    chat = record.get("chat")
    return isinstance(chat, str) and "USER: " in chat and not has_chat(record)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    chat = record.get("chat")
    if not isinstance(chat, str):
        fix = "give the text of the turns in a column chat"
        raise DataError("the row has no chat", "no_messages", fix)
    system, tools = _text_and_tools(text_of(record.get("system"), "system"))
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    before, *parts = _SPEAKER.split(chat)
    if before or not parts:
        reason = "the chat does not begin with a turn"
        raise DataError(reason, "no_messages", "begin it with 'USER: '")
    for speaker, text in zip(parts[::2], parts[1::2], strict=True):
        messages += _messages(speaker, text.strip())
    record = {**record, "tools": tools or record.get("tools")}
    return [make_row(messages, record, ("chat", "system"))]


def _text_and_tools(text: str) -> tuple[str, list[Any]]:
    """Return what is left of the system text, and the functions in it."""
    text = text.strip().removeprefix("SYSTEM:")
    kept, tools = [], []
    while (start := text.find("{")) >= 0:
        try:
            tool, end = json_at(text, start, "system")
        except (ValueError, RecursionError) as error:
            reason = f"system: a function that is no JSON: {error}"
            raise DataError(reason, "bad_tools", "mend the JSON of the function") from error
        tools.append(tool)
        kept.append(text[:start].strip())
        text = text[end:]
    rest = "\n".join(part for part in [*kept, text.strip()] if part)
    if tools:
        rest = _ANNOUNCEMENT.sub("", rest)
    return rest.strip(), tools


def _messages(speaker: str, text: str) -> Iterator[Message]:
    is_answer = speaker == "ASSISTANT"
    content = text.removesuffix(_END).rstrip() if is_answer else text
    if _END in content or (is_answer and content == text):
        reason = f"chat: the turn {text[:60]!r} has {_END} in the wrong place, or none"
        fix = f"end each ASSISTANT turn, and no other, with {_END}"
        raise DataError(reason, "bad_end", fix)
    if not is_answer:
        yield {"role": _ROLES[speaker], "content": content}
        return
    before, *calls = content.split(_CALL)
    if before.strip() or not calls:
        yield {"role": "assistant", "content": before.strip()}
    for call in calls:
        yield call_message(_call(call.strip()))


def _call(text: str) -> ToolCall:
    where = f"chat: {_CALL} {text[:60]}"
    quoted = _QUOTED.fullmatch(text)
    if not quoted:
        return call_from(_decode(text, where), where)
    # JSON has no escape \': it is an apostrophe; the other escapes stay.
    arguments = _ESCAPE.sub(lambda escape: "'" if escape[1] == "'" else escape[0], quoted[2])
    return call_from({"name": _decode(quoted[1], where), "arguments": arguments}, where)


def _decode(text: str, where: str) -> Any:
    return decode(text, where, "broken_call", "mend the call's JSON")
