"""Messages of a chat to messages of a swift row, shared by the formats that hold such lists.

Read: OpenAI's {role, content, tool_calls}, with text parts, the legacy function_call and reasoning
beside the answer; ShareGPT's {from, value}; ms-swift's own roles tool_call and tool_response.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from swiftkit.data.json_values import as_text, field, listed
from swiftkit.data.messages import (
    FLAGS,
    REASONING,
    answer_message,
    call_message,
    loss_flag,
    placed,
    reasoning_beside,
    result_message,
    text_of,
)
from swiftkit.data.roles import (
    ANSWERS,
    are_messages,
    is_message,
    role_as_written,
    role_of,
    unknown_role,
)
from swiftkit.errors import DataError
from swiftkit.json_text import decode
from swiftkit.records import GOLD_COLUMNS, Message
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.python_arguments import with_python_arguments
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.tool_results import in_call_order

# what `messages_of` reads of a message, and of the calls in it; `{}` is the path of the list
_CALL = "id type -index function name arguments parameters"
_READS = {
    "{}[]": f"role from content value tool_calls function_call tool_call_id name {REASONING}"
    f" {FLAGS} -refusal -annotations",
    "{}[].content[]": "type text -annotations -cache_control",
    "{}[].tool_calls[]": _CALL,
    "{}[].tool_calls[].function": "name arguments parameters",
    "{}[].function_call": "name arguments parameters",
}


def reads_of(*paths: str, also: str = "") -> dict[str, str]:
    """Return what is read of the lists of messages at these paths, for a converter's READS.

    also: further keys of a message, and those that say nothing.
    """
    reads = {key.format(path): names for path in paths for key, names in _READS.items()}
    for path in paths:
        reads[f"{path}[]"] += f" {also}"
    return reads


_CHATS = ("messages", "conversations", "conversation", "dialog", "dialogue")  # columns
_QUESTIONS, _ANSWERS = ("human", "user", "input"), ("assistant", "bot", "gpt", "output")


def unfolded(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with {role, content} in `messages`, {from, value} in `conversations`.

    Data sets give the lists other names, and write them as JSON text; the older ones hold {human,
    assistant} or {input, output} pairs. Raises DataError (bad_message, duplicate_key) for a list
    that is no JSON.
    """
    messages = record.get("messages")
    if isinstance(messages, list):
        first = messages[0] if messages else None
        if not isinstance(first, dict) or "from" not in first:
            return record
    for column in _CHATS:
        chat = _chat(record.get(column), column)
        if not are_messages(chat):
            continue
        place = "messages" if isinstance(chat[0].get("role"), str) else "conversations"
        if column != place and record.get(place) is not None:
            return record
        others = {name: value for name, value in record.items() if name != column}
        return others | {place: chat}
    return record


