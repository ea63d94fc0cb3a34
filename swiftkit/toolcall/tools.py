"""Tool definitions: read from any common shape, written in OpenAI's form with JSON Schema
parameters.

Written: {"type": "function", "function": {"name": "get_weather", "description": "...",
"parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}

Read: with or without the wrapper; parameters (or Anthropic's `input_schema`, MCP's `inputSchema`)
as JSON Schema with foreign type names (see type_names.py), as JSON text, or as xLAM's flat map of
parameters:

    {"city": {"description": "...", "type": "str"}, "days": {"type": "int, optional", "default": "3"}}

A parameter of a flat map may be left out if its type says "optional", if it has a default (xLAM's
own answers leave such ones out), or if it is marked "required": false. An empty default says
nothing. Nulls, which Parquet pads structs with, are left out.

Other keys of a function stay, such as the schema of what it gives back (`response` in BFCL,
`return` in transformers' get_json_schema): Qwen's chat template shows a function whole, gpt-oss's
shows name, description and parameters alone.
"""

import re
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.toolcall.type_names import ABSENT, Annotation, read_type, union

_PARAMETERS = ("parameters", "input_schema", "inputSchema")
# such as bash_20250124, whose schema the API keeps to itself
_OF_ANTHROPIC = re.compile(r"_20\d{6}$")
_RESULTS = ("response", "return", "returns")
_NOT_FOR_THE_MODEL = ("type", "cache_control", *_PARAMETERS[1:])
_TYPES = frozenset(("string", "integer", "object", "array", "number", "boolean", "null"))
_SCHEMAS = frozenset((
    "items", "prefixItems", "additionalProperties", "contains", "propertyNames",
    "anyOf", "oneOf", "allOf", "not", "if", "then", "else",
))  # fmt: skip
_NAMED_SCHEMAS = frozenset(("properties", "patternProperties", "$defs", "definitions"))
# What the schema of an object may hold at its top whose value is an object: not the names of
# parameters.
_OBJECT_KEYWORDS = _NAMED_SCHEMAS | {
    "additionalProperties", "unevaluatedProperties", "propertyNames", "dependentSchemas", "dependentRequired",
    "dependencies", "not", "if", "then", "else",
}  # fmt: skip
_KINDS: dict[str, tuple[type, ...]] = {
    "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,), "object": (dict,),
}  # fmt: skip

# What a schema in JSON text holds if something in it is replaced; some that hold it need no change.
_UNREADY = (b":null", b'"required":true', b'"required":false')
_TYPE = re.compile(rb'"type":"?(\w*)')
_READY_TYPES = frozenset(name.encode() for name in _TYPES)
_READY_KEYS = {"name", "description", "parameters", "strict"}


def tools_from(value: Any) -> list[dict[str, Any]]:
    """Tools in OpenAI's form, from a list, one tool, or JSON text of these; None and "" mean no
    tools.

    Raises DataError (bad_tools, duplicate_key).
    """
    decoded = _decoded(value) if isinstance(value, str) else value
    if decoded is None:
        return []
    tools = [decoded] if isinstance(decoded, dict) else decoded
    if not isinstance(tools, list):
        raise _bad("tools is not a list")
    return [tool_from(tool, index) for index, tool in enumerate(tools)]


def tool_names(tools: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(tool["function"]["name"] for tool in tools)


def json_schema(schema: Any) -> Any:
    """The schema with foreign type names replaced, at every depth; a *property* named `type` is
    left alone.

    A type that is no type of JSON's is moved into the description, a property's `required: true` to
    its object.
    """
    if isinstance(schema, list):  # anyOf and its like; `items` of the older drafts
        return [json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    foreign = ""
    for key, value in schema.items():
        if key == "type":
            foreign = _add_type(value, result)
        elif isinstance(value, str):
            result[key] = value
        elif value is not None or (key == "default" and _may_be_null(schema)):
            result[key] = _keyword(key, value)
    if foreign:
        result["description"] = f"{result.get('description', '')} (type: {foreign})".lstrip()
    if isinstance(result.get("required"), bool):
        del result["required"]
    if "properties" in result:
        _move_required(schema["properties"], result)
    return result


def _keyword(key: str, value: Any) -> Any:
    if key in _SCHEMAS:
        return json_schema(value)
    if key in _NAMED_SCHEMAS and isinstance(value, dict):
        return {name: json_schema(inner) for name, inner in value.items() if inner is not None}
    return value


def _may_be_null(schema: dict[str, Any]) -> bool:
    return "anyOf" in schema or "oneOf" in schema or isinstance(schema.get("type"), list)


def _add_type(value: Any, result: dict[str, Any]) -> str:
    """What the type says, as a schema; the part of it that is unread is given back."""
    if isinstance(value, str):
        if value in _TYPES:
            result["type"] = value
            return ""
        read = read_type(value)
    elif isinstance(value, list):
        read = _any_of(
            [
                read_type(each) if isinstance(each, str) else Annotation(unread=True)
                for each in value
            ]
        )
    else:  # no type at all, or null
        result |= {} if value is None else {"type": value}
        return ""
    for key, inner in read.schema.items():
        result.setdefault(key, inner)
    return str(value) if read.unread else ""


def _any_of(read: list[Annotation]) -> Annotation:
    unread = any(each.unread for each in read)
    return Annotation({} if unread else union([each.schema for each in read]) or {}, unread=unread)


def _move_required(properties: Any, result: dict[str, Any]) -> None:
    """A property that is marked required belongs to the list of its object."""
    given = result.get("required") or []
    if isinstance(properties, dict) and isinstance(given, list):
        objects = ((name, inner) for name, inner in properties.items() if isinstance(inner, dict))
        marked = [name for name, inner in objects if inner.get("required") is True]
        if added := [name for name in marked if name not in given]:
            result["required"] = [*given, *added]


def _is_flat(parameters: dict[str, Any]) -> bool:
    """Whether this maps parameters' names to what they are, and is no JSON Schema.

    Then each value is an object, and one of them stands where a schema has none, or its own values
    are no schemas where a schema has named schemas: in {"properties": {"type": "dict",
    "description": "..."}} a parameter is so called.
    """
    if isinstance(parameters.get("type"), str):
        return False
    given = {name: value for name, value in parameters.items() if value is not None}
    if isinstance(given.get("required"), list):
        del given["required"]
    if not all(isinstance(value, dict) for value in given.values()):
        return False
    named = [given[name] for name in _NAMED_SCHEMAS if name in given]
    if any(isinstance(inner, dict | bool) for value in named for inner in value.values() or [{}]):
        return False
    return bool(named) or any(name not in _OBJECT_KEYWORDS for name in given)


def _from_flat(parameters: dict[str, Any], listed: Any) -> dict[str, Any]:
    """The JSON Schema of a flat map. `listed` are the names that are required, if a list beside the
    map says so."""
    inside = parameters.get("required")
    listed = inside if isinstance(inside, list) else listed
    given = {name: value for name, value in parameters.items() if isinstance(value, dict)}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _property(value) for name, value in given.items()},
    }
    if isinstance(listed, list):
        required = [name for name in given if name in listed]
    else:
        required = [name for name, value in given.items() if _is_required(value)]
    return schema | ({"required": required} if required else {})


