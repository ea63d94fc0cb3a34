r"""OpenAI / ChatML messages: roles system, user, assistant, tool; calls in tool_calls.

Source: the OpenAI fine-tuning format, as TRL, Together, Fireworks and others use it. A real row:

    {"messages": [{"role": "user", "content": "What is the weather in San Francisco?"},
                  {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function",
                   "function": {"name": "get_current_weather", "arguments": "{\"location\": \"San Francisco\"}"}}]},
                  {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
                  {"role": "assistant", "content": "It is 21 degrees."}],
     "tools": [{"type": "function", "function": {"name": "get_current_weather", "parameters": {...}}}]}

Also read: arguments as an object, `developer` for system, content as null or text parts, the legacy `function_call`,
role `function` and `functions`; reasoning (`reasoning_content`, `reasoning`, `thinking`), which becomes <think>;
`reasoning_effort` and `chat_template_kwargs`. Results of parallel calls are put in the order of their calls.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.rows import call_message, make_row, text_of
from swiftkit.thinking import join, thinking_of
from swiftkit.toolcall.call import call_from

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_RESULTS = ("tool", "function")
_FLAGS = {"weight": 1, "train": True}  # the values that ask for what ms-swift does anyway
_USED = ("functions", "reasoning_effort")


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    known = (*_ROLES, *_RESULTS)  # no set: a role may be a list, which has no hash
    return (
        isinstance(messages, list)
        and "expected_calls" not in record
        and all(isinstance(message, dict) and message.get("role") in known for message in messages)
    )


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise DataError("the row has no messages", "no_messages", "give a list of messages")
    if record.get("tools") is None and record.get("functions"):
        record = {**record, "tools": record["functions"]}
    row = make_row(_messages(messages), record, _USED)
    if settings := _template_settings(record):
        row["chat_template_kwargs"] = settings
    return [row]


def _template_settings(record: dict[str, Any]) -> dict[str, Any]:
    """What the chat template is to be told for this row."""
    given = record.get("chat_template_kwargs")
    effort = {"reasoning_effort": record["reasoning_effort"]} if isinstance(record.get("reasoning_effort"), str) else {}
    return effort | (given if isinstance(given, dict) else {})


def _messages(messages: list[Any]) -> Iterator[Message]:
    ids: list[Any] = []  # of the calls made last, in their order
    results: list[tuple[Any, Message]] = []  # what came back for them
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise DataError(f"{where} is not an object", "bad_message", "write {role, content}")
        if message.get("role") in _RESULTS:
            content = text_of(message.get("content"), where)
            results.append((message.get("tool_call_id"), {"role": "tool_response", "content": content}))
            continue
        yield from _in_order(results, ids, where)
        results, ids = [], []
        if message.get("role") == "assistant":
            ids = [call.get("id") for call in _tool_calls(message, where) if isinstance(call, dict)]
        yield from _message(message, where)
    yield from _in_order(results, ids, "the end")


def _in_order(results: list[tuple[Any, Message]], ids: list[Any], where: str) -> list[Message]:
    """The results in the order of their calls: ms-swift ties them by position."""
    named = [identity for identity, _ in results if identity is not None]
    if not named or None in ids:
        return [message for _, message in results]
    unknown = [identity for identity in named if identity not in ids]
    if unknown or len(named) != len(results) or any(named.count(identity) > 1 for identity in named):
        fix = "give each result the tool_call_id of one call just before it"
        raise DataError(f"a result before {where} answers no call, or one twice: {named}", "bad_tool_call_id", fix)
    return [message for _, message in sorted(results, key=lambda result: ids.index(result[0]))]


def _message(message: dict[str, Any], where: str) -> Iterator[Message]:
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise DataError(f"{where}: unknown role {role!r}", "bad_role", f"use {', '.join(_ROLES)} or tool")
    _check_flags(message, where)
    content = text_of(message.get("content"), where)
    calls = _tool_calls(message, where) if role == "assistant" else []
    thinking = thinking_of(message, where) if role == "assistant" else None
    if thinking:
        content = join(thinking, content, where)
    if content.strip() or not calls:
        yield {"role": _ROLES[role], "content": content}
    for number, call in enumerate(calls):
        yield call_message(call_from(call, f"{where}.tool_calls[{number}]"))


def _tool_calls(message: dict[str, Any], where: str) -> list[Any]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise DataError(f"{where}: tool_calls is not a list", "bad_call", "write a list of calls")
    return calls + ([message["function_call"]] if message.get("function_call") else [])


def _check_flags(message: dict[str, Any], where: str) -> None:
    """What would be lost on the way is refused, not dropped."""
    for name, harmless in _FLAGS.items():
        if message.get(name) is not None and message[name] != harmless:
            raise DataError(f"{where}: {name} {message[name]!r} is not supported", "unsupported_loss_flag", "delete it")
