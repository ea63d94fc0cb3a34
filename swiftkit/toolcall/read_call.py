"""The one place where outside data becomes a call."""

import re
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import decode
from swiftkit.toolcall.call import ToolCall

PYTHON_DICT = re.compile(r"\s*\{\s*'")
ARGUMENT_KEYS = ("arguments", "parameters")
_NAMES = ("name", "tool_name")
_CALL_KEYS = {"id", "type", *_NAMES, *ARGUMENT_KEYS}
_FIX_ARGUMENTS = "write them as a JSON object"


def call_from(value: Any, where: str) -> ToolCall:
    """Return the call that `value` describes, in any of the shapes of data and of API answers:

        {"name": "f", "arguments" | "parameters": {...} or "JSON text"}
        {"id": ..., "type": "function", "function": {"name": "f", "arguments": "JSON text"}}
        {"tool_call": {"tool_name": "f", "parameters": {...}}}
        {"function": "f", "arguments": {...}}

    Raises DataError (bad_call, no_arguments, ambiguous_arguments, bad_arguments, duplicate_key),
    which names `where`.
    """
    body = value
    if isinstance(value, dict):
        body = value.get("function") or value.get("tool_call") or value
        has_arguments = any(key in value for key in ARGUMENT_KEYS)
        if isinstance(body, str) and has_arguments and "name" not in value:
            body = {**value, "name": body}
    if not isinstance(body, dict):
        fix = 'write {"name": ..., "arguments": {...}}'
        raise DataError(f"{where}: the call is not an object", "bad_call", fix)
    name = body.get("name", body.get("tool_name"))
    if not isinstance(name, str) or not name:
        fix = "give it a 'name' that is a string"
        raise DataError(f"{where}: the call has no name", "bad_call", fix)
    return ToolCall(name, _arguments(body, f"{where}: call of {name!r}"))


def _arguments(body: dict[str, Any], where: str) -> dict[str, Any]:
    # Arrow and Parquet pad the key that a row lacks with null, so null counts as absent beside a
    # real value.
    values = [body[key] for key in ARGUMENT_KEYS if body.get(key) is not None]
    if len(values) > 1:
        reason = f"{where}: both arguments and parameters"
        raise DataError(reason, "ambiguous_arguments", "keep one of them")
    if not values:
        if any(key in body for key in ARGUMENT_KEYS):
            return {}
        fix = 'write "arguments": {} for a call without any'
        raise DataError(f"{where}: no arguments", "no_arguments", fix)
    arguments = values[0]
    if isinstance(arguments, str):
        if not arguments.strip():
            return {}  # OpenAI's API writes "" for a tool without parameters
        arguments = _decoded(arguments, where)
    if not isinstance(arguments, dict):
        reason = f"{where}: the arguments are not an object"
        raise DataError(reason, "bad_arguments", _FIX_ARGUMENTS)
    return arguments


def _decoded(text: str, where: str) -> Any:
    problem, fix = "the arguments are not a JSON object", _FIX_ARGUMENTS
    if PYTHON_DICT.match(text):
        problem = "the arguments are in single quotes, as Python prints a dict"
        fix = "write them as JSON, in double quotes: json.dumps(ast.literal_eval(arguments))"
    return decode(text, where, "bad_arguments", fix, problem)


def is_call(value: Any) -> bool:
    """Return whether a JSON value can only be a call: an answer may be an object with a name."""
    if not isinstance(value, dict):
        return False
    if "tool_call" in value or isinstance(value.get("function"), dict):
        return True
    has_name = any(key in value for key in _NAMES)
    has_arguments = any(key in value for key in ARGUMENT_KEYS)
    return has_name and has_arguments and value.keys() <= _CALL_KEYS
