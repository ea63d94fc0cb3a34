"""Actions and their inputs behind keywords, as agents' prompts ask for them.

    Action: get_weather
    Action Input: {"city": "北京"}
    Observation:

Several actions may follow each other. What comes after the first observation is not the model's to
say: it is passed over, as a server cuts it off that stops there. Words before the action are
content. The arguments are JSON, perhaps in a fence, or as Python prints them.
"""

import re

from swiftkit.json_text import written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.python_literal import object_at
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.scanners.endings import is_end
from swiftkit.toolcall.wire_format import LineMark, Signs

_FENCE = re.compile(r"\s*+```(?:json)?+\s*+")
_FENCE_END = re.compile(r"\s*+```")
_LINE_END = re.compile(r"[ \t\r]*+(?:\n|\Z)")


class ActionLines:
    """The reader and the writer of one prompt, with its three keywords."""

    def __init__(self, action: str, action_input: str, observation: str) -> None:
        self._keywords = action, action_input, observation
        start, colon = blocks.LINE_START, "[:：]"
        words = "|".join(map(re.escape, (action_input, action, observation)))
        self._markup = re.compile(rf"{start}({words}){colon}|{ANY_TAG}", re.MULTILINE)
        input_line = rf"\s*+{re.escape(action_input)}{colon}"
        self._head = re.compile(rf"\s*+({blocks.NAME}){input_line}\s*+")
        line = rf"{start}{re.escape(action)}{colon}\s*+[^\n]*+\n{input_line}"
        marks = [word + colon for word in self._keywords for colon in ":："]
        self.signs = Signs(
            line=LineMark(re.compile(line, re.MULTILINE), needs=action_input), marks=tuple(marks)
        )

    def render(self, calls: list[ToolCall]) -> str:
        action, action_input, observation = self._keywords
        text = ""
        for call in calls:
            blocks.check_name(call.name, action)
            text += f"{action}: {call.name}\n{action_input}: {written(call.arguments)}\n"
        return f"{text}{observation}:" if calls else ""

    def parse(self, text: str) -> Parsed:
        """Read an answer. Malformed: an action without an input, an input without an action,
        arguments that are no object, words behind them on their line."""
        return blocks.read(text, self._markup, self._read_block)

    def _read_block(self, text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
        action, action_input, observation = self._keywords
        if tag[1] == observation:
            return len(text)
        if tag[1] == action_input:
            raise ValueError(f"{action_input} without {action}")
        head = self._head.match(text, tag.end())
        name = head[1].strip() if head else ""
        if not head or not name:
            raise ValueError(f"{action} without a name and {action_input}")
        fence = _FENCE.match(text, head.end())
        arguments, end = object_at(text, fence.end() if fence else head.end())
        if fence:
            fence_end = _FENCE_END.match(text, end)
            if not fence_end:
                raise ValueError("the fence is never closed")
            end = fence_end.end()
        line_end = _LINE_END.match(text, end)
        if not line_end and not is_end(text, end):
            raise ValueError("text after the arguments")
        calls.append(ToolCall(name, arguments))
        return line_end.end() if line_end else len(text)
