r"""Glaive: functions as JSON objects in the system text, arguments of calls in single quotes.

    <functioncall> {"name": "get_news", "arguments": '{"country": "United States"}'} <|endoftext|>

What is between the first and the last quote must be JSON, where \' is read as an apostrophe (JSON
itself has no such escape). Arguments may also be an object. The sentence that announces the
functions leaves the system text, because the chat template writes its own.

Source: https://huggingface.co/datasets/glaiveai/glaive-function-calling-v2 (Apache-2.0).
"""

import re
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import decode
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.python_literal import json_at
from swiftkit.toolcall.read_call import call_from

ANNOUNCEMENT = "with access to the following functions"
CALL, END = "<functioncall>", "<|endoftext|>"
_QUOTED = re.compile(  # a call whose arguments stand in single quotes
    r"""\{\s*"name":\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments":\s*'(.*)'\s*\}""", re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ANNOUNCEMENT = re.compile(
    r"You are a helpful assistant with access to the following functions\."
    r" Use them if required ?-?"
)


def without_prompt(text: str, where: str) -> tuple[str, list[Any]]:
    """Return what is left of a system text, and the functions in it. Raises DataError
    (bad_tools)."""
    text = text.strip().removeprefix("SYSTEM:")
    kept, tools = [], []
    while (start := text.find("{")) >= 0:
        try:
            tool, end = json_at(text, start, where)
        except (ValueError, RecursionError) as error:
            reason = f"{where}: a function that is no JSON: {error}"
            raise DataError(reason, "bad_tools", "mend the JSON of the function") from error
        tools.append(tool)
        kept.append(text[:start].strip())
        text = text[end:]
    rest = "\n".join(part for part in [*kept, text.strip()] if part)
    if tools:
        rest = _ANNOUNCEMENT.sub("", rest)
    return rest.strip(), tools


def text_and_calls(text: str, where: str) -> tuple[str, list[ToolCall]]:
    """Return the text of an answer before its calls, and the calls. Raises DataError."""
    before, *calls = text.split(CALL)
    return before.strip(), [_call(call.strip(), where) for call in calls]


def _call(text: str, place: str) -> ToolCall:
    text = text.removesuffix(END).rstrip()
    where = f"{place}: {CALL} {text[:60]}"
    quoted = _QUOTED.fullmatch(text)
    if not quoted:
        return call_from(_decode(text, where), where)
    # JSON has no escape \': it is an apostrophe; the other escapes stay.
    arguments = _ESCAPE.sub(lambda escape: "'" if escape[1] == "'" else escape[0], quoted[2])
    return call_from({"name": _decode(quoted[1], where), "arguments": arguments}, where)


def _decode(text: str, where: str) -> Any:
    return decode(text, where, "broken_call", "mend the call's JSON")
