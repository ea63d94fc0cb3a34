"""Tool definitions: read from any common shape, written in OpenAI's form with JSON Schema parameters.

Written: {"type": "function", "function": {"name": "get_weather", "description": "...", "parameters": {"type": "object",
"properties": {"city": {"type": "string"}}, "required": ["city"]}}}
"""

from typing import Any

import msgspec

from swiftkit.errors import DataError

# Names of types that are not JSON Schema's, as BFCL and Python signatures write them. None: any type is right.
TYPE_NAMES: dict[str, str | None] = {
    "dict": "object", "float": "number", "double": "number", "int": "integer", "str": "string", "bool": "boolean",
    "list": "array", "tuple": "array", "any": None,
}  # fmt: skip
_SCHEMAS = frozenset((
    "items", "prefixItems", "additionalProperties", "contains", "propertyNames",
    "anyOf", "oneOf", "allOf", "not", "if", "then", "else",
))  # fmt: skip
_NAMED_SCHEMAS = frozenset(("properties", "patternProperties", "$defs", "definitions"))


def tools_from(value: Any) -> list[dict[str, Any]]:
    """Tools in OpenAI's form, from a list, one tool, or JSON text of these; None and "" mean no tools.

    Raises DataError (bad_tools).
    """
    decoded = _decoded(value) if isinstance(value, str) else value
    if decoded is None:
        return []
    tools = [decoded] if isinstance(decoded, dict) else decoded
    if not isinstance(tools, list):
        raise _bad("tools is not a list")
    return [_tool(tool, index) for index, tool in enumerate(tools)]


def tool_names(tools: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(tool["function"]["name"] for tool in tools)


def json_schema(schema: Any) -> Any:
    """The schema with foreign type names replaced, at every depth; a *property* named `type` is left alone."""
    if isinstance(schema, list):  # anyOf and its like; `items` of the older drafts
        return [json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _keyword(key, value) for key, value in schema.items()}
    if result.get("type", "") is None:
        del result["type"]
    return result


def _keyword(key: str, value: Any) -> Any:
    if key == "type":
        return _type(value)
    if key in _SCHEMAS:
        return json_schema(value)
    if key in _NAMED_SCHEMAS and isinstance(value, dict):
        return {name: json_schema(inner) for name, inner in value.items()}
    return value


def _type(name: Any) -> Any:
    if isinstance(name, list):
        names = [_type(each) for each in name]
        return None if None in names else names
    return TYPE_NAMES.get(name, name) if isinstance(name, str) else name


def _tool(tool: Any, index: int) -> dict[str, Any]:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise _bad(f"tools[{index}] is not an object with a name")
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    if isinstance(parameters, str):
        parameters = _decoded(parameters)
    if not isinstance(parameters, dict):
        raise _bad(f"the parameters of {function['name']} are not a JSON Schema object")
    rest = {key: value for key, value in function.items() if key != "type" and value is not None}
    return {"type": "function", "function": {**rest, "parameters": json_schema(parameters)}}


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text) if text.strip() else None
    except (ValueError, RecursionError) as error:
        raise _bad(f"tools is not valid JSON: {error}") from error


def _bad(message: str) -> DataError:
    return DataError(message, "bad_tools", "give a list of OpenAI tool definitions")
