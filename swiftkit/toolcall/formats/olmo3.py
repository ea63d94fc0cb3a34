"""OLMo 3's calls: Python's, a line each, between tags.

    <function_calls>
    get_weather(city="北京")
    now()
    </function_calls>

Written by: OLMo 3.
Read too: a Python list.
Limits: Python identifiers.
Engines: vLLM `olmo3`.

Source: the chat template of Olmo-3-7B-Instruct; vLLM's olmo3_tool_parser.py.
"""

import re

from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks, python_calls
from swiftkit.toolcall.wire_format import Signs

_OPEN, _CLOSE = "<function_calls>", "</function_calls>"
SIGNS = Signs(opening={_OPEN: python_calls.HEAD.pattern}, marks=(_CLOSE,), call_ends=(_CLOSE,))
_MARKUP = blocks.markup(_OPEN, _CLOSE)


def render(calls: list[ToolCall]) -> str:
    lines = "\n".join(map(python_calls.written_call, calls))
    return f"{_OPEN}\n{lines}\n{_CLOSE}" if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer; the calls may be a Python list, too."""
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[0] == _CLOSE:
        raise ValueError(f"{_CLOSE} without {_OPEN}")
    found, end = python_calls.read_lines(text, tag.end())
    if not found or not text.startswith(_CLOSE, end):
        raise ValueError(f"neither a call nor {_CLOSE}")
    calls += found
    return end + len(_CLOSE)
