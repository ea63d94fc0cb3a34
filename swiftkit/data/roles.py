"""Roles of messages: swift's, those that data give, and what looks like a message."""

import re
from collections.abc import Iterable
from typing import Any, TypeGuard

from swiftkit.data.json_values import field
from swiftkit.errors import DataError

ROLES = ("system", "user", "assistant", "tool_call", "tool_response")
ANSWERS = ("assistant", "tool_call")
CALL_ROLES = ("tool_call", "tool_response")  # which only ms-swift's own rows have
# which roles may stand before a role; None is the beginning
FOLLOWS: dict[Any, set[str | None]] = {
    "system": {None},
    # ms-swift stops at a question right after a tool's result
    "user": {None, "system", "user", *ANSWERS},
    "assistant": {"user", "assistant", "tool_response"},
    "tool_call": {"user", *ANSWERS, "tool_response"},
    "tool_response": {"tool_call", "tool_response"},
}
_SEPARATORS = re.compile(r"[- ]+")
_KNOWN = {  # as written, in small letters and with "_" between words, and swift's name
    "system": "system", "developer": "system", "human": "user", "user": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant",
    "chatbot": "assistant", "ai": "assistant", "model": "assistant", "bard": "assistant",
    "bing": "assistant", "claude": "assistant",
    "function_call": "tool_call", "tool_call": "tool_call",
    "observation": "tool_response", "observations": "tool_response", "tool": "tool_response",
    "function": "tool_response", "function_response": "tool_response",
    "function_result": "tool_response", "tool_response": "tool_response",
    "tool_result": "tool_response", "tool_output": "tool_response",
    "ipython": "tool_response",  # Llama 3.1
    "environment": "tool_response",  # InternLM, OLMo 3
}  # fmt: skip


def role_named(name: Any) -> str | None:
    """Return swift's name of a role, as in Function-Call for function_call; None if unknown."""
    if not isinstance(name, str):
        return None
    return _KNOWN.get(name) or _KNOWN.get(_SEPARATORS.sub("_", name.strip().lower()))


def unknown_role(name: Any, where: str) -> DataError:
    """Return the error (bad_role) of a role that no data set is known to have."""
    fix = f"use a known role: {', '.join(_KNOWN)}"
    return DataError(f"{where}: unknown role {name!r:.100}", "bad_role", fix)


def is_message(value: Any) -> bool:
    """Return whether it looks like one message of a chat."""
    if not isinstance(value, dict):
        return False
    return isinstance(value.get("role"), str) or isinstance(value.get("from"), str)


def are_messages(value: Any) -> TypeGuard[list[Any]]:
    """Return whether it looks like the messages of a chat, at least one."""
    return isinstance(value, list) and bool(value) and all(map(is_message, value))


_PLAIN_KEYS = frozenset(
    "role content tool_calls tool_call_id name reasoning_content reasoning weight loss".split()
)
_latest: list[Any] = [None, False]  # the messages that were asked about, and the answer


def is_plain_chat(messages: Any) -> bool:
    """Return whether messages have OpenAI's keys alone, and texts alone as their content: then they
    are in no layout of other keys or parts. Cheap where it is asked again."""
    if _latest[0] is not messages:
        _latest[:] = messages, isinstance(messages, list) and all(map(_is_plain, messages))
    return bool(_latest[1])


def _is_plain(message: Any) -> bool:
    if not isinstance(message, dict) or not _PLAIN_KEYS.issuperset(message):
        return False
    content = message.get("content")
    return (content is None or type(content) is str) and type(message.get("role")) is str


def role_of(message: Any) -> str | None:
    """Return swift's name of a message's role, or None. Never raises."""
    return role_named(role_as_written(message))


def role_as_written(message: Any) -> Any:
    """Return the role of a message as the data has it; None for what is no message."""
    return message.get("role", message.get("from")) if isinstance(message, dict) else None


def has_call_roles(messages: Iterable[Any]) -> bool:
    """Return whether some of the messages have the roles of ms-swift's own calls and results."""
    return any(field(message, "role") in CALL_ROLES for message in messages)
