"""DeepSeek's calls, as V3 and R1 write them.

    <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather
    ```json
    {"city": "北京"}
    ```<｜tool▁call▁end｜>
    <｜tool▁call▁begin｜>...<｜tool▁call▁end｜><｜tool▁calls▁end｜>

Source: the chat templates of DeepSeek-V3 and DeepSeek-R1 (ms-swift has V3.1's alone:
deepseek_v3_1.py).
"""

import re

from swiftkit.json_text import object_at, skip_space, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import _blocks as blocks
from swiftkit.toolcall.formats._blocks import check_name

CALLS, CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, SEPARATOR, CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
_MARKUP = blocks.markup(CALLS, CALLS_END, CALL, SEPARATOR, CALL_END)
_HEAD = re.compile(
    rf"\s*+{CALL}(?:function{SEPARATOR}({blocks.NAME})\n\s*+```json|({blocks.NAME}){SEPARATOR})"
)


def render(calls: list[ToolCall]) -> str:
    """Raises DataError (bad_call)."""
    return f"{CALLS}{chr(10).join(map(_rendered, calls))}{CALLS_END}" if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer, also one in V3.1's form. Never raises; parse(render(calls)).calls ==
    calls."""
    return blocks.read(text, _MARKUP, _block)


def _rendered(call: ToolCall) -> str:
    check_name(call.name, "DeepSeek")
    return (
        f"{CALL}function{SEPARATOR}{call.name}\n```json\n{written(call.arguments)}\n```{CALL_END}"
    )


def _block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[0] != CALLS:
        raise ValueError(f"{tag[0]} without {CALLS}")
    position = tag.end()
    while not text.startswith(CALLS_END, skip_space(text, position)):
        position = _call(text, position, calls)
    return skip_space(text, position) + len(CALLS_END)


def _call(text: str, start: int, calls: list[ToolCall]) -> int:
    head = _HEAD.match(text, start)
    if not head or not (name := (head[1] or head[2]).strip()):
        raise ValueError(f"neither a call nor {CALLS_END}")
    arguments, end = object_at(text, head.end())
    tail = f"```{CALL_END}" if head[1] else CALL_END
    if not text.startswith(tail, end):
        raise ValueError(f"{CALL_END} is missing after the call")
    calls.append(ToolCall(name, arguments))
    return end + len(tail)
