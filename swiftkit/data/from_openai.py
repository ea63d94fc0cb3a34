"""Messages of a chat to messages of a swift row: what the formats share whose records hold such
lists.

Read: OpenAI's {role, content, tool_calls}, with text parts, the legacy function_call and reasoning
beside the answer; ShareGPT's {from, value}; ms-swift's own roles tool_call and tool_response.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

from swiftkit.data.from_sharegpt import ROLES as SHAREGPT_ROLES
from swiftkit.data.rows import ANSWERS, call_message, loss_flag, text_of
from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.records import GOLD_COLUMNS, Message
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import join, reasoning_of
from swiftkit.toolcall.tool_results import in_call_order

_ROLES = SHAREGPT_ROLES | {"developer": "system", "model": "assistant"}
# columns that hold a chat
_LISTS = ("messages", "conversations", "conversation", "dialog", "dialogue")
_QUESTIONS, _ANSWERS = ("human", "user"), ("assistant", "bot", "gpt")


def unfolded(record: dict[str, Any]) -> dict[str, Any]:
    """The record with its chat in its form's place: {role, content} in `messages`, {from, value} in
    `conversations`.

    Data sets give the lists other names, and write them as JSON text; the older ones hold {human,
    assistant} pairs. Raises DataError (bad_message, duplicate_key) for a text that is a list, but
    no JSON.
    """
    messages = record.get("messages")
    if isinstance(messages, list) and (
        not messages or not isinstance(messages[0], dict) or "from" not in messages[0]
    ):
        return record
    for name in _LISTS:
        turns = _list(record.get(name), name)
        if are_messages(turns):
            place = "messages" if isinstance(turns[0].get("role"), str) else "conversations"
            if name != place and record.get(place) is not None:
                return record
            return {key: value for key, value in record.items() if key != name} | {place: turns}
    return record


def _list(value: Any, name: str) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = decode_distinct(value, name)
        except (ValueError, RecursionError) as error:
            fix = "write a list, or its JSON text"
            raise DataError(
                f"{name} is text that is no JSON: {error}", "bad_message", fix
            ) from error
    pairs = [_pair(item) for item in value] if isinstance(value, list) else []
    return [message for pair in pairs for message in pair] if pairs and all(pairs) else value


def _pair(item: Any) -> list[dict[str, Any]]:
    """The two messages of {human, assistant}; none where it is not such a pair."""
    if not isinstance(item, dict) or len(item) != 2:
        return []
    named = [
        next((item[name] for name in names if name in item), None)
        for names in (_QUESTIONS, _ANSWERS)
    ]
    if None in named:
        return []
    return [
        {"role": role, "content": text}
        for role, text in zip(("user", "assistant"), named, strict=True)
    ]


def is_message(value: Any) -> bool:
    """Whether it looks like one message of a chat."""
    return isinstance(value, dict) and (
        isinstance(value.get("role"), str) or isinstance(value.get("from"), str)
    )


def are_messages(value: Any) -> TypeGuard[list[Any]]:
    """Whether it looks like the messages of a chat; none are none."""
    return isinstance(value, list) and bool(value) and all(is_message(item) for item in value)


def role_of(message: Any) -> str | None:
    """swift's name of a message's role, or None. Never raises."""
    role = message.get("role", message.get("from")) if isinstance(message, dict) else None
    return _ROLES.get(role) if isinstance(role, str) else None


def is_prompt_with_gold(record: dict[str, Any]) -> bool:
    """Whether its messages end with a question or a tool's result, and a column says what a good
    answer is."""
    messages = record.get("messages")
    has_gold = (
        any(record.get(name) is not None for name in GOLD_COLUMNS)
        and record.get("expected_calls") is None
    )
    return (
        has_gold and are_messages(messages) and role_of(messages[-1]) in ("user", "tool_response")
    )


def with_system(system: str, messages: list[Message]) -> list[Message]:
    """The messages, with this text in front, unless it is empty or stands there already."""
    if not system.strip() or messages[:1] == [{"role": "system", "content": system}]:
        return messages
    return [{"role": "system", "content": system}, *messages]


def messages_of(messages: Any, where: str) -> list[Message]:
    """The messages, with the results of parallel calls in the order of their calls. Raises
    DataError."""
    if not isinstance(messages, list):
        raise DataError(
            f"{where} is not a list of messages", "bad_message", "write [{role, content}]"
        )
    return list(_messages(messages, where))


def _messages(messages: list[Any], where: str) -> Iterator[Message]:
    ids: list[Any] = []  # of the calls made last, in their order
    results: list[tuple[Any, Message]] = []  # what came back for them
    for index, message in enumerate(messages):
        place = f"{where}[{index}]"
        role = _known_role(message, place)
        flag = loss_flag({**message, "role": "assistant" if role in ANSWERS else role}, place)
        if role == "tool_response":
            content = text_of(_content(message), place)
            results.append((message.get("tool_call_id"), {"role": role, "content": content}))
            continue
        yield from in_call_order(results, ids, place)
        results, ids = (
            [],
            [call.get("id") for call in _calls(message, role, place) if isinstance(call, dict)],
        )
        for made in _made(message, role, place):
            made.update(flag)
            yield made
    yield from in_call_order(results, ids, "the end")


def _known_role(message: Any, where: str) -> str:
    role = role_of(message)
    if role is None:
        fix = "write {role, content} with a role of system, user, assistant or tool"
        raise DataError(f"{where} is not a message with a known role", "bad_role", fix)
    return role


def _content(message: dict[str, Any]) -> Any:
    return message.get("value") if "from" in message else message.get("content")


def _made(message: dict[str, Any], role: str, where: str) -> Iterable[Message]:
    if role == "tool_call":
        return _own_calls(_content(message), where)
    if role == "assistant":
        return _answer(message, where)
    return [{"role": role, "content": text_of(_content(message), where)}]


def _answer(message: dict[str, Any], where: str) -> Iterator[Message]:
    content, calls = text_of(_content(message), where), _calls(message, "assistant", where)
    if thinking := reasoning_of(message, where):
        content = join(thinking, content, where)
    if content.strip() or not calls:
        yield {"role": "assistant", "content": content}
    for number, call in enumerate(calls):
        yield call_message(call_from(call, f"{where}.tool_calls[{number}]"))


def _own_calls(content: Any, where: str) -> Iterator[Message]:
    """The call, or the list of calls, that the content of a tool_call message is or is JSON text
    of."""
    value = _decoded(content, where) if isinstance(content, str) else content
    for call in value if isinstance(value, list) else [value]:
        yield call_message(call_from(call, where))


def _decoded(text: str, where: str) -> Any:
    try:
        return decode_distinct(text, where)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: the call is not valid JSON: {error}", "bad_call", "write it as JSON text"
        ) from error


def _calls(message: dict[str, Any], role: str, where: str) -> list[Any]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise DataError(f"{where}: tool_calls is not a list", "bad_call", "write a list of calls")
    calls = calls + ([message["function_call"]] if message.get("function_call") else [])
    if calls and role != "assistant":
        raise DataError(
            f"{where}: calls in a message of {role}",
            "bad_call",
            "give them to an assistant's message",
        )
    return calls
