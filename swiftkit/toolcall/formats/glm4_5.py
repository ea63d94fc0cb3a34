"""The XML of GLM-4.5 and GLM-4.6.

    <tool_call>get_weather
    <arg_key>city</arg_key>
    <arg_value>北京</arg_value>
    </tool_call>
    <tool_call>now
    </tool_call><|observation|>

<|observation|> is the token at which the model stops, and a server may leave it out. Values have no
types (text_arguments.py): with `tools` a string stays a string; without, "5" would come back as 5,
so `render` refuses it. A string can hold these tags, as text, where they do not stand as markup
would: they are read, not written; in lists and objects `<` becomes \\u003c then.

Written by: GLM-4.5, 4.6.
Read too: fewer line breaks, as GLM-4.7, GLM-5, Ling 3 and Spark X2.5 write; Xing 4's `param_key`;
without the last `</arg_value>`, where no tag stands in the value.
Limits: untyped; one-line names; no tag inside a string.
Engines: vLLM and SGLang `glm45`, `glm47`, `ling3`.

Source: the chat template of GLM-4.5; rendered as ms-swift's GLM4_5AgentTemplate does; vLLM's
parser/glm47_moe.py, SGLang's glm4_moe_detector.py and glm47_moe_detector.py.
"""

import re

from swiftkit.errors import DataError
from swiftkit.toolcall import text_arguments
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import blocks, tagged_arguments
from swiftkit.toolcall.text_arguments import Tools
from swiftkit.toolcall.wire_format import Signs

OPEN, CLOSE, OBSERVATION = "<tool_call>", "</tool_call>", "<|observation|>"
# A bare name on its line, or one before a key; any name, if the text ends with the end token.
_NAME_AND_TAG = rf"[ \t]*+[^\W\d][\w.\-]*+\s*+</tool_call>|\s*+{blocks.NAME}\s*+<(?:arg|param)_key>"
SIGNS = Signs(
    opening={OPEN: _NAME_AND_TAG},
    ending=OBSERVATION,
    marks=(CLOSE, "<arg_", "</arg_", "<param_", "</param_", OBSERVATION),
    call_ends=(CLOSE,),
)
_TAGS = re.compile(r"</?(?:tool_call|(?:arg|param)_(?:key|value))>")
_MARKUP = re.compile(f"{_TAGS.pattern}|{ANY_TAG}")
_HEAD = re.compile(rf"\s*+({blocks.NAME})\s*+(?=<(?:arg|param)_key>|</tool_call>)")
# No lookahead in what is possessive: Python 3.11.2 fails there.
_KEY_TEXT = r"[^<]*+(?:<(?!/?(?:tool_call|(?:arg|param)_(?:key|value))>)[^<]*+)*"
_KEY = re.compile(
    rf"\s*+<(?:arg|param)_key>({_KEY_TEXT})</(?:arg|param)_key>\s*+<(?:arg|param)_value>"
)
# markup, not text: only what can follow a value follows
_VALUE_END = re.compile(r"</(?:arg|param)_value>(?=\s*+(?:<(?:arg|param)_key>|</tool_call>))")
_VALUE_WITHOUT_END = re.compile(
    rf"{_VALUE_END.pattern}|(?=</tool_call>\s*+(?:<tool_call>|<\|observation\|>|\Z))"
)
# most values hold no tag: then one search finds the whole argument
_PLAIN = re.compile(
    r"\s*+<(?:arg|param)_key>([^<]*+)</(?:arg|param)_key>\s*+<(?:arg|param)_value>([^<]*+)"
    + _VALUE_END.pattern
)
_END = re.compile(r"\s*+</tool_call>")


def render(calls: list[ToolCall], tools: Tools = ()) -> str:
    """Write the calls byte for byte as ms-swift trains on them, but for the cases above."""
    lines: list[str] = []
    for call in calls:
        blocks.check_name(call.name, "GLM-4.5")
        schemas = text_arguments.parameters_of(tools, call.name)
        lines.append(f"{OPEN}{call.name}")
        for key, value in call.arguments.items():
            if _TAGS.search(key):
                reason = f"GLM-4.5 cannot carry the parameter {key!r}"
                raise DataError(reason, "bad_call", "take the tags out of its name")
            text = text_arguments.write(value, schemas.get(key), _TAGS, f"{call.name}: {key}")
            lines += [f"<arg_key>{key}</arg_key>", f"<arg_value>{text}</arg_value>"]
        lines.append(CLOSE)
    return "\n".join(lines) + OBSERVATION if calls else ""


def parse(text: str, tools: Tools = ()) -> Parsed:
    """Read an answer. Malformed too: an argument given twice."""
    parsed = tagged_arguments.read(text, _MARKUP, _read_call, tools)
    if not parsed.content.endswith(OBSERVATION):
        return parsed
    content = parsed.content.removesuffix(OBSERVATION).rstrip()
    return Parsed(parsed.calls, content, parsed.malformed, parsed.reasoning, parsed.texts)


def _read_call(text: str, tag: re.Match[str]) -> tuple[str, dict[str, str], int]:
    if tag[0] != OPEN:
        raise ValueError(f"{tag[0]} without {OPEN}")
    head = _HEAD.match(text, tag.end())
    name = head[1].strip() if head else ""
    if not head or not name:
        raise ValueError(f"{OPEN} without a name")
    texts: dict[str, str] = {}
    position = head.end()
    while True:
        if plain := _PLAIN.match(text, position):
            key, value = plain.groups()
            position = plain.end()
        elif key_tag := _KEY.match(text, position):
            key = key_tag[1]
            value, position = _read_value(text, key_tag.end(), key)
        else:
            break
        if key in texts:
            raise ValueError(f"the argument {key!r} is given twice")
        texts[key] = value
    if not (end := _END.match(text, position)):
        raise ValueError(f"{OPEN} is never closed")
    return name, texts, end.end()


def _read_value(text: str, start: int, key: str) -> tuple[str, int]:
    """Return the value that begins here, and the position behind it."""
    end = _VALUE_WITHOUT_END.search(text, start)
    if end and not end[0] and _TAGS.search(text, start, end.start()):
        end = _VALUE_END.search(text, start)
    if not end:
        raise ValueError(f"the value of {key!r} is never closed")
    value = text[start : end.start()]
    return value if end[0] else value.removesuffix("\n"), end.end()