def _chat(value: Any, column: str) -> Any:
    """Return the list that a column holds or is JSON text of, pairs as messages; or the value."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        fix = "write a list, or its JSON text"
        value = decode(value, column, "bad_message", fix, "text that is no JSON")
    if not isinstance(value, list):
        return value
    messages: list[dict[str, Any]] = []
    for item in value:
        pair = _messages_of_pair(item)
        if not pair:
            return value
        messages += pair
    return messages


def _messages_of_pair(item: Any) -> list[dict[str, Any]]:
    """Return the two messages of {human, assistant}; none where it is not such a pair."""
    if not isinstance(item, dict) or len(item) != 2:
        return []
    messages = []
    for role, names in (("user", _QUESTIONS), ("assistant", _ANSWERS)):
        texts = [item[name] for name in names if name in item]
        if not texts or texts[0] is None:
            return []
        messages.append({"role": role, "content": texts[0]})
    return messages


def is_prompt_with_gold(record: dict[str, Any]) -> bool:
    """Return whether its messages end without an answer, and a column says what a good one is."""
    has_gold = any(record.get(name) is not None for name in GOLD_COLUMNS)
    if record.get("expected_calls") is not None or not has_gold:
        return False
    messages = record.get("messages")
    return are_messages(messages) and role_of(messages[-1]) in ("user", "tool_response")


def with_system(system: str, messages: list[Message]) -> list[Message]:
    """Return the messages, with this text in front, unless it is empty or stands there already."""
    if not system.strip() or messages[:1] == [{"role": "system", "content": system}]:
        return messages
    return [placed({"role": "system", "content": system}, "system"), *messages]


def messages_of(messages: Any, where: str, numbers: Sequence[int] | None = None) -> list[Message]:
    """Return swift's messages; results stand in the order of their calls. Raises DataError.

    numbers: the places of the messages in the source, where a converter left some out.
    """
    if not isinstance(messages, list):
        fix = "write [{role, content}]"
        raise DataError(f"{where} is not a list of messages", "bad_message", fix)
    finished: list[Message] = []
    ids: list[Any] = []  # of the last answer's calls, in their order
    results: list[tuple[Any, Message]] = []  # what came back for them
    for index, message in enumerate(messages):
        place = f"{where}[{numbers[index] if numbers else index}]"
        role = _checked_role(message, place)
        flag = loss_flag(message, place, is_answer=role in ANSWERS)
        content = message.get("value") if "from" in message else message.get("content")
        if role == "tool_response":
            identity = message.get("tool_call_id")
            result = result_message(_result_text(content, place), identity, message.get("name"))
            results.append((identity, placed(result, place)))
            continue
        if results:
            finished += in_call_order(results, ids, place)
            results = []
        calls = _calls(message, role, place)
        if role == "tool_call":
            # ms-swift's own parallel calls are neighbours, each with its id
            parallel = bool(finished) and finished[-1]["role"] == "tool_call"
            ids = [*(ids if parallel else []), message.get("tool_call_id")]
            parts = _own_calls(message, content, place)
        elif role == "assistant":
            ids = [call.get("id") for call in calls if isinstance(call, dict)]
            parts = _answer(message, content, calls, place)
        else:
            ids = []
            parts = iter([Message(role=role, content=text_of(content, place))])
        for part in parts:
            part.update(flag)
            finished.append(placed(part, place))
    return [*finished, *in_call_order(results, ids, "the end")]


def _result_text(content: Any, where: str) -> str:
    """Return the text of a result, which may be any JSON value."""
    is_parts = isinstance(content, list) and any(field(part, "type") for part in content)
    return text_of(content, where) if content is None or is_parts else as_text(content)


def _checked_role(message: Any, where: str) -> str:
    """Return swift's name of a message's role. Raises DataError."""
    role = role_of(message)
    if isinstance(message, dict) and message.get("content") is None and message.get("parts"):
        fix = "write the text of the parts as content"
        raise DataError(f"{where}: the text is in 'parts'", "bad_content", fix)
    if role is None and is_message(message):
        raise unknown_role(role_as_written(message), where)
    if role is None:
        fix = "write {role, content} with a role of system, user, assistant or tool"
        raise DataError(f"{where} is not a message with a role", "bad_role", fix)
    return role


def _answer(
    message: dict[str, Any], content: Any, calls: list[Any], where: str
) -> Iterator[Message]:
    text = text_of(content, where)
    reasoning = reasoning_beside(message, where)
    if text.strip() or reasoning or not calls:
        yield answer_message(text, reasoning)
    for number, call in enumerate(calls):
        read = call_from(with_python_arguments(call), f"{where}.tool_calls[{number}]")
        yield call_message(read, field(call, "id"))


def _own_calls(message: dict[str, Any], content: Any, where: str) -> Iterator[Message]:
    """Yield the calls of a tool_call message: its content, or what that is JSON text of.

    Toucan has Python's text of a dict there.
    """
    if isinstance(content, str) and content.lstrip().startswith(("{'", "[{'")):
        with suppress(ValueError):
            content = python_literal.read(content)
    if isinstance(content, str):
        problem = "the call is not valid JSON"
        content = decode(content, where, "bad_call", "write it as JSON text", problem)
    calls = listed(content)
    identity = message.get("tool_call_id") if len(calls) == 1 else None
    for call in calls:
        yield call_message(call_from(with_python_arguments(call), where), identity)


def _calls(message: dict[str, Any], role: str, where: str) -> list[Any]:
    """Return the calls beside a message's content, as they are."""
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise DataError(f"{where}: tool_calls is not a list", "bad_call", "write a list of calls")
    if message.get("function_call"):
        calls = [*calls, message["function_call"]]
    if calls and role != "assistant":
        fix = "give them to an assistant's message"
        raise DataError(f"{where}: calls in a message of {role}", "bad_call", fix)
    return calls