def _is_required(given: dict[str, Any]) -> bool:
    for mark in ("required", "optional"):
        if isinstance(given.get(mark), bool):
            return bool(given[mark]) == (mark == "required")
    kind = given.get("type")
    read = read_type(kind) if isinstance(kind, str) else Annotation()
    return not read.optional and read.default is ABSENT and given.get("default") in (None, "")


def _property(given: dict[str, Any]) -> dict[str, Any]:
    """The schema of one parameter of a flat map."""
    rest = {
        key: value
        for key, value in given.items()
        if key != "optional" or not isinstance(value, bool)
    }
    schema: dict[str, Any] = json_schema(rest)
    kind, default = given.get("type"), schema.get("default")
    if default is None and isinstance(kind, str) and read_type(kind).default is not ABSENT:
        default = read_type(kind).default
    default = _as_declared(default, schema.get("type"))
    if default == "" and schema.get("type", "string") != "string":
        schema.pop("default", None)
    elif default is not None:
        schema["default"] = default
    return schema


def _as_declared(default: Any, kind: Any) -> Any:
    """A default that is written as text, as the value of the parameter's type, if it is one."""
    expected = _KINDS.get(kind) if isinstance(kind, str) else None
    if expected is None or not isinstance(default, str):
        return default
    try:
        value = msgspec.json.decode(default.lower() if kind == "boolean" else default)
    except (ValueError, RecursionError):
        return default
    return (
        value
        if isinstance(value, expected) and isinstance(value, bool) == (kind == "boolean")
        else default
    )


def tool_from(tool: Any, index: int) -> dict[str, Any]:
    """One tool in OpenAI's form; `index` is its place, for the message of the DataError
    (bad_tools)."""
    if _is_ready(tool):
        return tool  # type: ignore[no-any-return]
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if (
        not isinstance(function, dict)
        or not isinstance(function.get("name"), str)
        or not function["name"]
    ):
        raise _bad(f"tools[{index}] is not an object with a name")
    parameters = _parameters(function)
    rest = {
        key: value
        for key, value in function.items()
        if key not in _NOT_FOR_THE_MODEL and value is not None
    }
    rest |= {key: json_schema(rest[key]) for key in _RESULTS if isinstance(rest.get(key), dict)}
    if parameters and _is_flat(parameters):
        schema = _from_flat(parameters, rest.pop("required", None))
    else:
        schema = json_schema(parameters) or {"type": "object", "properties": {}}
    return {"type": "function", "function": {**rest, "parameters": schema}}


def _is_ready(tool: Any) -> bool:
    """Whether a tool is surely written already as it would be: most are, and this is seen in a
    third of the time."""
    function = (
        tool.get("function")
        if isinstance(tool, dict) and list(tool) == ["type", "function"]
        else None
    )
    if (
        not isinstance(function, dict)
        or tool["type"] != "function"
        or function.keys() - _READY_KEYS
    ):
        return False
    name, parameters = function.get("name"), function.get("parameters")
    if not name or not isinstance(name, str) or None in function.values():
        return False
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        return False
    text = _encoded(parameters)
    return not any(mark in text for mark in _UNREADY) and _READY_TYPES.issuperset(
        _TYPE.findall(text)
    )


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError):
        return _UNREADY[0]


def _parameters(function: dict[str, Any]) -> dict[str, Any] | None:
    given = next((function[key] for key in _PARAMETERS if function.get(key)), None)
    if given is None and _OF_ANTHROPIC.search(str(function.get("type"))):
        raise _bad(
            f"the parameters of {function['name']} are known to Anthropic alone",
            "give its input_schema",
        )
    parameters = _decoded(given) if isinstance(given, str) else given
    if not isinstance(parameters, dict | None):
        raise _bad(f"the parameters of {function['name']} are not a JSON Schema object")
    return parameters


def _decoded(text: str) -> Any:
    try:
        return decode_distinct(text, "tools") if text.strip() else None
    except (ValueError, RecursionError) as error:
        raise _bad(f"tools is not valid JSON: {error}") from error


def _bad(message: str, fix: str = "give a list of OpenAI tool definitions") -> DataError:
    return DataError(message, "bad_tools", fix)
