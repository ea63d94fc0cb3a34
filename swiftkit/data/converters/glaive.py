r"""Glaive function calling v2: one text of USER, ASSISTANT and FUNCTION RESPONSE turns, with
<functioncall> in it.

Source: https://huggingface.co/datasets/glaiveai/glaive-function-calling-v2 (Apache-2.0). A real
row, shortened:

    {"system": "SYSTEM: You are a helpful assistant with access to the following functions. Use them if required -
                \n{\n    \"name\": \"get_news_headlines\",\n    \"description\": ...\n}\n",
     "chat": "USER: News of the United States?\n\n\nASSISTANT: <functioncall> {\"name\": \"get_news_headlines\",
              \"arguments\": '{\"country\": \"United States\"}'} <|endoftext|>\n\n\nFUNCTION RESPONSE: {\"headlines\":
              [...]}\n\n\nASSISTANT: Here are the latest headlines. <|endoftext|>\n\n\n"}

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

from swiftkit.data.rows import call_message, is_judged, make_row, text_of
from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.python_literal import json_at
from swiftkit.toolcall.read_call import call_from

_CALL, _END = "<functioncall>", "<|endoftext|>"
_MARK = re.compile(r"(?:\A\s*|\n\n)(USER|ASSISTANT|FUNCTION RESPONSE): ")
_ROLES = {"USER": "user", "FUNCTION RESPONSE": "tool_response"}
_QUOTED = re.compile(
    r"""\{\s*"name":\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments":\s*'(.*)'\s*\}""", re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ANNOUNCED = re.compile(
    r"You are a helpful assistant with access to the following functions\. Use them if required ?-?"
)


def matches(record: dict[str, Any]) -> bool:
    chat = record.get("chat")
    if "messages" in record or "conversations" in record or is_judged(record):
        return False
    return isinstance(chat, str) and "USER: " in chat


def convert(record: dict[str, Any]) -> Iterable[Row]:
    chat = record.get("chat")
    if not isinstance(chat, str):
        raise DataError(
            "the row has no chat", "no_messages", "give the text of the turns in a column chat"
        )
    system, tools = _system(text_of(record.get("system"), "system"))
    messages = [
        *system,
        *(message for mark, text in _turns(chat) for message in _messages(mark, text)),
    ]
    return [
        make_row(messages, {**record, "tools": tools or record.get("tools")}, ("chat", "system"))
    ]


def _system(text: str) -> tuple[list[Message], list[Any]]:
    """(the system message, if any text is left, and the functions) of the system text."""
    text = text.strip().removeprefix("SYSTEM:")
    kept, tools = [], []
    while (start := text.find("{")) >= 0:
        try:
            tool, end = json_at(text, start, "system")
        except (ValueError, RecursionError) as error:
            what = f"system: a function that is no JSON: {error}"
            raise DataError(what, "bad_tools", "mend the JSON of the function") from error
        tools.append(tool)
        kept.append(text[:start].strip())
        text = text[end:]
    rest = "\n".join(part for part in [*kept, text.strip()] if part)
    content = (_ANNOUNCED.sub("", rest) if tools else rest).strip()
    return [{"role": "system", "content": content}] if content else [], tools


def _turns(chat: str) -> list[tuple[str, str]]:
    """(mark, text) of each turn."""
    marks = list(_MARK.finditer(chat))
    if not marks or marks[0].start():
        raise DataError(
            "the chat does not begin with a turn", "no_messages", "begin it with 'USER: '"
        )
    ends = [mark.start() for mark in marks[1:]] + [len(chat)]
    return [
        (mark[1], chat[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)
    ]


def _messages(mark: str, text: str) -> Iterator[Message]:
    content = text.removesuffix(_END).rstrip() if mark == "ASSISTANT" else text
    if _END in content or (mark == "ASSISTANT" and content == text):
        fix = f"end each ASSISTANT turn, and no other, with {_END}"
        raise DataError(
            f"chat: the turn {text[:60]!r} has {_END} in the wrong place, or none", "bad_end", fix
        )
    if mark != "ASSISTANT":
        yield {"role": _ROLES[mark], "content": content}
        return
    before, *calls = content.split(_CALL)
    if before.strip() or not calls:
        yield {"role": "assistant", "content": before.strip()}
    yield from (call_message(_call(call.strip())) for call in calls)


def _call(text: str) -> ToolCall:
    where = f"chat: {_CALL} {text[:60]}"
    if quoted := _QUOTED.fullmatch(text):
        arguments = _ESCAPE.sub(lambda escape: "'" if escape[1] == "'" else escape[0], quoted[2])
        return call_from({"name": _json(quoted[1], where), "arguments": arguments}, where)
    return call_from(_json(text, where), where)


def _json(text: str, where: str) -> Any:
    try:
        return decode_distinct(text, where)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: no valid JSON: {error}", "broken_call", "mend the call's JSON"
        ) from error
