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

from swiftkit.data.exchange import has_blocks
from swiftkit.data.from_anthropic import add_message, system_text
from swiftkit.data.messages import FLAGS
from swiftkit.data.roles import is_plain_chat
from swiftkit.data.rows import make_row
from swiftkit.data.turns import Turns
from swiftkit.errors import DataError
from swiftkit.records import Message, Row

ORDER = 310
READS = {
    "": "messages",
    "system[]": "type text -cache_control",
    "messages[]": f"role content {FLAGS} -id -model -type -usage -stop_reason -stop_sequence",
    "messages[].content[]": "type text thinking id name input tool_use_id content is_error"
    " -signature -data -cache_control -citations",
    "messages[].content[].content[]": "type text -cache_control",
}


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list) or "expected_calls" in record:
        return False  # ms-swift's own rows pass as they are
    return not is_plain_chat(messages) and any(map(has_blocks, messages))


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise DataError("the row has no messages", "no_messages", "give a list of messages")
    text = system_text(record.get("system"))
    return [make_row(_messages(messages), {**record, "system": text}, ())]


def _messages(messages: list[Any]) -> Iterator[Message]:
    turns = Turns()
    for number, message in enumerate(messages):
        add_message(turns, message, f"messages[{number}]")
    turns.end()
    yield from turns.messages
