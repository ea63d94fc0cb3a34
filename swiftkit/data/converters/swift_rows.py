r"""ms-swift's own rows: messages with the roles tool_call and tool_response, or a column
expected_calls.

Source: ms-swift 4.6, docs "Custom Dataset" and "Agent support". A real row:

    {"tools": "[{\"type\": \"function\", \"function\": {\"name\": \"realtime_aqi\", ...}}]",
     "messages": [{"role": "user", "content": "北京和上海今天的天气情况"},
                  {"role": "tool_call",
                   "content": "{\"name\": \"realtime_aqi\", \"arguments\": {\"city\": \"北京\"}}"},
                  {"role": "tool_response", "content": "{\"city\": \"北京\", \"aqi\": \"10\"}"},
                  {"role": "assistant", "content": "北京的天气是晴天。"}]}

The messages pass through as they are, but for reasoning, which gets a key of its own, and calls
that stand as text in an answer; a structured content, tools or column becomes JSON text.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from swiftkit.data.columns import is_judged
from swiftkit.data.json_values import as_text
from swiftkit.data.roles import CALL_ROLES, has_call_roles
from swiftkit.data.row_tools import read_tools
from swiftkit.data.rows import check_media, identity_of, reasoning_apart
from swiftkit.data.text_calls import with_calls_read
from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.records import Row
from swiftkit.toolcall.reasoning import KEYS, reasoning_of

ORDER = 340
READS = {
    "": "messages",
    "messages[]": f"role content loss loss_scale tool_call_id name {' '.join(KEYS)}",
}

_AS_THEY_ARE = ("id", "chat_template_kwargs")
_KEPT = ("role", "content", "loss", "loss_scale")
_KEPT_OF_ROLE = {"tool_call": ("tool_call_id",), "tool_response": ("tool_call_id", "name")}


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list):
        return False
    return "expected_calls" in record or has_call_roles(messages)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise DataError("the row has no messages", "no_messages", "give a list of messages")
    if is_judged(record):
        fix = "leave --from out, or force preference or kto"
        raise DataError("a row with a rejected answer or a verdict", "other_format", fix)
    check_media(record)
    row: Any = {}
    for name, value in record.items():
        if value is None or name in _AS_THEY_ARE:
            continue
        is_texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        is_structure = isinstance(value, dict | list) and not is_texts
        row[name] = as_text(value) if is_structure else value
    settings = record.get("chat_template_kwargs")
    if isinstance(settings, dict):  # swift wants the object itself
        row["chat_template_kwargs"] = settings
    identity = identity_of(record)
    if identity:
        row["id"] = identity
    kept: Any = [_message(item, f"messages[{i}]") for i, item in enumerate(messages)]
    row["messages"] = kept
    # what is no message is check_row's matter
    if all(isinstance(message.get(key), str) for message in kept for key in ("role", "content")):
        tools = read_tools(record.get("tools")).tools
        row["messages"] = with_calls_read(kept, tools, lenient=False)
    return [row]


def _message(message: Any, where: str) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise DataError(f"{where} is not an object", "bad_message", "write {role, content}")
    kept: Any = {key: message[key] for key in _KEPT if message.get(key) is not None}
    if message.get("role") == "tool":  # the same thing to ms-swift
        kept["role"] = "tool_response"
    role = kept.get("role")
    for key in _KEPT_OF_ROLE.get(role, ()) if isinstance(role, str) else ():
        if isinstance(message.get(key), str):
            kept[key] = message[key]
    if role == "assistant" and isinstance(kept.get("content", ""), str):
        if reasoning := reasoning_of(message, where):
            kept.setdefault("content", "")
            kept["reasoning_content"] = reasoning
        if "content" in kept:
            kept = reasoning_apart(kept, where)
    if kept.get("role") in CALL_ROLES and "content" in kept:
        kept["content"] = as_text(kept["content"])
        if kept["role"] == "tool_call":
            # Refuse two values under one key; whether it is a call is check_row's matter.
            with suppress(ValueError, RecursionError):
                decode_distinct(kept["content"], where)
    return kept  # type: ignore[no-any-return]
