r"""Anthropic messages: contents are lists of blocks, tool_use and tool_result among them.

Source: the Messages API of Anthropic, as its logs and data made with its models have it. A real
row:

    {"system": "Use the tools.",
     "messages": [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "I need the weather.", "signature": "EqQB..."},
            {"type": "text", "text": "I'll look."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1",
                                      "content": "15 degrees", "is_error": false}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It is 15 degrees."}]}],
     "tools": [{"name": "weather", "description": "...", "input_schema": {...}}]}

Results are put in the order of their calls. `system` is text or text blocks. A result with
`is_error` begins with "Error: ", unless its text says so itself. Left out is what only the API can
read: redacted_thinking, signatures, cache marks. Rows without any such block are OpenAI's too, and
that converter claims them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.json_values import field, listed
from swiftkit.data.messages import (
    FLAGS,
    answer_message,
    call_message,
    loss_flag,
    placed,
    result_message,
    text_of,
)
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.tool_results import in_call_order

ORDER = 310
READS = {
    "": "messages",
    "system[]": "type text -cache_control",
    "messages[]": f"role content {FLAGS} -id -model -type -usage -stop_reason -stop_sequence",
    "messages[].content[]": "type text thinking id name input tool_use_id content is_error"
    " -signature -data -cache_control -citations",
    "messages[].content[].content[]": "type text -cache_control",
}

_ROLES = ("system", "user", "assistant")
_BLOCKS = ("tool_use", "tool_result", "thinking", "redacted_thinking")  # no other format has them


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list) or "expected_calls" in record:
        return False  # ms-swift's own rows pass as they are
    for message in messages:
        content = field(message, "content")
        if isinstance(content, list) and any(field(block, "type") in _BLOCKS for block in content):
            return True
    return False


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise DataError("the row has no messages", "no_messages", "give a list of messages")
    texts = [text_of(block, "system") for block in listed(record.get("system"))]
    text = "\n\n".join(text for text in texts if text)
    return [make_row(_messages(messages), {**record, "system": text}, ())]


def _messages(messages: list[Any]) -> Iterator[Message]:
    ids: list[Any] = []  # of the last answer's calls, in their order
    results: list[tuple[Any, Message]] = []  # what came back for them
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        role = field(message, "role")
        if role not in _ROLES:
            fix = f"use {', '.join(_ROLES)}"
            raise DataError(f"{where}: unknown role {role!r}", "bad_role", fix)
        blocks = _blocks_of(message.get("content"), where)
        loss = loss_flag(message, where, is_answer=role == "assistant")
        if role == "user":
            new_results = _results(blocks, where)
            results += new_results
            blocks = blocks[len(new_results) :]
            if not blocks and results:
                continue  # more of them may follow
        yield from in_call_order(results, ids, where)
        results = []
        if role == "assistant":
            ids = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
            for part in _answer(blocks, where):
                yield placed(part | loss, where)
        else:
            yield placed({"role": role, "content": text_of(blocks, where)}, where)
    yield from in_call_order(results, ids, "the end")


def _blocks_of(content: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(content, list):
        return [{"type": "text", "text": text_of(content, where)}]
    if not all(isinstance(block, dict) for block in content):
        reason = f"{where}: content is neither text nor blocks"
        raise DataError(reason, "bad_content", "write text, or {type, ...}")
    return content


def _results(blocks: list[dict[str, Any]], where: str) -> list[tuple[Any, Message]]:
    """Return the results that a user's blocks begin with, each behind the id of its call."""
    are_results: list[bool] = [block.get("type") == "tool_result" for block in blocks]
    count = sum(are_results)
    if not all(are_results[:count]):
        raise DataError(f"{where}: text before a tool_result", "bad_order", "put the results first")
    results: list[tuple[Any, Message]] = []
    for block in blocks[:count]:
        text = text_of(block.get("content"), where)
        if block.get("is_error") is True and not text.lower().startswith("error"):
            text = f"Error: {text}"
        identity = block.get("tool_use_id")
        results.append((identity, placed(result_message(text, identity), where)))
    return results


def _answer(blocks: list[dict[str, Any]], where: str) -> Iterator[Message]:
    thoughts: list[str] = []
    texts: list[str] = []
    calls: list[Message] = []
    for block in blocks:
        kind = block.get("type")
        if kind == "tool_use":
            arguments = {"arguments": block["input"]} if "input" in block else {}
            call = call_from({"name": block.get("name"), **arguments}, where)
            calls.append(call_message(call, block.get("id")))
        elif kind == "thinking" and not texts and not calls:
            thoughts.append(text_of(block.get("thinking"), where))
        elif kind == "text" and not calls:
            texts.append(text_of([block], where))
        elif kind != "redacted_thinking":
            fix = "an answer is thinking, then text, then tool_use, and nothing else"
            raise DataError(f"{where}: a block {kind!r} in this place", "bad_content", fix)
    content = "".join(texts)
    reasoning = "\n\n".join(thought for thought in thoughts if thought)
    if content.strip() or reasoning or not calls:
        yield answer_message(content, reasoning)
    yield from calls
