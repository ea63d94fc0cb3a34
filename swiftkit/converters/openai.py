r"""OpenAI / ChatML messages: roles system, user, assistant, tool; calls in tool_calls.

Source: the OpenAI fine-tuning format, as TRL, Together, Fireworks and others use it. A real row:

    {"messages": [{"role": "user", "content": "What is the weather in San Francisco?"},
                  {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function",
                   "function": {"name": "get_current_weather", "arguments": "{\"location\": \"San Francisco\"}"}}]},
                  {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
                  {"role": "assistant", "content": "It is 21 degrees."}],
     "tools": [{"type": "function", "function": {"name": "get_current_weather", "parameters": {...}}}]}

Also read: arguments as an object, `developer` for system, a column `system`, content as null or text parts, the legacy
`function_call`, role `function` and `functions`; reasoning (`reasoning_content`, `reasoning`, `thinking`), which
becomes <think>; `reasoning_effort` and `chat_template_kwargs`. The flags `weight` (0 or 1) and `train` (true or false)
become ms-swift's `loss`. Results of parallel calls are put in the order of their calls; the `name` of a result is left
out, because that order already says which call it belongs to.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from swiftkit.chat import is_prompt_with_gold
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.rows import call_message, loss_flag, make_row, text_of
from swiftkit.thinking import join, thinking_of
from swiftkit.toolcall.call import call_from
from swiftkit.toolcall.pairing import in_call_order

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_RESULTS = ("tool", "function")
_KNOWN = (*_ROLES, *_RESULTS)  # no set: a role may be a list, which has no hash
_USED = ("functions", "reasoning_effort")
# Columns of preference and KTO data: an answer that stands there would be lost.
_OTHERS = ("chosen", "rejected", "rejected_response", "rejected_messages", "completion", "kto_tag")
_BLOCKS = ("tool_use", "tool_result", "thinking", "redacted_thinking")  # Anthropic's parts of a content


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list) or isinstance(record.get("label"), bool):
        return False
    if "expected_calls" in record or ("analysis" in record and "final" in record) or is_prompt_with_gold(record):
        return False
    if any(record.get(column) is not None for column in _OTHERS):
        return False
    return all(isinstance(message, dict) and _is_openai(message) for message in messages)


def _is_openai(message: dict[str, Any]) -> bool:
    """Its role is known, it has no Harmony channel, and its content holds no blocks of Anthropic's."""
    if message.get("role") not in _KNOWN or isinstance(message.get("channel"), str):
        return False
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return not any(isinstance(part, dict) and part.get("type") in _BLOCKS for part in parts)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise DataError("the row has no messages", "no_messages", "give a list of messages")
    if record.get("tools") is None and record.get("functions"):
        record = {**record, "tools": record["functions"]}
    row = make_row(chain(_system(record, messages), _messages(messages)), record, _USED)
    if settings := _template_settings(record):
        row["chat_template_kwargs"] = settings
    return [row]


def _template_settings(record: dict[str, Any]) -> dict[str, Any]:
    """What the chat template is to be told for this row."""
    given = record.get("chat_template_kwargs")
    effort = {"reasoning_effort": record["reasoning_effort"]} if isinstance(record.get("reasoning_effort"), str) else {}
    return effort | (given if isinstance(given, dict) else {})


def _system(record: dict[str, Any], messages: list[Any]) -> Iterator[Message]:
    """What stands in a column instead of in the first message."""
    first = messages[0] if messages and isinstance(messages[0], dict) else {}
    repeated = first.get("content") if first.get("role") in ("system", "developer") else None
    for name in ("system", "system_prompt"):
        content = text_of(record.get(name), name)
        if content.strip() and content != repeated:
            yield {"role": "system", "content": content}


def _messages(messages: list[Any]) -> Iterator[Message]:
    ids: list[Any] = []  # of the calls made last, in their order
    results: list[tuple[Any, Message]] = []  # what came back for them
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise DataError(f"{where} is not an object", "bad_message", "write {role, content}")
        if message.get("role") in _RESULTS:
            loss_flag(message, where)
            content = text_of(message.get("content"), where)
            results.append((message.get("tool_call_id"), {"role": "tool_response", "content": content}))
            continue
        yield from in_call_order(results, ids, where)
        results, ids = [], []
        if message.get("role") == "assistant":
            ids = [call.get("id") for call in _tool_calls(message, where) if isinstance(call, dict)]
        yield from _message(message, where)
    yield from in_call_order(results, ids, "the end")


def _message(message: dict[str, Any], where: str) -> Iterator[Message]:
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise DataError(f"{where}: unknown role {role!r}", "bad_role", f"use {', '.join(_ROLES)} or tool")
    loss = loss_flag(message, where)
    content = text_of(message.get("content"), where)
    calls = _tool_calls(message, where) if role == "assistant" else []
    thinking = thinking_of(message, where) if role == "assistant" else None
    if thinking:
        content = join(thinking, content, where)
    if content.strip() or not calls:
        yield {"role": _ROLES[role], "content": content} | loss
    for number, call in enumerate(calls):
        yield call_message(call_from(call, f"{where}.tool_calls[{number}]")) | loss


def _tool_calls(message: dict[str, Any], where: str) -> list[Any]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise DataError(f"{where}: tool_calls is not a list", "bad_call", "write a list of calls")
    return calls + ([message["function_call"]] if message.get("function_call") else [])
