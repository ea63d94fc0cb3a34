"""Values of arguments that stand in a text without their types: 5 is "5" or 5.

Qwen3-Coder and GLM-4.5 write arguments so. A number, an object, a list, true, false and null (also
True, False and None, as Python writes them) are read as such, and all else is text as it stands.

With the tool's schema the first of these counts: the value, if the schema lists it (`enum`,
`const`); the text, if the schema lists that; the value, if its type is allowed; the text. So a
union of text and something else prefers the something else, as vLLM's parsers do (null, integer,
number, boolean, object, array, and last string). References and unions (`anyOf`, `oneOf`, `allOf`)
are looked into.

Parsed.texts keeps every value as it stood, for whoever knows more.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import raw_decode, written
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.schema_reference import without_references

# as in an OpenAI request: {"type": "function", "function": {...}}, or the inside
Tools = Sequence[Mapping[str, Any]]
WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
NUMBER = re.compile(r"-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?", re.ASCII)
_JSON_TYPES = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number",
    type(None): "null",
}  # fmt: skip
_TYPE_NAMES = frozenset(_JSON_TYPES.values())
_NUMBERS = ("integer", "number")
_CHOICES = ("anyOf", "oneOf", "allOf", "enum", "const", "nullable")
_DEFINITIONS = ("$defs", "definitions")
_MAPPINGS = (dict, Mapping)  # to ask whether it is the second takes long
# most texts are a word, which begins as no number, structure, true, false or null does, or digits
_PLAIN = re.compile(r"([^\W\dtTfFnN])|(?:0|[1-9][0-9]{0,14})\Z")
_UNIONS = {"anyOf": any, "oneOf": any, "allOf": all}


def retyped(parsed: Parsed, tools: Tools) -> Parsed:
    """Read the values of an answer that was read without its tools again, now that they are known.
    Never raises. An answer whose wire format writes the types stays as it is."""
    if not parsed.texts:
        return parsed
    calls = []
    for call, texts in zip(parsed.calls, parsed.texts, strict=True):
        schemas = parameters_of(tools, call.name)
        arguments = {}
        for key, text in texts.items():
            value = call.arguments[key]
            # what looks like text is text by any schema
            is_text = isinstance(value, str)
            arguments[key] = value if is_text else _fitting(text, value, schemas.get(key))
        calls.append(ToolCall(call.name, arguments))
    return Parsed(calls, parsed.content, parsed.malformed, parsed.reasoning)


def typed_call(name: str, texts: Mapping[str, str], tools: Tools) -> ToolCall:
    """Return the call with these arguments, read by the tool's schema. Never raises."""
    schemas = parameters_of(tools, name) if tools else {}
    arguments = {}
    for key, text in texts.items():
        value = _value(text)
        if value is not text:
            value = _fitting(text, value, schemas.get(key))
        arguments[key] = value
    return ToolCall(name, arguments)


def parameters_of(tools: Tools, name: str) -> Mapping[str, Any]:
    """Return the schemas of a tool's parameters by name, without references; none if the tool is
    unknown. Never raises."""
    for tool in tools:
        function = tool.get("function", tool)
        if isinstance(function, _MAPPINGS) and function.get("name") == name:
            schema = function.get("parameters")
            if not isinstance(schema, _MAPPINGS):
                return {}
            properties = schema.get("properties")
            if not isinstance(properties, _MAPPINGS):
                return {}
            if schema.keys().isdisjoint(_DEFINITIONS):
                return properties
            return {key: without_references(inner, schema) for key, inner in properties.items()}
    return {}


def read(text: str, schema: Any = None) -> Any:
    """Return the value that a text stands for, where its schema is this. Never raises."""
    value = _value(text)
    return value if value is text else _fitting(text, value, schema)


def write(value: Any, schema: Any, tags: re.Pattern[str], where: str) -> str:
    """Return the text of a value, in which none of the format's tags stands.

    Text as it is, all else as JSON. Raises DataError (bad_call) for what would be read back as
    something else.
    """
    text = value if isinstance(value, str) else written(value)
    if tags.search(text) and not isinstance(value, str):
        text = text.replace("<", "\\u003c")
    if tags.search(text):
        reason = f"{where} cannot be written: the text holds the format's tags"
        raise DataError(reason, "bad_call", "take them out")
    back = read(text, schema)
    if type(back) is not type(value) or written(back) != written(value):
        fix = "mend the schema"
        if isinstance(value, str):
            fix = "give the tools, whose schema says that it is a string"
        reason = f"{where} would be read back as {type(back).__name__}: {text[:60]!r}"
        raise DataError(reason, "bad_call", fix)
    return text


def _value(text: str) -> Any:
    """Return the value that a text looks like; the text itself where it is none."""
    if plain := _PLAIN.match(text):
        return text if plain[1] else int(text)
    bare = text.strip()
    if bare in WORDS:
        return WORDS[bare]
    is_structure = bare.startswith(("{", "["))
    if not is_structure and not NUMBER.fullmatch(bare):
        return text
    try:
        value, end = raw_decode(bare, 0)
        return value if end == len(bare) else text
    except (ValueError, RecursionError):
        if not is_structure:  # a number out of range
            return text
    try:
        return python_literal.read(bare, python_literal.LONGEST)
    except (ValueError, RecursionError):
        return text


def _fitting(text: str, value: Any, schema: Any) -> Any:
    """Return the value that a text looks like, or the text where the schema has no such value."""
    if not isinstance(schema, _MAPPINGS):
        return value
    declared = schema.get("type")
    if type(declared) is str and declared in _TYPE_NAMES and schema.keys().isdisjoint(_CHOICES):
        return value if _is_named(value, {declared}) else text
    if _lists(schema, value):
        return value
    return text if _lists(schema, text) or not _allows(schema, value) else value


def _lists(schema: Any, value: Any) -> bool:
    """Tell if a value is one of those that a schema lists."""
    if not isinstance(schema, _MAPPINGS):
        return False
    for other in _listed(schema) or ():
        if value == other and _is_alike(value, other):
            return True
    for key in _UNIONS:
        members = schema.get(key)
        if isinstance(members, list) and any(_lists(member, value) for member in members):
            return True
    return False


def _allows(schema: Any, value: Any) -> bool:
    """Tell if a schema allows values of this type."""
    if not isinstance(schema, _MAPPINGS) or (value is None and schema.get("nullable") is True):
        return True
    names = _type_names(schema)
    values = _listed(schema)
    if values is not None:
        if not any(_is_alike(value, other) for other in values):
            return False
    elif names and not _is_named(value, names):
        return False
    for key, holds in _UNIONS.items():
        members = schema.get(key)
        if not isinstance(members, list) or not members:
            continue
        if not holds([_allows(member, value) for member in members]):
            return False
    return True


def _listed(schema: Mapping[str, Any]) -> list[Any] | None:
    """Return the values that a schema lists itself; None where it lists none."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return values if isinstance(values, list) else None


def _is_named(value: Any, names: set[str]) -> bool:
    """Tell if a value is of one of these types; 5 and 5.0 are integers and numbers alike."""
    name = _JSON_TYPES[type(value)]
    return name in names or (name in _NUMBERS and not names.isdisjoint(_NUMBERS))


def _is_alike(value: Any, other: Any) -> bool:
    return type(other) in _JSON_TYPES and _is_named(value, {_JSON_TYPES[type(other)]})


def _type_names(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types that a schema names; none where it names others, or none."""
    declared = schema.get("type")
    names = declared if isinstance(declared, list) else [declared]
    if all(isinstance(name, str) and name in _TYPE_NAMES for name in names):
        return set(names)
    return set()
