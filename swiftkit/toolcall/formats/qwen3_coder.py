"""The XML of Qwen3-Coder and Qwen3.5.

    <tool_call>
    <function=get_weather>
    <parameter=city>
    北京
    </parameter>
    <parameter=days>
    [1, 2]
    </parameter>
    </function>
    </tool_call>

Values have no types (text_arguments.py): with `tools` a string stays a string; without, "5" would
come back as 5, so `render` refuses it. A value is text up to its closing tag, less one line break
at each end. A string can hold these tags, as text, where they do not stand as markup would: they
are read, not written; in lists and objects `<` becomes \\u003c then.

Read too, as engines do: several functions in one <tool_call>; a function without <tool_call> before
it; a value without </parameter>, where no tag stands in it and another parameter's line, or the end
of the call, follows.

Source: the chat template of Qwen3-Coder; rendered as ms-swift's Qwen3CoderAgentTemplate and
Qwen3_5AgentTemplate do.
"""

import re

from swiftkit.errors import DataError
from swiftkit.toolcall import text_arguments
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import tagged_arguments
from swiftkit.toolcall.text_arguments import Tools
from swiftkit.toolcall.wire_format import Signs

OPEN, CLOSE = "<tool_call>", "</tool_call>"
SIGNS = Signs(opening={OPEN: r"\s*+<function=", "<function=": ""}, closing=("</function>",))
_TAGS = re.compile(r"</?tool_call>|</?(?:function|parameter)(?:=|>)")
_MARKUP = re.compile(f"{_TAGS.pattern}|{ANY_TAG}")
_FUNCTION = re.compile(r"\s*+<function=([^<>\n]++)>\s*+")
_PARAMETER = re.compile(r"<parameter=([^<>\n]++)>\n?+")
_PARAMETER_END = "</parameter>"
# markup, not text: only what can follow a parameter follows
_VALUE_END = re.compile(r"</parameter>\s*+(?=<parameter=[^<>\n]++>|</function>)")
_VALUE_WITHOUT_END = re.compile(
    rf"{_VALUE_END.pattern}|(?<=\n)(?=<parameter=[^<>\n]++>\n)|(?=</function>\s*+</tool_call>)"
)
_END = re.compile(r"</function>\s*+</tool_call>")
_END_BEFORE_ANOTHER = re.compile(r"</function>\s*+(?=<function=)")
_BARE_END = re.compile(r"</function>(?:\s*+</tool_call>)?")


def render(calls: list[ToolCall], tools: Tools = ()) -> str:
    """Write the calls byte for byte as ms-swift trains on them, but for the cases above."""
    rendered = []
    for call in calls:
        schemas = text_arguments.parameters_of(tools, call.name)
        text = f"{OPEN}\n<function={_checked(call.name)}>\n"
        for key, value in call.arguments.items():
            written = text_arguments.write(value, schemas.get(key), _TAGS, f"{call.name}: {key}")
            text += f"<parameter={_checked(key)}>\n{written}\n{_PARAMETER_END}\n"
        rendered.append(f"{text}</function>\n{CLOSE}")
    return "\n".join(rendered)


def parse(text: str, tools: Tools = ()) -> Parsed:
    """Read an answer. Malformed too: a parameter given twice."""
    return tagged_arguments.read(text, _MARKUP, _read_call, tools)


def _read_call(text: str, tag: re.Match[str]) -> tuple[str, dict[str, str], int]:
    is_bare = tag[0] == "<function="
    if not is_bare and tag[0] != OPEN:
        raise ValueError(f"{tag[0]} without {OPEN}")
    function = _FUNCTION.match(text, tag.start() if is_bare else tag.end())
    if not function:
        raise ValueError(f"{OPEN} without <function=name>")
    texts: dict[str, str] = {}
    position = function.end()
    while parameter := _PARAMETER.match(text, position):
        name, start = parameter[1], parameter.end()
        end = _VALUE_WITHOUT_END.search(text, start)
        if end and not end[0] and _TAGS.search(text, start, end.start()):
            end = _VALUE_END.search(text, start)
        if not end:
            raise ValueError(f"the parameter {name!r} is never closed")
        if name in texts:
            raise ValueError(f"the parameter {name!r} is given twice")
        texts[name] = text[start : end.start()].removesuffix("\n")
        position = end.end()
    function_end = _BARE_END.match(text, position) if is_bare else _END.match(text, position)
    # what follows in the block is read as a function without <tool_call>
    if not (function_end := function_end or _END_BEFORE_ANOTHER.match(text, position)):
        raise ValueError("the function is never closed")
    return function[1], texts, function_end.end()


def _checked(name: str) -> str:
    if not name or any(character in name for character in "<>\n"):
        fix = "use a name of one line without < and >"
        raise DataError(f"Qwen3-Coder's XML cannot carry the name {name!r}", "bad_call", fix)
    return name
