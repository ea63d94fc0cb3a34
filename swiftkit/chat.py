"""Messages of a chat to messages of a swift row: what the formats share whose records hold such lists.

Read: OpenAI's {role, content, tool_calls}, with text parts, the legacy function_call and reasoning beside the answer;
ShareGPT's {from, value}; ms-swift's own roles tool_call and tool_response.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

import msgspec

from swiftkit.conversations import ROLES as SHAREGPT_ROLES
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.rows import ANSWERS, call_message, loss_flag, make_row, text_of
from swiftkit.targets import GOLD_COLUMNS
from swiftkit.thinking import join, thinking_of
from swiftkit.toolcall.call import call_from
from swiftkit.toolcall.pairing import in_call_order

_ROLES = SHAREGPT_ROLES | {"developer": "system", "model": "assistant"}
_MEDIA = ("images", "image", "videos", "audios")


def is_message(value: Any) -> bool:
    """Whether it looks like one message of a chat."""
    return isinstance(value, dict) and (isinstance(value.get("role"), str) or isinstance(value.get("from"), str))


def are_messages(value: Any) -> TypeGuard[list[Any]]:
    """Whether it looks like the messages of a chat; none are none."""
    return isinstance(value, list) and bool(value) and all(is_message(item) for item in value)


def role_of(message: Any) -> str | None:
    """swift's name of a message's role, or None. Never raises."""
    role = message.get("role", message.get("from")) if isinstance(message, dict) else None
    return _ROLES.get(role) if isinstance(role, str) else None


def is_prompt_with_gold(record: dict[str, Any]) -> bool:
    """Whether its messages end with a question or a tool's result, and a column says what a good answer is."""
    messages = record.get("messages")
    has_gold = any(record.get(name) is not None for name in GOLD_COLUMNS) and record.get("expected_calls") is None
    return has_gold and are_messages(messages) and role_of(messages[-1]) in ("user", "tool_response")


def row_of(messages: list[Message], record: dict[str, Any], used: Iterable[str]) -> Row:
    """make_row, with the record's settings of the chat template. Raises DataError for a row with images or the like."""
    for name in _MEDIA:
        if record.get(name):
            raise DataError(f"the row has {name}", "unsupported_media", "convert rows of text only")
    row = make_row(messages, record, used)
    if isinstance(record.get("chat_template_kwargs"), dict):
        row["chat_template_kwargs"] = record["chat_template_kwargs"]  # swift wants the object itself
    return row


def system_of(record: dict[str, Any]) -> str:
    """The text of a column `system` or `system_prompt`, or ""."""
    return text_of(record.get("system") or record.get("system_prompt"), "system")


def with_system(system: str, messages: list[Message]) -> list[Message]:
    """The messages, with this text in front, unless it is empty or stands there already."""
    if not system.strip() or messages[:1] == [{"role": "system", "content": system}]:
        return messages
    return [{"role": "system", "content": system}, *messages]


def messages_of(messages: Any, where: str) -> list[Message]:
    """The messages, with the results of parallel calls in the order of their calls. Raises DataError."""
    if not isinstance(messages, list):
        raise DataError(f"{where} is not a list of messages", "bad_message", "write [{role, content}]")
    return list(_messages(messages, where))


def _messages(messages: list[Any], where: str) -> Iterator[Message]:
    ids: list[Any] = []  # of the calls made last, in their order
    results: list[tuple[Any, Message]] = []  # what came back for them
    for index, message in enumerate(messages):
        place = f"{where}[{index}]"
        role = role_of(message)
        if role is None:
            fix = "write {role, content} with a role of system, user, assistant or tool"
            raise DataError(f"{place} is not a message with a known role", "bad_role", fix)
        if role == "tool_response":
            content = text_of(_content(message), place)
            results.append((message.get("tool_call_id"), {"role": role, "content": content}))
            continue
        yield from in_call_order(results, ids, place)
        results, ids = [], [call.get("id") for call in _calls(message, place) if isinstance(call, dict)]
        yield from _message(message, role, place)
    yield from in_call_order(results, ids, "the end")


def _content(message: dict[str, Any]) -> Any:
    return message.get("value") if "from" in message else message.get("content")


def _message(message: dict[str, Any], role: str, where: str) -> Iterator[Message]:
    flag = loss_flag({**message, "role": "assistant" if role in ANSWERS else role}, where)
    for made in _made(message, role, where):
        made.update(flag)
        yield made


def _made(message: dict[str, Any], role: str, where: str) -> Iterable[Message]:
    if role == "tool_call":
        return _own_calls(_content(message), where)
    if role == "assistant":
        return _answer(message, where)
    return [{"role": role, "content": text_of(_content(message), where)}]


def _answer(message: dict[str, Any], where: str) -> Iterator[Message]:
    content, calls = text_of(_content(message), where), _calls(message, where)
    if thinking := thinking_of(message, where):
        content = join(thinking, content, where)
    if content.strip() or not calls:
        yield {"role": "assistant", "content": content}
    for number, call in enumerate(calls):
        yield call_message(call_from(call, f"{where}.tool_calls[{number}]"))


def _own_calls(content: Any, where: str) -> Iterator[Message]:
    """The call, or the list of calls, that the content of a tool_call message is or is JSON text of."""
    value = _decoded(content, where) if isinstance(content, str) else content
    for call in value if isinstance(value, list) else [value]:
        yield call_message(call_from(call, where))


def _decoded(text: str, where: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: the call is not valid JSON: {error}", "bad_call", "write it as JSON text") from error


def _calls(message: dict[str, Any], where: str) -> list[Any]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise DataError(f"{where}: tool_calls is not a list", "bad_call", "write a list of calls")
    return calls + ([message["function_call"]] if message.get("function_call") else [])
