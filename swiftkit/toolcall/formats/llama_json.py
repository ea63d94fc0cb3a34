"""Calls of Llama 3.1, 3.3 and 4 as JSON, with `parameters`.

    {"name": "get_weather", "parameters": {"city": "北京"}}
    <|python_tag|>{"name": "now", "parameters": {}}; {"name": "now", "parameters": {}}<|eom_id|>

Without <|python_tag|> the whole answer must be calls, in all shapes of scanners/json_calls.py; with
it, text may stand before. Llama's built-in tools (`<|python_tag|>brave_search.call(query="...")`)
are not read: malformed.

Written by: Llama 3.1, 3.3, 4.
Read too: `<|python_tag|>` before it; `arguments`; Python's dicts; all of `plain_json`.
Limits: the built-in tools (`brave_search.call(...)`) are malformed.
Engines: vLLM `llama3_json`, `llama4_json`: also beside words; SGLang `llama3`.

Source: Meta's chat template of Llama-3.1, which writes one call; several, a line each, as
ms-swift's Llama3AgentTemplate does; vLLM's llama_tool_parser.py, SGLang's llama32_detector.py.
"""

import re

from swiftkit.json_text import skip_space, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks, json_calls
from swiftkit.toolcall.scanners.endings import is_end
from swiftkit.toolcall.wire_format import Signs, WholeAnswer

PYTHON_TAG = "<|python_tag|>"
_MARKUP = blocks.markup(PYTHON_TAG)
_SEPARATOR = re.compile(r"\s*+[;,]?+\s*+")


def render(calls: list[ToolCall]) -> str:
    return "\n".join(written({"name": call.name, "parameters": call.arguments}) for call in calls)


def parse(text: str) -> Parsed:
    parsed = blocks.read_whole(text, json_calls.read)
    if parsed.calls or PYTHON_TAG not in text:
        return parsed
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    """Read the calls behind the tag, to the end of the answer."""
    position = skip_space(text, tag.end())
    while True:
        value, end = json_calls.value_at(text, position)
        calls += json_calls.calls_of(value if isinstance(value, list) else [value])
        separator = _SEPARATOR.match(text, end)
        position = separator.end() if separator else end
        if is_end(text, position):
            return len(text)


SIGNS = Signs(
    opening={PYTHON_TAG: ""},
    whole=WholeAnswer(
        json_calls.read, re.compile(r"[{\[]|```"), held=re.compile(r"[{\[]|```|`{1,2}\Z")
    ),
    marks=(),
)
