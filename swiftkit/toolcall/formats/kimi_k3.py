"""Kimi K3's elements: one for the reasoning, one for the answer, one for the calls.

    Weather is needed.<|close|>think<|sep|>
    <|open|>response<|sep|>Let me look.<|close|>response<|sep|>
    <|open|>tools<|sep|><|open|>call tool="get_weather" index="1"<|sep|>
    <|open|>argument key="city" type="string"<|sep|>北京<|close|>argument<|sep|>
    <|close|>call<|sep|><|close|>tools<|sep|><|close|>message<|sep|>

all of it without line breaks. The prompt opens the first element. A value of the type string is
text as it stands, any other is JSON. A string can hold these marks, as text, where they do not
stand as markup would: they are read, not written; in lists and objects `<` becomes \\u003c then.
In attributes & and " are written as in XML.

Written by: Kimi K3.
Read too: arguments without `type`; without the last tag.
Limits: no mark inside a string.
Engines: vLLM and SGLang `kimi_k3`.

Source: the encoder of Kimi-K3 (moonshotai), whose prompts have no Jinja template; vLLM's
kimi_k3_tool_parser.py, SGLang's kimik3_detector.py.
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
from swiftkit.toolcall.wire_format import Signs

OPEN, CLOSE, END = "<|open|>", "<|close|>", "<|sep|>"
SIGNS = Signs(
    opening={OPEN: "", CLOSE: ""},
    marks=(),
    passed=(f"{OPEN}response{END}", f"{CLOSE}response{END}", f"{CLOSE}message{END}"),
    call_ends=(f"{CLOSE}call{END}",),
    section_end=f"{CLOSE}tools{END}",
)
_MARKUP = re.compile(rf"{ANY_TAG}|<\|(?:open|close)\|>")
_AROUND = re.compile(
    r"(?:message(?: [^<]*+)?|response)<\|sep\|>"
)  # of the answer, which is content
_TOOLS = re.compile(r"tools<\|sep\|>\s*+")
_TOOLS_END = re.compile(r"\s*+<\|close\|>tools<\|sep\|>")
_CALL = re.compile(r'\s*+<\|open\|>call tool="([^"]++)"[^<]*+<\|sep\|>')
_CALL_END = re.compile(r"\s*+<\|close\|>call<\|sep\|>")
_ARGUMENT = re.compile(r'\s*+<\|open\|>argument key="([^"]*+)"(?: type="(\w*+)")?<\|sep\|>')
# markup, not text: only what can follow an argument follows
_ARGUMENT_END = re.compile(
    r"<\|close\|>argument<\|sep\|>(?=\s*+(?:<\|open\|>argument |<\|close\|>call<\|sep\|>))"
)
_MARKS = re.compile(r"<\|(?:open|close|sep)\|>")
_TYPES = {
    str: "string", bool: "boolean", int: "number", float: "number", type(None): "null",
    list: "array", dict: "object",
}  # fmt: skip
_REFERENCES = {"&quot;": '"', "&lt;": "<", "&gt;": ">", "&amp;": "&"}
_REFERENCE = re.compile("|".join(_REFERENCES))


def render(calls: list[ToolCall]) -> str:
    text = ""
    for number, call in enumerate(calls, 1):
        text += f'{OPEN}call tool="{_attribute(call.name)}" index="{number}"{END}'
        for key, value in call.arguments.items():
            head = f'argument key="{_attribute(key)}" type="{_TYPES[type(value)]}"'
            body = _value_text(value, f"{call.name}: {key}")
            text += f"{OPEN}{head}{END}{body}{CLOSE}argument{END}"
        text += f"{CLOSE}call{END}"
    return f"{OPEN}tools{END}{text}{CLOSE}tools{END}" if calls else ""


def parse(text: str) -> Parsed:
    return blocks.read(text, _MARKUP, _read_element)


def _read_element(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if around := _AROUND.match(text, tag.end()):
        return around.end()
    tools = _TOOLS.match(text, tag.end())
    if tag[0] != OPEN or not tools:
        raise ValueError(f"{tag[0]} of no element that stands here")
    position = tools.end()
    while call := _CALL.match(text, position):
        arguments, position = _read_arguments(text, call.end())
        calls.append(ToolCall(_plain(call[1]), arguments))
    if position > tools.end() and is_end(text, position):
        return len(text)
    if not (end := _TOOLS_END.match(text, position)):
        raise ValueError(f"neither a call nor {CLOSE}tools{END}")
    return end.end()


def _read_arguments(text: str, position: int) -> tuple[dict[str, Any], int]:
    """Return the arguments of the call whose body begins here, and the position behind it."""
    arguments: dict[str, Any] = {}
    while argument := _ARGUMENT.match(text, position):
        key, start = _plain(argument[1]), argument.end()
        end = _ARGUMENT_END.search(text, start)
        if not end:
            raise ValueError(f"the argument {key!r} is never closed")
        if key in arguments:
            raise ValueError(f"the argument {key!r} is given twice")
        arguments[key] = _value(text[start : end.start()], argument[2])
        position = end.end()
    if not (call_end := _CALL_END.match(text, position)):
        raise ValueError("the call is never closed")
    return arguments, call_end.end()


def _value(text: str, type_name: str | None) -> Any:
    if type_name == "string":
        return text
    if not type_name:
        return text_arguments.read(text)
    bare = text.strip()
    value, end = raw_decode(bare, 0)
    if end < len(bare):
        raise ValueError("text after the argument's JSON")
    return value


def _value_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        text = written(value)
        return text.replace("<", "\\u003c") if _MARKS.search(text) else text
    if _MARKS.search(value):
        problem = f"{where} cannot be written: the text holds the format's marks"
        raise DataError(problem, "bad_call", "take them out")
    return value


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;")


def _plain(attribute: str) -> str:
    return _REFERENCE.sub(lambda match: _REFERENCES[match[0]], attribute)
