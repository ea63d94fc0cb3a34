"""Calls as a Python list: Llama 3.2 and Llama 4, and many a prompt.

    [get_weather(city="北京", days=[1, 2]), calendar.add(event={"title": "Tea", "all_day": True})]

The text is parsed, never run. Arguments have names and are literals (python_literal.py): `true`,
`false` and `null` are read too. The whole answer must be the list, perhaps between Llama 4's
<|python_start|> and <|python_end|>.

Written by: Llama 3.2, Llama 4, Gemma 3, ToolACE.
Read too: `<|python_start|>` or `<|python_tag|>` before it; a fence.
Limits: Python identifiers; 50,000 characters.
Engines: vLLM `pythonic`, `llama4_pythonic`; SGLang `pythonic`: also beside words.

Source: Meta's prompt formats of Llama 3.2 and Llama 4. Names are identifiers, perhaps with dots,
and arguments' names are identifiers: nothing else can be written. ms-swift's Llama4AgentTemplate
writes JSON (llama_json.py); vLLM's pythonic_tool_parser.py and llama4_pythonic_tool_parser.py,
SGLang's pythonic_detector.py.
"""

import re

from swiftkit.json_text import reason
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks, python_calls
from swiftkit.toolcall.wire_format import Signs, WholeAnswer

_START, _END, _TAG = "<|python_start|>", "<|python_end|>", "<|python_tag|>"
# a list whose first item is a call without arguments, or with a named one
_LIST = re.compile(rf"\[\s*+{python_calls.NAME}\(\s*+(?:\)|{python_calls.NAME}\s*+=(?!=))")


def render(calls: list[ToolCall]) -> str:
    """Write strings with double quotes, True, False and None as in Python."""
    return python_calls.written_list(calls) if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer. Malformed: one that begins as a list of calls and ends with it, or never
    ends, and cannot be read; all else is prose."""
    return blocks.read_whole(text, read)


def read(answer: str) -> Parsed:
    """Read an answer without reasoning."""
    body = blocks.without_fence(answer)
    body = body.removeprefix(_TAG).removeprefix(_START).removesuffix(_END).strip()
    if not _LIST.match(body):
        return Parsed([], answer)
    plain = python_calls.plain_list_at(body, 0)
    if plain and plain[1] == len(body):
        return Parsed(plain[0])
    if python_literal.end_of(body, 0) < len(body):
        return Parsed([], answer)
    try:
        return Parsed(python_calls.read_list(body))
    except (ValueError, RecursionError) as error:
        return Parsed([], answer, reason(error))


_BEGINNING = r"\[|```|<\|python_(?:start|tag)\|>"
SIGNS = Signs(
    whole=WholeAnswer(
        read, re.compile(_BEGINNING), held=re.compile(rf"{_BEGINNING}|`{{1,2}}\Z|<[|a-z_]*+\Z")
    ),
    marks=(),
)
