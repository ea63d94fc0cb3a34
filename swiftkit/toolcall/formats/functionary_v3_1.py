"""Calls of Functionary v3.1 and Llama 3.1's custom functions: the arguments between named tags.

    <function=get_weather>{"city": "北京"}</function>

Written by: Functionary 3.1; Llama 3.1's custom functions.
Limits: one-line names.
Engines: none.

Source: the chat template of functionary-small-v3.1; Meta's prompt format of Llama 3.1 ("custom tool
calling").
"""

import re

from swiftkit.json_text import object_at, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.wire_format import Signs

_OPEN, _CLOSE = "<function=", "</function>"
_HEAD = re.compile(rf"{_OPEN}({blocks.NAME})>\s*+(?=\{{)")
SIGNS = Signs(opening={_OPEN: rf"{blocks.NAME}>\s*+\{{"}, marks=(_CLOSE,))
_MARKUP = re.compile(f"{_OPEN}|{_CLOSE}|{ANY_TAG}")


def render(calls: list[ToolCall]) -> str:
    text = ""
    for call in calls:
        blocks.check_name(call.name, "Functionary")
        text += f"{_OPEN}{call.name}>{written(call.arguments)}{_CLOSE}"
    return text


def parse(text: str) -> Parsed:
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    head = _HEAD.match(text, tag.start())
    name = head[1].strip() if head else ""
    if not head or not name:
        raise ValueError(f"{tag[0]} opens no call")
    arguments, end = object_at(text, head.end())
    if not text.startswith(_CLOSE, end):
        raise ValueError(f"{_CLOSE} is missing after the call")
    calls.append(ToolCall(name, arguments))
    return end + len(_CLOSE)
