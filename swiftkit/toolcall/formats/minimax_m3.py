"""The XML of MiniMax-M3, whose tags all begin with a token, and whose values are XML, too.

    ]<]minimax[>[<tool_call>
    ]<]minimax[>[<invoke name="get_weather">]<]minimax[>[<city>北京]<]minimax[>[</city>
    ]<]minimax[>[<days>]<]minimax[>[<item>1]<]minimax[>[</item>]<]minimax[>[</days>
    ]<]minimax[>[</invoke>
    ]<]minimax[>[</tool_call>

(No line breaks stand inside an invoke; here they are for the reader.) A list's items are `item`.
Values have no types (text_arguments.py): with the tools a string stays a string, but not one inside
a list or an object that reads as something else. `render` refuses what would come back changed; a
list or an object that holds the token is JSON.

Written by: MiniMax-M3.
Read too: without the last tag.
Limits: untyped at every depth; null and empty values are JSON.
Engines: vLLM `minimax_m3`; SGLang `minimax-m3`, which needs the last tag.

Source: the chat template of MiniMax-M3; rendered as ms-swift's MinimaxM3AgentTemplate does, which
leaves out null and writes nothing for an empty list or object: here they are JSON; vLLM's
parser/minimax_m3.py, SGLang's minimax_m3.py.
"""

import re
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import skip_space, written
from swiftkit.toolcall import text_arguments
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.scanners.endings import is_end
from swiftkit.toolcall.text_arguments import Tools
from swiftkit.toolcall.wire_format import Signs

_NS = "]<]minimax[>["
_OPEN, _CLOSE = f"{_NS}<tool_call>", f"{_NS}</tool_call>"
SIGNS = Signs(
    opening={_OPEN: ""},
    closing=(_CLOSE,),
    marks=(),
    call_ends=(f"{_NS}</invoke>",),
    section_end=_CLOSE,
)
_MARKUP = blocks.markup(_OPEN, _CLOSE)
_INVOKE = re.compile(rf'\s*+{re.escape(_NS)}<invoke name="([^<>"\n]++)">')
_INVOKE_END = f"{_NS}</invoke>"
# most elements hold a text without brackets: then one search finds them whole
_PLAIN = re.compile(
    rf"\s*+{re.escape(_NS)}<([^<>/][^<>]*+)>([^\]]*+){re.escape(_NS)}</\1>", re.DOTALL
)
_TAG = re.compile(rf"{re.escape(_NS)}<(/?)([^<>]*+)>")


def render(calls: list[ToolCall], tools: Tools = ()) -> str:
    invokes = []
    for call in calls:
        arguments = "".join(_argument(key, value) for key, value in call.arguments.items())
        invokes.append(f'{_NS}<invoke name="{call.name}">{arguments}{_INVOKE_END}\n')
    text = f"{_OPEN}\n{''.join(invokes)}{_CLOSE}" if calls else ""
    plain = [[call.name, call.arguments] for call in calls]
    back = [[call.name, call.arguments] for call in parse(text, tools).calls]
    if written(back) != written(plain):
        fix = "give the tools, whose schema says what is a string, or mend the names"
        raise DataError("MiniMax-M3's XML cannot carry these calls", "bad_call", fix)
    return text


def parse(text: str, tools: Tools = ()) -> Parsed:
    texts: list[dict[str, str]] = []

    def read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
        del texts[len(calls) :]  # those of calls that turned out to be reasoning
        if tag[0] == _CLOSE:
            raise ValueError(f"{_CLOSE} without {_OPEN}")
        position = tag.end()
        while invoke := _INVOKE.match(text, position):
            value, position = _content(text, invoke.end())
            if not text.startswith(_INVOKE_END, position):
                raise ValueError(f"the call of {invoke[1]!r} is never closed")
            if isinstance(value, list):  # here an item is an argument
                value = {"item": value[0]} if len(value) == 1 else "twice"
            arguments = value if isinstance(value, dict) else {}
            if isinstance(value, str) and value.strip():
                raise ValueError("an argument without a name, or one given twice")
            texts.append({key: _text(item) for key, item in arguments.items()})
            calls.append(text_arguments.typed_call(invoke[1].strip(), texts[-1], tools))
            position += len(_INVOKE_END)
        end = skip_space(text, position)
        if position > tag.end() and text.startswith(_CLOSE, end):
            return end + len(_CLOSE)
        if position > tag.end() and is_end(text, end):
            return len(text)
        raise ValueError(f"neither a call nor {_CLOSE}")

    return blocks.read(text, _MARKUP, read_block).with_texts(texts)


def _argument(key: str, value: Any) -> str:
    json = written(value)
    if isinstance(value, dict | list) and _NS in json:  # elements cannot hold their own tags
        value = json.replace("<", "\\u003c")
    return _element(key, value)


def _element(key: str, value: Any) -> str:
    if isinstance(value, dict) and value:
        inner = "".join(_element(name, item) for name, item in value.items())
    elif isinstance(value, list) and value:
        inner = "".join(_element("item", item) for item in value)
    else:
        inner = value if isinstance(value, str) else written(value)
    return f"{_NS}<{key}>{inner}{_NS}</{key}>"


def _content(text: str, start: int) -> tuple[Any, int]:
    """Return what stands between two tags, and where the closing one begins: a text, a list of
    items, or a dict of elements; texts in them are not read yet."""
    elements: list[tuple[str, Any]] = []
    position = start
    while True:
        if plain := _PLAIN.match(text, position):
            elements.append((plain[1], plain[2]))
            position = plain.end()
            continue
        tag = _TAG.search(text, position)
        if not tag:
            raise ValueError("a tag is never closed")
        between = text[position : tag.start()]
        if tag[1] and not elements:
            return between, tag.start()
        if between.strip():
            raise ValueError("text between two tags")
        if tag[1]:
            break
        value, end = _content(text, tag.end())
        closing = _TAG.match(text, end)
        if not closing or closing[2] != tag[2]:
            raise ValueError(f"<{tag[2]}> is never closed")
        elements.append((tag[2], value))
        position = closing.end()
    if all(name == "item" for name, _ in elements):
        return [value for _, value in elements], tag.start()
    entries = dict(elements)
    if len(entries) < len(elements):
        raise ValueError("an argument is given twice")
    return entries, tag.start()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else written(_read(value))


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_read(item) for item in value]
    # lists and objects are elements here, unless they are empty
    is_text = value.startswith(("{", "[")) and value not in ("{}", "[]")
    return value if is_text else text_arguments.read(value)
