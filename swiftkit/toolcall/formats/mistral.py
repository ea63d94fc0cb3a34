"""Mistral's calls as a JSON list, and, to be read, all other ways in which Mistral models write
them.

    [TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "北京"}}, {"name": "now", "arguments": {}}]     render
    [TOOL_CALLS]get_weather[ARGS]{"city": "北京"}[TOOL_CALLS]now[CALL_ID]a1b2c3d4e[ARGS]{}                mistral_v11.py

Reasoning stands between [THINK] and [/THINK]. An "id" beside name and arguments is passed over, as
is a final </s>.

Source: the chat templates of Mistral-7B-Instruct-v0.3 to Mistral-Small-3.1, but for the ids, which
calls here have not. ms-swift's MistralAgentTemplate writes `[TOOL_CALLS][`, an object a line
without commas, `]</s>`: that is no JSON where there are several calls. It is read, not written.
"""

import re

from swiftkit.json_text import object_at, raw_decode, skip_space, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import _blocks as blocks
from swiftkit.toolcall.formats import plain_json

TOOL_CALLS, CALL_ID, ARGS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"
_MARKUP = blocks.markup(TOOL_CALLS, CALL_ID, ARGS)
_HEAD = re.compile(rf"({blocks.NAME})(?:\[CALL_ID\]\w*+)?(?:\[ARGS\])?+")
_BETWEEN = re.compile(r"\s*+,\s*+|[ \t\r]*+\n\s*+")  # a comma, or ms-swift's line break


def render(calls: list[ToolCall]) -> str:
    """One list of all calls. Raises DataError (bad_call)."""
    values = [{"name": call.name, "arguments": call.arguments} for call in calls]
    return f"{TOOL_CALLS} {written(values)}" if values else ""


def parse(text: str) -> Parsed:
    """Read an answer, also one in mistral_v11's form. Never raises; parse(render(calls)).calls ==
    calls."""
    parsed = blocks.read(text, _MARKUP, _block)
    if not parsed.content.endswith("</s>"):
        return parsed
    return Parsed(parsed.calls, parsed.content.removesuffix("</s>").rstrip(), parsed.malformed)


def _block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[0] != TOOL_CALLS:
        raise ValueError(f"{tag[0]} without {TOOL_CALLS}")
    start = skip_space(text, tag.end())
    if text.startswith("[", start):
        return _list(text, start, calls)
    if text.startswith("{", start):
        value, end = raw_decode(text, start)
        calls += plain_json.calls_of([value])
        return end
    head = _HEAD.match(text, start)
    if not head or not head[1].strip():
        raise ValueError("the call has no name")
    arguments, end = object_at(text, head.end())
    calls.append(ToolCall(head[1].strip(), arguments))
    return end


def _list(text: str, start: int, calls: list[ToolCall]) -> int:
    position = skip_space(text, start + 1)
    while True:
        value, end = raw_decode(text, position)
        calls += plain_json.calls_of([value])
        close = skip_space(text, end)
        if text.startswith("]", close):
            return close + 1
        if not (between := _BETWEEN.match(text, end)):
            raise ValueError("the list of calls is never closed")
        position = between.end()
