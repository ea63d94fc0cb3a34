"""DeepSeek's markup since V3.2, DSML: a section of calls, as formats/deepseek_v3_2.py shows it.

The section is `function_calls` in V3.2, `tool_calls` in V4, and ` calls` in V4.1, which writes a
blank before all names. A value is text as it stands, or JSON. A string can hold these tags, as
text, where they do not stand as markup would: they are read, not written; in lists and objects `<`
becomes \\u003c then.
"""

import re
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import raw_decode, written
from swiftkit.toolcall import text_arguments
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.scanners.endings import is_end

MARK = "｜DSML｜"
MARKS = (f"<{MARK}", f"</{MARK}")
CALL_ENDS = (f"</{MARK}invoke>", f"</{MARK} invoke>")
_MARKUP = re.compile(rf"</?{MARK}|{ANY_TAG}")
_SECTION = re.compile(r" ?(?:function_calls|tool(?:_?calls)?|calls)>")
_SECTION_END = re.compile(rf"\s*+</{MARK}{_SECTION.pattern}")
_INVOKE = re.compile(rf'\s*+<{MARK} ?invoke name="([^"<>\n]++)"\s*+(/?)>')
_INVOKE_END = re.compile(rf"\s*+</{MARK} ?invoke>")
_PARAMETER = re.compile(
    rf'\s*+<{MARK} ?parameter name="([^"<>\n]*+)"(?:\s++string="(true|false)")?\s*+>'
)
# markup, not text: only what can follow a parameter follows
_VALUE_END = re.compile(rf"</{MARK} ?parameter>(?=\s*+(?:<{MARK} ?parameter |</{MARK} ?invoke>))")
_IN_ATTRIBUTE = re.compile(r'[^"<>\n]*')


def read(text: str) -> Parsed:
    """Read an answer of any of the three models. Never raises."""
    return blocks.read(text, _MARKUP, _read_section)


def render(calls: list[ToolCall], section: str, before: str = "") -> str:
    """Write the calls in a section of this name; `before` stands before all names."""
    lines = []
    for call in calls:
        lines.append(f'<{MARK}{before}invoke name="{_attribute(call.name)}">')
        for key, value in call.arguments.items():
            is_text = str(isinstance(value, str)).lower()
            head = f'{before}parameter name="{_attribute(key)}" string="{is_text}"'
            text = _value_text(value, f"{call.name}: {key}")
            lines.append(f"<{MARK}{head}>{text}</{MARK}{before}parameter>")
        lines.append(f"</{MARK}{before}invoke>")
    name = f"{MARK}{before}{section}"
    return "\n".join([f"<{name}>", *lines, f"</{name}>"]) if calls else ""


def _read_section(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    section = _SECTION.match(text, tag.end())
    if section:
        position = section.end()
    elif _INVOKE.match(text, tag.start()):  # the model left the section's tag out
        position = tag.start()
    else:
        raise ValueError(f"{tag[0]} outside of a section of calls")
    while invoke := _INVOKE.match(text, position):
        arguments: dict[str, Any] = {}
        position = invoke.end()
        if not invoke[2]:  # else it closes itself
            arguments, position = _read_parameters(text, position)
        calls.append(ToolCall(invoke[1], arguments))
        if is_end(text, position):
            return len(text)
    if not (end := _SECTION_END.match(text, position)):
        raise ValueError("neither a call nor the end of the section")
    return end.end()


def _read_parameters(text: str, position: int) -> tuple[dict[str, Any], int]:
    """Return the arguments of the call whose body begins here, and the position behind it."""
    arguments: dict[str, Any] = {}
    while parameter := _PARAMETER.match(text, position):
        key, start = parameter[1], parameter.end()
        end = _VALUE_END.search(text, start)
        if not end:
            raise ValueError(f"the parameter {key!r} is never closed")
        if key in arguments:
            raise ValueError(f"the parameter {key!r} is given twice")
        arguments[key] = _value(text[start : end.start()], parameter[2])
        position = end.end()
    if not (invoke_end := _INVOKE_END.match(text, position)):
        raise ValueError("the call is never closed")
    return arguments, invoke_end.end()


def _value(text: str, is_text: str | None) -> Any:
    if is_text == "true":
        return text
    if is_text is None:
        return text_arguments.read(text)
    bare = text.strip()
    value, end = raw_decode(bare, 0)
    if end < len(bare):
        raise ValueError("text after the parameter's JSON")
    return value


def _value_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        text = written(value)
        return text.replace("<", "\\u003c") if MARK in text else text
    if MARK in value:
        problem = f"{where} cannot be written: the text holds the format's tags"
        raise DataError(problem, "bad_call", "take them out")
    return value


def _attribute(name: str) -> str:
    if not _IN_ATTRIBUTE.fullmatch(name):
        fix = 'use a name of one line without " < and >'
        raise DataError(f"DSML cannot carry the name {name!r}", "bad_call", fix)
    return name
