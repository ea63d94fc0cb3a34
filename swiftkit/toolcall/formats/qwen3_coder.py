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

Values have no types (untyped.py): with `tools` a string stays a string; without, "5" would come
back as 5, so `render` refuses it. A value is text up to its closing tag, less one line break at
each end, and can hold none of these tags: in a string they are refused, in lists and objects `<`
becomes \\u003c then.

Source: the chat template of Qwen3-Coder; rendered as ms-swift's Qwen3CoderAgentTemplate and
Qwen3_5AgentTemplate do.
"""

import re

from swiftkit.errors import DataError
from swiftkit.toolcall import text_arguments as untyped
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import _blocks as blocks
from swiftkit.toolcall.text_arguments import Tools, Written

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_MARKUP = re.compile(rf"</?tool_call>|</?(?:function|parameter)(?:=|>)|{blocks.THINK}")
_TAGS = re.compile(r"</?tool_call>|</?(?:function|parameter)(?:=|>)")
_FUNCTION = re.compile(r"\s*+<function=([^<>\n]++)>\s*+")
_PARAMETER = re.compile(r"<parameter=([^<>\n]++)>\n?+")
_END = re.compile(r"</function>\s*+</tool_call>")
_SPACE = re.compile(r"\s*+")


def render(calls: list[ToolCall], tools: Tools = ()) -> str:
    """Byte for byte as ms-swift trains on them, but for the cases above. Raises DataError
    (bad_call)."""
    return "\n".join(_rendered(call, tools) for call in calls)


def parse(text: str, tools: Tools = ()) -> Parsed:
    """Read an answer. Never raises; parse(render(calls, tools), tools).calls == calls. Malformed
    too: a parameter given twice, and any of the tags inside of a value, for there one is not
    closed.
    """
    return untyped.parse(text, _MARKUP, _call, tools)


def _call(text: str, tag: re.Match[str]) -> Written:
    if tag[0] != OPEN:
        raise ValueError(f"{tag[0]} without {OPEN}")
    function = _FUNCTION.match(text, tag.end())
    if not function:
        raise ValueError(f"{OPEN} without <function=name>")
    found: dict[str, str] = {}
    position = function.end()
    while parameter := _PARAMETER.match(text, position):
        position = _argument(text, parameter, found)
    if not (end := _END.match(text, position)):
        raise ValueError("the function is never closed")
    return Written(function[1], found, end.end())


def _argument(text: str, parameter: re.Match[str], found: dict[str, str]) -> int:
    end = _TAGS.search(text, parameter.end())
    if not end or not text.startswith("</parameter>", end.start()):
        raise ValueError(f"the parameter {parameter[1]!r} is never closed")
    if parameter[1] in found:
        raise ValueError(f"the parameter {parameter[1]!r} is given twice")
    found[parameter[1]] = text[parameter.end() : end.start()].removesuffix("\n")
    space = _SPACE.match(text, end.end())
    return space.end() if space else end.end()


def _rendered(call: ToolCall, tools: Tools) -> str:
    schemas = untyped.parameters_of(tools, call.name)
    parts = [f"{OPEN}\n<function={_checked(call.name)}>\n"]
    for key, value in call.arguments.items():
        text = untyped.write(value, schemas.get(key), _TAGS, f"{call.name}: {key}")
        parts.append(f"<parameter={_checked(key)}>\n{text}\n</parameter>\n")
    return "".join((*parts, f"</function>\n{CLOSE}"))


def _checked(name: str) -> str:
    if not name or any(character in name for character in "<>\n"):
        fix = "use a name of one line without < and >"
        raise DataError(f"Qwen3-Coder's XML cannot carry the name {name!r}", "bad_call", fix)
    return name
