"""All ways in which Mistral's models write calls.

    [TOOL_CALLS] [{"name": "get_weather", "arguments": {}}, {"name": "now", "arguments": {}}]
    [TOOL_CALLS]get_weather[ARGS]{"city": "北京"}[TOOL_CALLS]now[CALL_ID]a1b2c3d4e[ARGS]{}

That is a JSON list, or each call with its own tag.
"""

import re

from swiftkit.json_text import object_at, raw_decode, skip_space
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks, json_calls

TOOL_CALLS, CALL_ID, ARGS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"
MARKS = (TOOL_CALLS, CALL_ID, ARGS)
_MARKUP = blocks.markup(*MARKS)
_HEAD = re.compile(rf"({blocks.NAME})(?:\[CALL_ID\]\w*+)?(?:\[ARGS\])?+")
_SEPARATOR = re.compile(r"\s*+,\s*+|[ \t\r]*+\n\s*+")  # a comma, or ms-swift's line break


def read(text: str) -> Parsed:
    """Read an answer in either form. Never raises."""
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[0] != TOOL_CALLS:
        raise ValueError(f"{tag[0]} without {TOOL_CALLS}")
    start = skip_space(text, tag.end())
    if text.startswith("[", start):
        return _read_list(text, start, calls)
    if text.startswith("{", start):
        value, end = raw_decode(text, start)
        calls += json_calls.calls_of([value])
        return end
    head = _HEAD.match(text, start)
    if not head or not head[1].strip():
        raise ValueError("the call has no name")
    arguments, end = object_at(text, head.end())
    calls.append(ToolCall(head[1].strip(), arguments))
    return end


def _read_list(text: str, start: int, calls: list[ToolCall]) -> int:
    position = skip_space(text, start + 1)
    while True:
        value, end = raw_decode(text, position)
        calls += json_calls.calls_of([value])
        close = skip_space(text, end)
        if text.startswith("]", close):
            return close + 1
        if not (separator := _SEPARATOR.match(text, end)):
            raise ValueError("the list of calls is never closed")
        position = separator.end()
