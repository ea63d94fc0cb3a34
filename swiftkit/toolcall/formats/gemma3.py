"""Gemma 3's calls: Python's, a line each, in a fence of their own.

    ```tool_code
    get_weather(city="北京")
    ```

Written by: Gemma 3, as Google's guide asks.
Read too: a list; the fence's word in any case.
Limits: Python identifiers; parsed, never run.
Engines: none; both ask Gemma 3 for `pythonic`.

Source: Google's guide to function calling with Gemma 3; vLLM's
tool_chat_template_gemma3_pythonic.jinja.
"""

import re

from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import blocks, python_calls
from swiftkit.toolcall.wire_format import LineMark, Signs

_OPENING = re.compile(rf"```(?i:tool_code)(?={python_calls.HEAD.pattern})")
SIGNS = Signs(line=LineMark(_OPENING, needs="```"), marks=("```",))
_MARKUP = re.compile(f"{_OPENING.pattern}|{ANY_TAG}")


def render(calls: list[ToolCall]) -> str:
    lines = "\n".join(map(python_calls.written_call, calls))
    return f"```tool_code\n{lines}\n```" if calls else ""


def parse(text: str) -> Parsed:
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    found, end = python_calls.read_lines(text, tag.end())
    if not found or not text.startswith("```", end):
        raise ValueError("neither a call nor the end of the fence")
    calls += found
    return end + len("```")
