"""The Hermes wire format, which Qwen models speak.

    <think>optional reasoning</think>
    optional text
    <tool_call>
    {"name": "get_weather", "arguments": {"city": "北京"}}
    </tool_call>

Written by: Qwen2.5, Qwen3, Hermes 2 and 3, Granite 3.1 and 4, SmolLM3, MiMo, Youtu, Ling 2.
Read too: several calls, or a list, in one block; no arguments; a list without the last tag, as
Granite 3.1 writes it.
Engines: vLLM `hermes` and `granite4`, which give no call where one block is broken, and read no
`parameters`; `granite` reads lists; SGLang `qwen25`, `hermes`.

Source: NousResearch/Hermes-Function-Calling; rendered as ms-swift's HermesAgentTemplate does;
vLLM's hermes_tool_parser.py and granite4_tool_parser.py, SGLang's hermes_detector.py and
qwen25_detector.py.
"""

import re
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.json_text import raw_decode, skip_space, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.scanners.endings import is_end
from swiftkit.toolcall.wire_format import Signs

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_HEAD, _TAIL = f"{OPEN}\n", f"\n{CLOSE}"
SIGNS = Signs(opening={OPEN: ""}, closing=(CLOSE,), marks=(), prefix=f'{_HEAD}{{"')
_START, _END = len(_HEAD), -len(_TAIL)
_KEYS = ("name", "arguments", "parameters")
_MARKUP = blocks.markup(OPEN, CLOSE)
_decode = msgspec.json.Decoder(ToolCall).decode


def render(calls: list[ToolCall]) -> str:
    values = [written({"name": call.name, "arguments": call.arguments}) for call in calls]
    return "\n".join(f"{_HEAD}{value}{_TAIL}" for value in values)


def parse(text: str) -> Parsed:
    if text.startswith(_HEAD) and text.endswith(_TAIL):
        try:  # one call and nothing else, which is what a trained model writes most of the time
            return Parsed([_decode(text[_START:_END])])
        except (ValueError, RecursionError):
            pass
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[0] == CLOSE:
        raise ValueError(f"{CLOSE} without {OPEN}")
    close = text.find(CLOSE, tag.end())
    # msgspec's reader is strict and several times faster; what it refuses gets the exact reader
    try:
        call, end = _decode(text[tag.end() : max(close, tag.end())]), close
    except (ValueError, RecursionError):
        return _read_values(text, tag.end(), calls)
    calls.append(call)
    return end + len(CLOSE)


def _read_values(text: str, start: int, calls: list[ToolCall]) -> int:
    """Read the block's calls, an object or a list each, and return the position behind it."""
    position = skip_space(text, start)
    while True:
        value, position = raw_decode(text, position)
        values = value if isinstance(value, list) and value else [value]
        calls.extend(map(_call, values))
        position = skip_space(text, position)
        if text.startswith(CLOSE, position):
            return position + len(CLOSE)
        if isinstance(value, list) and is_end(text, position):
            return len(text)  # Granite 3.1 ends its list with ]
        if position >= len(text):
            raise ValueError(f"{CLOSE} is missing after the call")
        if not text.startswith(("{", "["), position):
            raise ValueError("text after the call's JSON")


def _call(value: Any) -> ToolCall:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError("the call is not an object with a name")  # noqa: TRY004 - malformed
    if any(isinstance(value.get(key), str) for key in ("arguments", "parameters")):
        raise ValueError("the arguments are text, not an object")
    try:
        return call_from(
            {"arguments": None} | {key: value[key] for key in _KEYS if key in value}, OPEN
        )
    except DataError as error:
        raise ValueError(error.reason) from error
