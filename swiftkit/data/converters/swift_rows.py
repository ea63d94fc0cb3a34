r"""ms-swift's own rows: messages with the roles tool_call and tool_response, or a column
expected_calls.

Source: ms-swift 4.6, docs "Custom Dataset" and "Agent support". A real row:

    {"tools": "[{\"type\": \"function\", \"function\": {\"name\": \"realtime_aqi\", ...}}]",
     "messages": [{"role": "user", "content": "北京和上海今天的天气情况"},
                  {"role": "tool_call",
                   "content": "{\"name\": \"realtime_aqi\", \"arguments\": {\"city\": \"北京\"}}"},
                  {"role": "tool_response", "content": "{\"city\": \"北京\", \"aqi\": \"10\"}"},
                  {"role": "assistant", "content": "北京的天气是晴天。"}]}

The messages pass through as they are; a structured content, tools or column becomes JSON text.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec

from swiftkit.data.rows import check_media, identity_of, is_judged
from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.records import Row

_OWN_ROLES = ("tool_call", "tool_response")
_WHOLE = ("id", "chat_template_kwargs")
_KEPT = ("role", "content", "loss", "loss_scale")


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list) or is_judged(record):
        return False
    return "expected_calls" in record or any(
        isinstance(message, dict) and message.get("role") in _OWN_ROLES for message in messages
    )


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise DataError("the row has no messages", "no_messages", "give a list of messages")
    if is_judged(record):
        fix = "leave --from out, or force preference or kto"
        raise DataError("a row with a rejected answer or a verdict", "other_format", fix)
    check_media(record)
    row: Any = {
        name: _flat(value)
        for name, value in record.items()
        if value is not None and name not in _WHOLE
    }
    if isinstance(record.get("chat_template_kwargs"), dict):
        # swift wants the object itself
        row["chat_template_kwargs"] = record["chat_template_kwargs"]
    if identity := identity_of(record):
        row["id"] = identity
    row["messages"] = [
        _message(message, f"messages[{index}]") for index, message in enumerate(messages)
    ]
    return [row]


def _message(message: Any, where: str) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise DataError(f"{where} is not an object", "bad_message", "write {role, content}")
    kept = {key: message[key] for key in _KEPT if message.get(key) is not None}
    if message.get("role") == "tool":  # the same thing to ms-swift
        kept["role"] = "tool_response"
    if kept.get("role") in _OWN_ROLES and "content" in kept:
        kept["content"] = _text(kept["content"])
        _check_call(kept, where)
    return kept


def _check_call(message: dict[str, Any], where: str) -> None:
    """Refuse two values under one key of a call's text; whether it is a call is check_row's
    matter."""
    if message["role"] == "tool_call":
        with suppress(ValueError, RecursionError):
            decode_distinct(message["content"], where)


def _flat(value: Any) -> Any:
    is_text_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return _text(value) if isinstance(value, dict | list) and not is_text_list else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
