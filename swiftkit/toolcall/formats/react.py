"""ReAct: an action and its input, each on a line, until the observation that the caller writes.

    Thought: I need the weather.
    Action: get_weather
    Action Input: {"city": "北京"}
    Observation:

Several actions may follow each other. What comes after the first `Observation:` is not the model's
to say: it is passed over, as a server cuts it off that stops there. Words before the action are
content.

Source: ms-swift's ReactEnAgentTemplate and ReactZnAgentTemplate, Qwen-Agent's ReActChat. ms-swift
writes the arguments as Python prints them ({'city': '北京', 'now': True}), which its prompt ("Format
the arguments as a JSON object") does not ask for; here they are JSON, and both are read.
"""

import re

from swiftkit.json_text import written
from swiftkit.toolcall import python_literal as literal
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import _blocks as blocks
from swiftkit.toolcall.formats._blocks import check_name

# A keyword begins a line, or follows reasoning at once. A JSON string holds no line break, so none
# is quoted.
LINE = r"(?:^|(?<=</think>)|(?<=\[/THINK\]))[ \t]*+"
_MARKUP = re.compile(rf"{LINE}(Action Input|Action|Observation):|{blocks.THINK}", re.MULTILINE)
_HEAD = re.compile(rf"[ \t]*+({blocks.NAME})\s*+Action Input:\s*+")
_LINE_END = re.compile(r"[ \t\r]*+(?:\n|\Z)")


def render(calls: list[ToolCall]) -> str:
    """As ms-swift does, but for the arguments. Raises DataError (bad_call)."""
    return "".join(map(_rendered, calls)) + "Observation:" if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer. Never raises; parse(render(calls)).calls == calls. Malformed: an action
    without an input, an input without an action, arguments that are no object, words behind them on
    their line.
    """
    return blocks.read(text, _MARKUP, _block)


def _rendered(call: ToolCall) -> str:
    check_name(call.name, "ReAct")
    return f"Action: {call.name}\nAction Input: {written(call.arguments)}\n"


def _block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[1] == "Observation":
        return len(text)
    head = _HEAD.match(text, tag.end()) if tag[1] == "Action" else None
    if not head or not (name := head[1].strip()):
        raise ValueError(
            f"{tag[1]} without {'a name and Action Input' if tag[1] == 'Action' else 'Action'}"
        )
    arguments, end = literal.object_at(text, head.end())
    if not (line := _LINE_END.match(text, end)):
        raise ValueError("text after the arguments")
    calls.append(ToolCall(name, arguments))
    return line.end()
