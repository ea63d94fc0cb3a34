r"""Tool definitions as openai-harmony 0.0.8, OpenAI's own renderer, writes them.

    namespace functions {

    // Get the weather.
    type get_weather = (_: {
    // The city.
    city: string,
    unit?: "celsius" | "fahrenheit", // default: celsius
    }) => any;

    } // namespace functions

What the published chat template writes otherwise (tool_namespace.py): nested objects, oneOf, arrays
without items, defaults, titles and examples, and a function without properties; docs/harmony.md has
the table. Keywords that neither knows ($ref, anyOf, const) are `any` in both.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_SIMPLE = {"number": "number", "integer": "number", "boolean": "boolean"}
_LEAST_INTEGER, _MOST_INTEGER = -(2**63), 2**64 - 1  # larger ones are read as floats


def namespace(tools: list[dict[str, Any]]) -> str:
    """Return the namespace `functions` of these tools. Each is {"type": "function", "function":
    {...}}, or the inner object."""
    types = "".join(_tool(tool.get("function") or tool) for tool in tools)
    return f"## functions\n\nnamespace functions {{\n\n{types}}} // namespace functions"


def _tool(function: dict[str, Any]) -> str:
    lines = (function.get("description") or "").split("\n")
    if not lines[-1]:
        lines.pop()
    comment = ""
    for number, line in enumerate(lines, 1):
        comment += f"// {line.removesuffix(chr(13)) if number < len(lines) else line}\n"
    parameters = function.get("parameters")
    argument = "" if parameters is None else f"_: {_type(parameters, '')}"
    return f"{comment}type {function['name']} = ({argument}) => any;\n\n"


def _type(schema: Any, indent: str) -> str:
    spec = _mapping(schema)
    kind = spec.get("type")
    if isinstance(spec.get("oneOf"), list):
        lines = ""
        for variant in spec["oneOf"]:
            comments = [*_texts(variant, "description"), *_variant_default(variant, is_bare=False)]
            lines += f"\n{indent} | {_variant(variant, indent)}{_trailing(comments)}"
        return lines
    if isinstance(kind, list):
        names = [name for name in kind if isinstance(name, str)]
        return " | ".join("number" if name == "integer" else name for name in names) or "any"
    if kind == "object":
        return _object(spec, indent)
    if kind == "array":
        return f"{_type(spec['items'], indent)}[]" if "items" in spec else "Array<any>"
    if kind == "string":
        choices = [choice for choice in _list(spec.get("enum")) if isinstance(choice, str)]
        return " | ".join(f'"{choice}"' for choice in choices) or "string"
    return _SIMPLE.get(kind, "any") if isinstance(kind, str) else "any"


def _object(spec: Mapping[str, Any], indent: str) -> str:
    """Return an object's fields, each on a line, their comments before them."""
    text = _comments(_texts(spec, "description"), indent) + "{\n"
    required = _list(spec.get("required"))
    for name, schema in _mapping(spec.get("properties")).items():
        value = _mapping(schema)
        field = f"{indent}{name}{'' if name in required else '?'}:"
        for title in _texts(value, "title"):
            text += f"{indent}// {title}\n{indent}//\n"
        if "oneOf" not in value:
            text += _comments(_texts(value, "description"), indent)
        if examples := _list(value.get("examples")):
            quoted = [f'- "{example}"' for example in examples if isinstance(example, str)]
            text += _comments(["Examples:", *quoted], indent)
        if isinstance(value.get("oneOf"), list):
            text += _one_of(value, field, indent)
            continue
        default = _default(value) if "oneOf" not in value else []
        inner = _nullable(value, _type(value, f"{indent}    "))
        text += f"{field} {inner},{_trailing(default)}\n"
    return f"{text}{indent}}}"


def _one_of(value: Mapping[str, Any], field: str, indent: str) -> str:
    """Return a field of several types, each on a line; a description is not written twice."""
    variants = value["oneOf"]
    own = _texts(value, "description")
    is_above = bool(own) and own != _texts(variants[0] if variants else {}, "description")
    above = [*(own if is_above else []), *_default(value)]
    text = f"{_comments(above, indent)}{field}\n"
    for number, variant in enumerate(variants):
        comments = _texts(variant, "description")
        if comments == own or (number == 0 and is_above):
            comments = []
        comments = [*comments, *_variant_default(variant, is_bare=True)]
        text += f"{indent} | {_variant(variant, indent)}{_trailing(comments)}\n"
    return f"{text}{indent},\n"


def _variant(variant: Any, indent: str) -> str:
    return _nullable(variant, _type(variant, f"{indent}   "))


def _nullable(schema: Any, written: str) -> str:
    is_nullable = _mapping(schema).get("nullable") is True and "null" not in written
    return f"{written} | null" if is_nullable else written


def _default(spec: Mapping[str, Any]) -> list[str]:
    """Return the comment on a default: a text in quotes, one of an enum bare."""
    if "default" not in spec:
        return []
    default = spec["default"]
    if not isinstance(default, str):
        return [f"default: {_json(default)}"]
    return [f"default: {default}" if _list(spec.get("enum")) else f'default: "{default}"']


def _variant_default(variant: Any, *, is_bare: bool) -> list[str]:
    """Return the same for a variant; outside a field even that of an enum is in quotes."""
    spec = _mapping(variant)
    default = spec.get("default")
    if not is_bare and isinstance(default, str) and _list(spec.get("enum")):
        return [f"default: {_json(default)}"]
    return _default(spec)


def _comments(lines: list[str], indent: str) -> str:
    return "".join(f"{indent}// {line}\n" for line in lines)


def _trailing(comments: list[str]) -> str:
    return f" // {' '.join(comments)}" if comments else ""


def _texts(spec: Any, key: str) -> list[str]:
    """Return the text under a key, as a list of one; [] where there is none."""
    text = _mapping(spec).get(key)
    return [text] if isinstance(text, str) else []


def _json(value: Any) -> str:
    """Return compact JSON, with numbers as serde_json prints them."""
    if isinstance(value, Mapping):
        items = [f"{_json(key)}:{_json(item)}" for key, item in value.items()]
        return f"{{{','.join(items)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    is_large = type(value) is int and not _LEAST_INTEGER <= value <= _MOST_INTEGER
    number = float(value) if is_large else value
    if not isinstance(number, float):
        return json.dumps(number, ensure_ascii=False)
    digits, exponent, power = repr(number).partition("e")
    if power == "-05":  # Python writes 1e-05, serde_json 0.00001
        return format(Decimal(repr(number)), "f")
    return f"{digits}e{int(power)}" if exponent else digits


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
