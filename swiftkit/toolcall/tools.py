"""Tool definitions: read from any common shape, written in OpenAI's form with JSON Schema
parameters.

Written: {"type": "function", "function": {"name": "get_weather", "description": "...",
"parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}

Read: with or without the wrapper; parameters (or Anthropic's `input_schema`, MCP's `inputSchema`)
as JSON Schema with foreign type names (see type_names.py), as JSON text, or as xLAM's flat map of
parameters:

    {"city": {"description": "...", "type": "str"},
     "days": {"type": "int, optional", "default": "3"}}

A parameter of a flat map may be left out if its type says "optional", if it has a default (xLAM's
own answers leave such ones out), or if it is marked "required": false. An empty default says
nothing. Nulls, which Parquet pads structs with, are left out.

Other keys of a function stay, such as the schema of its result (`response` in BFCL,
`return` in transformers' get_json_schema): Qwen's chat template shows a function whole, gpt-oss's
shows name, description and parameters alone.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.json_text import decode, decode_or_none
from swiftkit.toolcall.type_names import ABSENT, TypeAnnotation, read_type, union

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
# Keywords at the top of an object's schema whose value is an object; any other such key is the name
# of a parameter.
_OBJECT_KEYWORDS = _NAMED_SCHEMAS | {
    "additionalProperties", "unevaluatedProperties", "propertyNames", "dependentSchemas",
    "dependentRequired", "dependencies", "not", "if", "then", "else",
}  # fmt: skip
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,),
    "object": (dict,),
}  # fmt: skip

# A schema whose JSON text holds one of these may have to be changed.
_UNREADY = (b":null", b'"required":true', b'"required":false')
_TYPE = re.compile(rb'"type":"?(\w*)')
_READY_TYPES = frozenset(name.encode() for name in _TYPES)
_READY_KEYS = {"name", "description", "parameters", "strict"}
_FIX = "give a list of OpenAI tool definitions"


def tools_from(value: Any) -> list[dict[str, Any]]:
    """Return tools in OpenAI's form, from a list of them or of their JSON texts, one tool, or JSON
    text of these; None and "" mean no tools. Raises DataError (bad_tools, duplicate_key)."""
    decoded = _decoded(value) if isinstance(value, str) else value
    if decoded is None:
        return []
    tools = [decoded] if isinstance(decoded, dict) else decoded
    if not isinstance(tools, list):
        raise DataError("tools is not a list", "bad_tools", _FIX)
    made = []
    for index, tool in enumerate(tools):
        made.append(tool_from(_decoded(tool) if isinstance(tool, str) else tool, index))
    return made


@lru_cache(maxsize=64)  # few: what is kept costs the garbage collector time
def tools_in(text: str) -> list[dict[str, Any]]:
    """Return tools_from of JSON text; shared, so do not change it. Raises DataError."""
    return tools_from(text)


def are_tools(value: Any) -> bool:
    """Tell whether a value looks like a list of tool definitions, whatever it is called.

    Each stands under `function`, or has a name and parameters; those of a call are no JSON Schema.
    """
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(map(_looks_like_tool, items))


def are_surely_tools(value: Any) -> bool:
    """Tell whether a value can only be tool definitions.

    A name, a description and parameters may be a product's, so those of one of them are a JSON
    Schema or a flat map, or it has OpenAI's form.
    """
    items = value if isinstance(value, list) else [value]
    return are_tools(value) and any(map(_has_form_of_tool, items))


def _has_form_of_tool(value: Any) -> bool:
    tool = decode_or_none(value) if isinstance(value, str) else value
    if not isinstance(tool, dict):
        return False
    if "function" in tool:
        return True
    for key in _PARAMETERS:
        schema = tool.get(key)
        if isinstance(schema, dict) and ("properties" in schema or "type" in schema):
            return True
        if isinstance(schema, dict) and all(isinstance(item, dict) for item in schema.values()):
            return True
    return False


def _looks_like_tool(value: Any) -> bool:
    tool = decode_or_none(value) if isinstance(value, str) else value
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return False
    if "arguments" in function:
        return False
    if function is not tool:
        return True
    for key in _PARAMETERS:
        schema = function.get(key)
        if isinstance(schema, dict) and _looks_like_schema(schema, function):
            return True
    return False


def _looks_like_schema(parameters: dict[str, Any], function: dict[str, Any]) -> bool:
    """Tell a tool's parameters, a JSON Schema or a flat map, from the arguments of a call."""
    if isinstance(function.get("description"), str) or "properties" in parameters:
        return True
    return bool(parameters) and all(isinstance(value, dict) for value in parameters.values())


