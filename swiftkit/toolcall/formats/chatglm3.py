r"""ChatGLM3's calls: the name on a line, and Python code that hands tool_call its arguments.

    get_weather
    ```python
    tool_call(city='北京')
    ```

Written by: ChatGLM3.
Limits: parsed, never run; parameters are Python identifiers.
Engines: none.

Source: the model card of chatglm3-6b, whose caller runs the code.
"""

import re

from swiftkit.errors import DataError
from swiftkit.json_text import skip_space
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import blocks, python_calls
from swiftkit.toolcall.wire_format import LineMark, Signs

_NAME = re.compile(r"[\w.\-]++")
_HEAD = re.compile(
    rf"{blocks.LINE_START}({_NAME.pattern})[ \t]*+\n\s*+```python\s*+(?=tool_call\()", re.MULTILINE
)
SIGNS = Signs(line=LineMark(_HEAD, needs="tool_call("))
_MARKUP = re.compile(f"{_HEAD.pattern}|{ANY_TAG}", re.MULTILINE)


def render(calls: list[ToolCall]) -> str:
    blocks_of_calls = []
    for call in calls:
        if not _NAME.fullmatch(call.name):
            fix = "give the tool a name of letters, digits, _ . and -"
            raise DataError(f"ChatGLM3 cannot write a call of {call.name!r}", "bad_call", fix)
        code = python_calls.written_call(ToolCall("tool_call", call.arguments))
        blocks_of_calls.append(f"{call.name}\n```python\n{code}\n```")
    return "\n".join(blocks_of_calls)


def parse(text: str) -> Parsed:
    return blocks.read(text, _MARKUP, _read_block)


def _read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    call, end = python_calls.call_at(text, tag.end())
    end = skip_space(text, end)
    if not text.startswith("```", end):
        raise ValueError("the fence is never closed")
    calls.append(ToolCall(tag[1], call.arguments))
    return end + len("```")
