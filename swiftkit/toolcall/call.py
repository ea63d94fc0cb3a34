"""What a tool call is, and the one place where it is built from outside data."""

from typing import Annotated, Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct

_ARGUMENT_KEYS = ("arguments", "parameters")


class ToolCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call. Decoded from JSON it is strict (these two keys, a name that is not empty): see
    hermes.py."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    arguments: dict[str, Any]


class Parsed(msgspec.Struct, frozen=True):
    """What a model's answer says. `malformed` is the reason why its calls cannot be read (then
    there are none), or "".

    `content` is the text that is neither reasoning nor a call; `reasoning` what the model thought
    before, as far as the wire format's reader keeps it (Harmony's does, the others set it aside).
    `texts` are the arguments as they stood, one dict a call, in the formats that write values
    without their types (untyped.py); empty elsewhere.
    """

    calls: list[ToolCall] = []
    content: str = ""
    malformed: str = ""
    reasoning: str = ""
    texts: list[dict[str, str]] = []


def call_from(value: Any, where: str) -> ToolCall:
    """The call that `value` describes, in any of the shapes found in data and in API answers:

        {"name": "f", "arguments" | "parameters": {...} or "JSON text"}
        {"id": ..., "type": "function", "function": {"name": "f", "arguments": "JSON text"}}    OpenAI
        {"tool_call": {"tool_name": "f", "parameters": {...}}}

    Raises DataError (bad_call, no_arguments, ambiguous_arguments, bad_arguments, duplicate_key),
    which names `where`.
    """
    body = _unwrap(value, where)
    name = body.get("name", body.get("tool_name"))
    if not isinstance(name, str) or not name:
        raise DataError(
            f"{where}: the call has no name", "bad_call", "give it a 'name' that is a string"
        )
    return ToolCall(name, _arguments(body, f"{where}: call of {name!r}"))


def _unwrap(value: Any, where: str) -> dict[str, Any]:
    body = value
    if isinstance(value, dict):
        body = value.get("function") or value.get("tool_call") or value
    if not isinstance(body, dict):
        raise DataError(
            f"{where}: the call is not an object",
            "bad_call",
            'write {"name": ..., "arguments": {...}}',
        )
    return body


def _arguments(body: dict[str, Any], where: str) -> dict[str, Any]:
    # Arrow and Parquet pad the key that a row lacks with null, so null counts as absent beside a
    # real value.
    given = [body[key] for key in _ARGUMENT_KEYS if body.get(key) is not None]
    if len(given) > 1:
        raise DataError(
            f"{where}: both arguments and parameters", "ambiguous_arguments", "keep one of them"
        )
    if not given and not any(key in body for key in _ARGUMENT_KEYS):
        raise DataError(
            f"{where}: no arguments", "no_arguments", 'write "arguments": {} for a call without any'
        )
    return _as_object(given[0], where) if given else {}


def _as_object(arguments: Any, where: str) -> dict[str, Any]:
    if isinstance(arguments, str):
        # OpenAI's API writes "" for a tool without parameters.
        arguments = _decoded(arguments, where) if arguments.strip() else {}
    if not isinstance(arguments, dict):
        raise DataError(
            f"{where}: the arguments are not an object",
            "bad_arguments",
            "write them as a JSON object",
        )
    return arguments


def _decoded(text: str, where: str) -> Any:
    try:
        return decode_distinct(text, where)
    # msgspec's errors and UnicodeError are ValueErrors
    except (ValueError, RecursionError) as error:
        message = f"{where}: the arguments are not a JSON object: {error}"
        raise DataError(message, "bad_arguments", "write them as a JSON object") from error