def tool_names(tools: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(tool["function"]["name"] for tool in tools)


def tool_from(tool: Any, index: int) -> dict[str, Any]:
    """Return one tool in OpenAI's form; `index` is its place, for the DataError (bad_tools)."""
    if _is_ready(tool):
        return tool  # type: ignore[no-any-return]
    function = _with_parameters(tool.get("function", tool)) if isinstance(tool, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        raise DataError(f"tools[{index}] is not an object with a name", "bad_tools", _FIX)
    parameters = next((function[key] for key in _PARAMETERS if function.get(key)), None)
    if parameters is None and _OF_ANTHROPIC.search(str(function.get("type"))):
        reason = f"the parameters of {name} are known to Anthropic alone"
        raise DataError(reason, "bad_tools", "give its input_schema")
    if isinstance(parameters, str):
        parameters = _decoded(parameters)
    if not isinstance(parameters, dict | None):
        reason = f"the parameters of {name} are not a JSON Schema object"
        raise DataError(reason, "bad_tools", _FIX)
    rest: dict[str, Any] = {}
    for key, value in function.items():
        if key in _RESULTS and isinstance(value, dict):
            rest[key] = json_schema(value)
        elif key not in _NOT_FOR_THE_MODEL and value is not None:
            rest[key] = value
    if parameters and _is_flat(parameters):
        schema = _from_flat(parameters, rest.pop("required", None))
    else:
        schema = json_schema(parameters) or {"type": "object", "properties": {}}
    return {"type": "function", "function": {**rest, "parameters": schema}}


def _with_parameters(function: Any) -> Any:
    """Return a function whose parameters have their name, also where they are its `arguments` (as
    in BitAgent/tool_calling) or `args` (GLM-4)."""
    if not isinstance(function, dict) or any(function.get(key) for key in _PARAMETERS):
        return function
    for key in ("arguments", "args"):
        if isinstance(function.get(key), dict):
            rest = {name: value for name, value in function.items() if name != key}
            return rest | {"parameters": function[key]}
    return function


def _is_ready(tool: Any) -> bool:
    """Tell whether a tool surely is in OpenAI's form: most are, and this saves two thirds."""
    if not isinstance(tool, dict) or list(tool) != ["type", "function"]:
        return False
    function = tool["function"]
    if not isinstance(function, dict) or tool["type"] != "function":
        return False
    if function.keys() - _READY_KEYS or None in function.values():
        return False
    name, parameters = function.get("name"), function.get("parameters")
    if not name or not isinstance(name, str):
        return False
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        return False
    try:
        text = msgspec.json.encode(parameters)
    except (UnicodeEncodeError, RecursionError):
        return False
    has_odd_value = any(mark in text for mark in _UNREADY)
    return not has_odd_value and _READY_TYPES.issuperset(_TYPE.findall(text))


def _decoded(text: str) -> Any:
    return decode(text, "tools", "bad_tools", _FIX) if text.strip() else None


def json_schema(schema: Any) -> Any:
    """Return the schema with foreign type names replaced, at every depth.

    A *property* named `type` is left alone. A type that is no type of JSON's is moved into the
    description, a property's `required: true` to its object.
    """
    if isinstance(schema, list):  # anyOf and its like; `items` of the older drafts
        return [json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    may_be_null = isinstance(schema.get("type"), list) or "anyOf" in schema or "oneOf" in schema
    result: dict[str, Any] = {}
    foreign_type = ""
    for key, value in schema.items():
        if key == "type":
            foreign_type = _add_type(value, result)
        elif isinstance(value, str):
            result[key] = value
        elif value is not None or (key == "default" and may_be_null):
            result[key] = _keyword(key, value)
    if foreign_type:
        description = result.get("description", "")
        result["description"] = f"{description} (type: {foreign_type})".lstrip()
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


def _add_type(value: Any, result: dict[str, Any]) -> str:
    """Add a type, in JSON Schema's words, to `result`; return what of it cannot be said there."""
    if isinstance(value, str):
        if value in _TYPES:
            result["type"] = value
            return ""
        annotation = read_type(value)
    elif isinstance(value, list):
        annotations = [read_type(name) for name in value if isinstance(name, str)]
        annotation = TypeAnnotation(unread=True)
        if len(annotations) == len(value) and not any(each.unread for each in annotations):
            annotation = TypeAnnotation(union([each.schema for each in annotations]) or {})
    else:  # no type at all, or null
        result |= {} if value is None else {"type": value}
        return ""
    for key, inner in annotation.schema.items():
        result.setdefault(key, inner)
    return str(value) if annotation.unread else ""


def _move_required(properties: Any, result: dict[str, Any]) -> None:
    """Put the properties that are marked as required into the list of their object."""
    listed = result.get("required") or []
    if not isinstance(properties, dict) or not isinstance(listed, list):
        return
    marked = []
    for name, inner in properties.items():
        if isinstance(inner, dict) and inner.get("required") is True and name not in listed:
            marked.append(name)
    if marked:
        result["required"] = [*listed, *marked]


def _is_flat(parameters: dict[str, Any]) -> bool:
    """Tell whether this maps the names of parameters to what they are, and is no JSON Schema.

    Then each value is an object, and one of them stands where a schema has none, or its own values
    are no schemas where a schema has named schemas: in {"properties": {"type": "dict",
    "description": "..."}} a parameter is so called.
    """
    if isinstance(parameters.get("type"), str):
        return False
    values = {name: value for name, value in parameters.items() if value is not None}
    if isinstance(values.get("required"), list):
        del values["required"]
    if not all(isinstance(value, dict) for value in values.values()):
        return False
    has_named_schemas = False
    for name in _NAMED_SCHEMAS & values.keys():
        has_named_schemas = True
        if any(isinstance(inner, dict | bool) for inner in values[name].values() or [{}]):
            return False
    return has_named_schemas or any(name not in _OBJECT_KEYWORDS for name in values)


def _from_flat(parameters: dict[str, Any], listed_beside: Any) -> dict[str, Any]:
    """Return the JSON Schema of a flat map; a list of required names may stand beside it."""
    inside = parameters.get("required")
    listed = inside if isinstance(inside, list) else listed_beside
    declared = {name: value for name, value in parameters.items() if isinstance(value, dict)}
    if isinstance(listed, list):
        required = [name for name in declared if name in listed]
    else:
        required = [name for name, value in declared.items() if _is_required(value)]
    properties = {name: _property(value) for name, value in declared.items()}
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return schema | ({"required": required} if required else {})


def _is_required(declared: dict[str, Any]) -> bool:
    for mark in ("required", "optional"):
        if isinstance(declared.get(mark), bool):
            return bool(declared[mark]) == (mark == "required")
    name = declared.get("type")
    annotation = read_type(name) if isinstance(name, str) else TypeAnnotation()
    has_default = annotation.default is not ABSENT or declared.get("default") not in (None, "")
    return not annotation.optional and not has_default


def _property(declared: dict[str, Any]) -> dict[str, Any]:
    rest = dict(declared)
    if isinstance(rest.get("optional"), bool):
        del rest["optional"]
    schema: dict[str, Any] = json_schema(rest)
    name, default = declared.get("type"), schema.get("default")
    if default is None and isinstance(name, str) and read_type(name).default is not ABSENT:
        default = read_type(name).default
    default = _as_declared(default, schema.get("type"))
    if default == "" and schema.get("type", "string") != "string":
        schema.pop("default", None)
    elif default is not None:
        schema["default"] = default
    return schema


def _as_declared(default: Any, type_name: Any) -> Any:
    """Return a default that is written as text as a value of the parameter's type, if it is one."""
    expected = _PYTHON_TYPES.get(type_name) if isinstance(type_name, str) else None
    if expected is None or not isinstance(default, str):
        return default
    value = decode_or_none(default.lower() if type_name == "boolean" else default)
    # bool is a subclass of int
    if isinstance(value, expected) and isinstance(value, bool) == (type_name == "boolean"):
        return value
    return default
