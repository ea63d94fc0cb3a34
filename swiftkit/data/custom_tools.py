r"""OpenAI's custom tools, whose calls are free text, as functions with one argument `input`.

    {"type": "custom", "name": "run_sql", "description": "...", "format": {"type": "grammar", ...}}
    {"type": "custom", "id": "c1", "custom": {"name": "run_sql", "input": "select 1"}}

Source: OpenAI's chat completions and Responses APIs. No chat template knows them.
"""

from typing import Any

from swiftkit.data.json_values import field

_SCHEMA = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}


def as_function(tool: Any) -> Any:
    """Return a custom tool as a function; its `format` stays. Any other tool stays as it is."""
    if field(tool, "type") != "custom":
        return tool
    rest = {key: value for key, value in tool.items() if key != "type"}
    inner = rest.get("custom") if isinstance(rest.get("custom"), dict) else rest
    return {"type": "function", "function": {**(inner or {}), "parameters": _SCHEMA}}


def as_function_call(call: Any) -> Any:
    """Return a call of a custom tool as one of a function. Any other call stays as it is."""
    custom = field(call, "custom")
    if field(call, "type") != "custom" or not isinstance(custom, dict):
        return call
    function = {"name": custom.get("name"), "arguments": {"input": custom.get("input")}}
    return {"id": call.get("id"), "type": "function", "function": function}
