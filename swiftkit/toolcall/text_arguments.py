"""Arguments that stand in the text without their types, as Qwen3-Coder and GLM-4.5 write them: 5 is
"5" or 5.

With the tool's schema a text stays a text where the parameter is one, and is else read as what the
schema allows. Without it, a number, an object, a list, true, false and null (also True, False and
None, as Python writes them) are read as such, and all else is text as it stands. Parsed.texts keeps
every value as it stood, for whoever knows more.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from swiftkit.errors import DataError
from swiftkit.json_text import raw_decode, written
from swiftkit.toolcall import python_literal as literal
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import _blocks as blocks

# as in an OpenAI request: {"type": "function", "function": {...}}, or the inside
Tools = Sequence[Mapping[str, Any]]
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?", re.ASCII)
_STANDARD = {"object", "array", "string", "boolean", "integer", "number", "null"}
_TYPES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
}


class Written(NamedTuple):
    """A call as it stands in the text, whose position behind it is `end`."""

    name: str
    texts: dict[str, str]
    end: int


def parse(
    text: str,
    tags: re.Pattern[str],
    read_call: Callable[[str, re.Match[str]], Written],
    tools: Tools,
) -> Parsed:
    """The calls of an answer whose markup `tags` finds, a call a block. Never raises."""
    texts: list[dict[str, str]] = []

    def block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
        found = read_call(text, tag)
        schemas = parameters_of(tools, found.name)
        del texts[len(calls) :]  # those of calls that turned out to be reasoning
        texts.append(found.texts)
        calls.append(
            ToolCall(
                found.name,
                {key: read(value, schemas.get(key)) for key, value in found.texts.items()},
            )
        )
        return found.end

    parsed = blocks.read(text, tags, block)
    return Parsed(parsed.calls, parsed.content, parsed.malformed, "", texts[: len(parsed.calls)])


def reader(parse: Callable[[str], Parsed], tools: Tools) -> Callable[[str], Parsed]:
    """What reads an answer by the tools' schemas, where its wire format writes values without
    types."""
    return lambda text: _retyped(parse(text), tools)


def _retyped(parsed: Parsed, tools: Tools) -> Parsed:
    """The same, its values read again now that the tools are known. Never raises."""
    if not parsed.texts:
        return parsed
    calls = []
    for call, texts in zip(parsed.calls, parsed.texts, strict=True):
        schemas = parameters_of(tools, call.name)
        calls.append(
            ToolCall(call.name, {key: read(text, schemas.get(key)) for key, text in texts.items()})
        )
    return Parsed(calls, parsed.content, parsed.malformed, parsed.reasoning)


def parameters_of(tools: Tools, name: str) -> Mapping[str, Any]:
    """The schemas of a tool's parameters, by their names; none if the tool is unknown. Never
    raises."""
    for tool in tools:
        function = tool.get("function", tool)
        if isinstance(function, Mapping) and function.get("name") == name:
            schema = function.get("parameters")
            properties = schema.get("properties") if isinstance(schema, Mapping) else None
            return properties if isinstance(properties, Mapping) else {}
    return {}


def read(text: str, schema: Any = None) -> Any:
    """The value that a text stands for, where its schema is this. Never raises."""
    types = _types(schema)
    if types == {"string"}:
        return text
    value = _value(text)
    return value if not types or _fits(value, types) else text


def write(value: Any, schema: Any, tags: re.Pattern[str], where: str) -> str:
    """The text of a value, in which none of the format's tags stands.

    Text as it is, all else as JSON. Raises DataError (bad_call) for what would be read back as
    something else.
    """
    text = value if isinstance(value, str) else written(value)
    if tags.search(text) and not isinstance(value, str):
        text = text.replace("<", "\\u003c")
    if tags.search(text):
        raise DataError(
            f"{where} cannot be written: the text holds the format's tags",
            "bad_call",
            "take them out",
        )
    back = read(text, schema)
    if type(back) is not type(value) or written(back) != written(value):
        fix = (
            "give the tools, whose schema says that it is a string"
            if isinstance(value, str)
            else "mend the schema"
        )
        raise DataError(
            f"{where} would be read back as {type(back).__name__}: {text[:60]!r}", "bad_call", fix
        )
    return text


def _value(text: str) -> Any:
    bare = text.strip()
    if bare in _WORDS:
        return _WORDS[bare]
    try:
        if _NUMBER.fullmatch(bare):
            return raw_decode(bare, 0)[0]
        return _structure(bare) if bare.startswith(("{", "[")) else text
    except (ValueError, RecursionError):  # among them numbers out of range
        return text


def _structure(bare: str) -> Any:
    try:
        value, end = raw_decode(bare, 0)
    except (ValueError, RecursionError):
        return literal.read(bare, literal.LONGEST)
    if end < len(bare):
        raise ValueError("text after the JSON")
    return value


def _types(schema: Any) -> set[str]:
    """The JSON types that a schema allows; none where it does not say."""
    if not isinstance(schema, Mapping):
        return set()
    for key in ("anyOf", "oneOf"):
        if isinstance(options := schema.get(key), list):
            each = [_types(option) for option in options]
            return set().union(*each) if all(each) else set()
    if isinstance(values := schema.get("enum"), list):
        return {_TYPES.get(type(value), "null") for value in values}
    given = schema.get("type")
    names = given if isinstance(given, list) else [given]
    known = {name for name in names if isinstance(name, str) and name in _STANDARD}
    return known if len(known) == len(names) else set()


def _fits(value: Any, types: set[str]) -> bool:
    name = _TYPES.get(type(value), "null")
    return (
        name in types
        or (name == "integer" and "number" in types)
        or (name == "number" and "integer" in types)
    )
