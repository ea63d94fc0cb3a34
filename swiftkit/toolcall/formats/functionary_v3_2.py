"""Functionary v3.2's calls: a recipient behind >>>, its input on the next line.

    >>>all
    Let me look.>>>get_weather
    {"city": "北京"}

Written by: Functionary 3.2.
Read too: without the first `>>>`, where the prompt ended with it; `>>>all` is content.
Limits: one-line names.
Engines: none.

Source: the chat template of functionary-small-v3.2.
"""

import re

from swiftkit.json_text import object_at, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.wire_format import LineMark, Signs

_CALL = re.compile(rf">>>({blocks.NAME})\n\s*+(?=\{{)")
SIGNS = Signs(line=LineMark(_CALL, needs=">>>"))
_MARKUP = re.compile(
    rf"(?:>>>|\A\s*+)all\n|{_CALL.pattern}|\A\s*+([\w.\-]++)\n\s*+(?=\{{)|{ANY_TAG}"
)


def render(calls: list[ToolCall]) -> str:
    text = ""
    for call in calls:
        blocks.check_name(call.name, "Functionary")
        text += f">>>{call.name}\n{written(call.arguments)}"
    return text


def parse(text: str) -> Parsed:
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    name = tag[1] or tag[2]
    if not name:  # what is said to all is content
        return tag.end()
    if not name.strip():
        raise ValueError("the call has no name")
    arguments, end = object_at(text, tag.end())
    calls.append(ToolCall(name.strip(), arguments))
    return end
