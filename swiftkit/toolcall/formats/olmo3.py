"""OLMo 3's calls: Python's, a line each, between tags.

    <function_calls>
    get_weather(city="北京")
    now()
    </function_calls>

Source: the chat template of Olmo-3-7B-Instruct; vLLM's parser olmo3.
"""

import re

from swiftkit.json_text import skip_space
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks, python_calls
from swiftkit.toolcall.wire_format import Signs

_OPEN, _CLOSE = "<function_calls>", "</function_calls>"
_HEAD = re.compile(r"\s*+\[?+\s*+[^\W\d][\w.]*+\(")
SIGNS = Signs(opening={_OPEN: _HEAD.pattern})
_MARKUP = blocks.markup(_OPEN, _CLOSE)
_BETWEEN = re.compile(r"\s*+[,;]?+\s*+")


def render(calls: list[ToolCall]) -> str:
    lines = "\n".join(map(python_calls.written_call, calls))
    return f"{_OPEN}\n{lines}\n{_CLOSE}" if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer; the calls may be a Python list, too."""
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[0] == _CLOSE:
        raise ValueError(f"{_CLOSE} without {_OPEN}")
    found: list[ToolCall] = []
    position = skip_space(text, tag.end())
    if text.startswith("[", position):
        end = python_literal.end_of(text, position)
        found = python_calls.read_list(text[position:end])
        position = skip_space(text, end)
    while head := _HEAD.match(text, position):
        end = python_literal.end_of(text, head.end() - 1)
        found.append(python_calls.read_call(text[position:end]))
        between = _BETWEEN.match(text, end)
        position = between.end() if between else end
    if not found or not text.startswith(_CLOSE, position):
        raise ValueError(f"neither a call nor {_CLOSE}")
    calls += found
    return position + len(_CLOSE)
