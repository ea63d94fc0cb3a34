"""ReAct: an action and its input, each on a line, until the observation that the caller writes.

    Thought: I need the weather.
    Action: get_weather
    Action Input: {"city": "北京"}
    Observation:

Several actions may follow each other. What comes after the first `Observation:` is not the model's
to say: it is passed over, as a server cuts it off that stops there. Words before the action are
content.

Source: ms-swift's ReactEnAgentTemplate and ReactZnAgentTemplate, Qwen-Agent's ReActChat. ms-swift
writes the arguments as Python prints them ({'city': '北京', 'now': True}), which its prompt does
not ask for ("Format the arguments as a JSON object"); here they are JSON, and both are read.
"""

import re

from swiftkit.json_text import written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.python_literal import object_at
from swiftkit.toolcall.reasoning import ANY_TAG, TAGS
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.wire_format import LineMark, Signs

# A keyword begins a line, or follows reasoning at once. A JSON string holds no line break, so none
# is quoted.
_BEHIND_REASONING = "|".join(f"(?<={re.escape(tag)})" for tag in TAGS.values())
_LINE = rf"(?:^|{_BEHIND_REASONING})[ \t]*+"
_MARKUP = re.compile(rf"{_LINE}(Action Input|Action|Observation):|{ANY_TAG}", re.MULTILINE)
_ACTION = re.compile(rf"{_LINE}Action:[^\n]*+\n\s*+Action Input:", re.MULTILINE)
SIGNS = Signs(line=LineMark(_ACTION, needs="Action Input:"))
_HEAD = re.compile(rf"[ \t]*+({blocks.NAME})\s*+Action Input:\s*+")
_LINE_END = re.compile(r"[ \t\r]*+(?:\n|\Z)")


def render(calls: list[ToolCall]) -> str:
    text = ""
    for call in calls:
        blocks.check_name(call.name, "ReAct")
        text += f"Action: {call.name}\nAction Input: {written(call.arguments)}\n"
    return f"{text}Observation:" if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer. Malformed: an action without an input, an input without an action, arguments
    that are no object, words behind them on their line."""
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[1] == "Observation":
        return len(text)
    if tag[1] == "Action Input":
        raise ValueError("Action Input without Action")
    head = _HEAD.match(text, tag.end())
    name = head[1].strip() if head else ""
    if not head or not name:
        raise ValueError("Action without a name and Action Input")
    arguments, end = object_at(text, head.end())
    line_end = _LINE_END.match(text, end)
    if not line_end:
        raise ValueError("text after the arguments")
    calls.append(ToolCall(name, arguments))
    return line_end.end()
