"""Both ways in which DeepSeek's models write calls: V3's with a fence of JSON, V3.1's without."""

import re

from swiftkit.json_text import object_at, skip_space
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.scanners.endings import is_end

CALLS, CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, SEPARATOR, CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
MARKS = (CALLS, CALLS_END, CALL, SEPARATOR, CALL_END)
_MARKUP = blocks.markup(*MARKS)
_HEAD = re.compile(
    rf"\s*+{CALL}(?:function{SEPARATOR}({blocks.NAME})\n\s*+```(?i:json)|({blocks.NAME}){SEPARATOR})"
)


def read(text: str) -> Parsed:
    """Read an answer in either form. Never raises."""
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[0] != CALLS:
        raise ValueError(f"{tag[0]} without {CALLS}")
    position = tag.end()
    while not text.startswith(CALLS_END, skip_space(text, position)):
        head = _HEAD.match(text, position)
        name = (head[1] or head[2]).strip() if head else ""
        if not head or not name:
            raise ValueError(f"neither a call nor {CALLS_END}")
        arguments, end = object_at(text, head.end())
        tail = f"```{CALL_END}" if head[1] else CALL_END
        if not text.startswith(tail, end):
            raise ValueError(f"{CALL_END} is missing after the call")
        calls.append(ToolCall(name, arguments))
        position = end + len(tail)
        if is_end(text, position):
            return len(text)
    return skip_space(text, position) + len(CALLS_END)
