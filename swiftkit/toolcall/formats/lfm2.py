"""LFM2's calls: a Python list between tokens.

    <|tool_call_start|>[get_weather(city="北京"), now()]<|tool_call_end|>

Written by: LFM2.
Read too: a JSON list, which it writes where the prompt asks for it; without the last token.
Limits: Python identifiers.
Engines: vLLM `lfm2`; SGLang `lfm2`, which needs the last token.

Source: the model card of LFM2-1.2B; vLLM's lfm2_tool_parser.py, SGLang's lfm2_detector.py.
"""

import re

from swiftkit.json_text import raw_decode, skip_space
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks, json_calls, python_calls
from swiftkit.toolcall.scanners.endings import is_end
from swiftkit.toolcall.wire_format import Signs

_START, _END = "<|tool_call_start|>", "<|tool_call_end|>"
SIGNS = Signs(opening={_START: ""}, marks=(_END,), call_ends=(_END,))
_MARKUP = blocks.markup(_START, _END)
_JSON = re.compile(r"(?:\[\s*+)?\{")


def render(calls: list[ToolCall]) -> str:
    return f"{_START}{python_calls.written_list(calls)}{_END}" if calls else ""


def parse(text: str) -> Parsed:
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[0] == _END:
        raise ValueError(f"{_END} without {_START}")
    start = skip_space(text, tag.end())
    if _JSON.match(text, start):
        value, end = raw_decode(text, start)
        found = json_calls.calls_of(value if isinstance(value, list) else [value])
    elif text.startswith("[", start):
        found, end = python_calls.list_at(text, start)
    else:
        raise ValueError(f"no list behind {_START}")
    end = skip_space(text, end)
    if text.startswith(_END, end):
        end += len(_END)
    elif not is_end(text, end):
        raise ValueError(f"{_END} is missing")
    calls += found
    return end
