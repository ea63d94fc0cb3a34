r"""Tool definitions as gpt-oss reads them, in the developer message: a namespace of TypeScript-like
types.

    namespace functions {

    // Get the weather.
    type get_weather = (_: {
    // The city.
    city: string,
    unit?: "celsius" | "fahrenheit", // default: celsius
    }) => any;

    } // namespace functions

Equal to the character to what the chat template published with gpt-oss-20b and gpt-oss-120b writes,
its oddities included (a line break and 16 spaces before the type of a nested property, no comma
after a default beside oneOf). OpenAI's own renderer writes some of this otherwise
(openai_namespace.py); which of the two the model was trained with, nobody has published. Where the
template fails (a tool without a description, an enum's default that is no text), the nearest
readable form is written instead.
"""

import json
from collections.abc import Mapping
from typing import Any

_SIMPLE = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean"}
_LONGEST_ITEM = 50  # the template writes `any[]` for an array whose item type is longer


def namespace(tools: list[dict[str, Any]]) -> str:
    """Return the namespace `functions` of these tools. Each is {"type": "function", "function":
    {...}}, or the inner object."""
    types = "".join(_tool(tool.get("function") or tool) for tool in tools)
    return f"## functions\n\nnamespace functions {{\n\n{types}}} // namespace functions"


def to_json(value: Any) -> str:
    """Return JSON as the template's `tojson` writes it: all characters as they are."""
    return json.dumps(value, ensure_ascii=False)


def _tool(function: dict[str, Any]) -> str:
    comment = f"// {function['description']}\n" if function.get("description") is not None else ""
    parameters = _mapping(function.get("parameters"))
    properties = _mapping(parameters.get("properties"))
    if not properties:
        return f"{comment}type {function['name']} = () => any;\n\n"
    required = parameters.get("required") or []
    lines = ""
    for name, value in properties.items():
        spec = _mapping(value)
        if spec.get("description"):
            lines += f"// {spec['description']}\n"
        lines += f"{name}{'' if name in required else '?'}: {_type(spec)}{_default(spec)},\n"
    return f"{comment}type {function['name']} = (_: {{\n{lines}}}) => any;\n\n"


def _default(spec: Mapping[str, Any]) -> str:
    if "default" not in spec:
        return ""
    default = spec["default"]
    is_bare = isinstance(default, str) and (spec.get("enum") or spec.get("oneOf"))
    comment = f"// default: {default if is_bare else to_json(default)}"
    return comment if spec.get("oneOf") and not spec.get("enum") else f", {comment}"


def _type(spec: Mapping[str, Any]) -> str:
    kind = spec.get("type")
    if kind == "array":
        return _array(spec)
    if isinstance(kind, list) and kind:
        return " | ".join(map(str, kind))
    if spec.get("oneOf"):
        # The template means to write `any` where one is an object, but a Jinja loop cannot set a
        # variable outside it.
        variants = [_mapping(variant) for variant in spec["oneOf"]]
        return " | \n".join(_type(variant) + _variant_comment(variant) for variant in variants)
    if kind == "string" and spec.get("enum"):
        return '"' + '" | "'.join(map(str, spec["enum"])) + '"'
    if kind == "string":
        return f"string{_null(spec)}"
    if kind == "object":
        return _object(spec)
    return _SIMPLE.get(kind, "any") if isinstance(kind, str) else "any"


def _array(spec: Mapping[str, Any]) -> str:
    items = _mapping(spec.get("items"))
    kind = items.get("type")
    # Simple items are written without their enum.
    inner = _SIMPLE[kind] if isinstance(kind, str) and kind in _SIMPLE else _type(items)
    if inner == "object | object" or len(inner) > _LONGEST_ITEM:
        inner = "any"
    return f"{inner}[]{_null(spec)}"


def _variant_comment(spec: Mapping[str, Any]) -> str:
    comment = f"// {spec['description']}" if spec.get("description") else ""
    if "default" in spec:
        comment += f"{' ' * 20}// default: {to_json(spec['default'])}"
    return comment


def _object(spec: Mapping[str, Any]) -> str:
    properties = _mapping(spec.get("properties"))
    if not properties:
        return "object"
    required = spec.get("required") or []
    fields = []
    for name, value in properties.items():
        optional = "" if name in required else "?"
        fields.append(f"{name}{optional}: \n{' ' * 16}{_type(_mapping(value))}")
    return f"{{\n{', '.join(fields)}}}"


def _null(spec: Mapping[str, Any]) -> str:
    return " | null" if spec.get("nullable") else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
