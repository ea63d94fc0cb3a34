r"""Anthropic messages: contents are lists of blocks, tool_use and tool_result among them.

Source: the Messages API of Anthropic, as its logs and data made with its models have it. A real
row:

    {"system": "Use the tools.",
     "messages": [{"role": "user", "content": "What is the weather in San Francisco?"},
                  {"role": "assistant", "content": [
                     {"type": "thinking", "thinking": "I need the weather.", "signature": "EqQB..."},
                     {"type": "text", "text": "I'll look."},
                     {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "San Francisco"}}]},
                  {"role": "user", "content": [
                     {"type": "tool_result", "tool_use_id": "toolu_1", "content": "15 degrees", "is_error": false}]},
                  {"role": "assistant", "content": [{"type": "text", "text": "It is 15 degrees."}]}],
     "tools": [{"name": "get_weather", "description": "...", "input_schema": {"type": "object", ...}}]}

Results are put in the order of their calls. `system` is text or text blocks. A result with
`is_error` begins with "Error: ", unless its text says so itself. Left out is what only the API can
read: redacted_thinking, signatures, cache marks. Rows without any such block are OpenAI's too, and
that converter claims them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.rows import call_message, is_judged, loss_flag, make_row, text_of
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import join
from swiftkit.toolcall.tool_results import in_call_order

_ROLES = ("system", "user", "assistant")
_BLOCKS = ("tool_use", "tool_result", "thinking", "redacted_thinking")  # which no other format has


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list) or "expected_calls" in record or is_judged(record):
        return False
    if not all(isinstance(message, dict) and message.get("role") in _ROLES for message in messages):
        return False
    contents = (message.get("content") for message in messages)
    blocks = (block for content in contents if isinstance(content, list) for block in content)
    return any(isinstance(block, dict) and block.get("type") in _BLOCKS for block in blocks)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise DataError("the row has no messages", "no_messages", "give a list of messages")
    return [make_row(_messages(messages), {**record, "system": _system(record.get("system"))}, ())]


def _system(system: Any) -> str:
    blocks = system if isinstance(system, list) else [system]
    return "\n\n".join(filter(None, (text_of(block, "system") for block in blocks)))


def _messages(messages: list[Any]) -> Iterator[Message]:
    ids: list[Any] = []  # of the calls made last, in their order
    results: list[tuple[Any, Message]] = []  # what came back for them
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _ROLES:
            raise DataError(
                f"{where}: unknown role {role!r}", "bad_role", f"use {', '.join(_ROLES)}"
            )
        blocks, loss = _blocks(message.get("content"), where), loss_flag(message, where)
        if role == "user":
            results += [
                _result(block, where) for block in blocks if block.get("type") == "tool_result"
            ]
            blocks = _after_results(blocks, where)
            if not blocks and results:
                continue  # more of them may follow
        yield from in_call_order(results, ids, where)
        results = []
        if role == "assistant":
            ids = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
            yield from (part | loss for part in _answer(blocks, where))
        else:
            yield {"role": role, "content": text_of(blocks, where)}
    yield from in_call_order(results, ids, "the end")


def _blocks(content: Any, where: str) -> list[dict[str, Any]]:
    blocks = (
        content
        if isinstance(content, list)
        else [{"type": "text", "text": text_of(content, where)}]
    )
    if not all(isinstance(block, dict) for block in blocks):
        raise DataError(
            f"{where}: content is neither text nor blocks",
            "bad_content",
            "write text, or {type, ...}",
        )
    return blocks


def _after_results(blocks: list[dict[str, Any]], where: str) -> list[dict[str, Any]]:
    kinds = [block.get("type") == "tool_result" for block in blocks]
    count = sum(kinds)
    if not all(kinds[:count]):
        raise DataError(f"{where}: text before a tool_result", "bad_order", "put the results first")
    return blocks[count:]


def _result(block: dict[str, Any], where: str) -> tuple[Any, Message]:
    text = text_of(block.get("content"), where)
    if block.get("is_error") is True and not text.lower().startswith("error"):
        text = f"Error: {text}"
    return block.get("tool_use_id"), {"role": "tool_response", "content": text}


def _answer(blocks: list[dict[str, Any]], where: str) -> Iterator[Message]:
    thoughts: list[str] = []
    texts: list[str] = []
    calls: list[ToolCall] = []
    for block in blocks:
        kind = block.get("type")
        if kind == "tool_use":
            calls.append(_call(block, where))
        elif kind == "thinking" and not texts and not calls:
            thoughts.append(text_of(block.get("thinking"), where))
        elif kind == "text" and not calls:
            texts.append(text_of([block], where))
        elif kind != "redacted_thinking":
            fix = "an answer is thinking, then text, then tool_use, and nothing else"
            raise DataError(f"{where}: a block {kind!r} in this place", "bad_content", fix)
    content = "".join(texts)
    if thinking := "\n\n".join(thought for thought in thoughts if thought):
        content = join(thinking, content, where)
    if content.strip() or not calls:
        yield {"role": "assistant", "content": content}
    yield from (call_message(call) for call in calls)


def _call(block: dict[str, Any], where: str) -> ToolCall:
    arguments = {"arguments": block["input"]} if "input" in block else {}
    return call_from({"name": block.get("name"), **arguments}, where)
