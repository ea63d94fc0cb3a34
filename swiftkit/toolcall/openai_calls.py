r"""The OpenAI wire format of tool calls, in messages that are sent and in answers that come back.

    {"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"北京\"}"}}]}

Source: the OpenAI chat completions API. `arguments` is JSON text there; some servers give an
object.
"""

from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.toolcall.call import Parsed, ToolCall, call_from


def parse(message: dict[str, Any]) -> Parsed:
    """The calls of an assistant message that a model produced. Never raises: what cannot be read is
    `malformed`."""
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    tool_calls = message.get("tool_calls") or []
    if not isinstance(tool_calls, list):
        return Parsed([], text, "tool_calls is not a list")
    try:
        return Parsed(
            [call_from(call, f"tool_calls[{index}]") for index, call in enumerate(tool_calls)], text
        )
    except DataError as error:
        return Parsed([], text, error.reason)


def render(calls: list[ToolCall]) -> list[dict[str, Any]]:
    """The `tool_calls` list of an assistant message, with the ids call_0, call_1, ..."""
    return [to_openai(call, f"call_{index}") for index, call in enumerate(calls)]


def to_openai(call: ToolCall, identity: str) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {
        "id": identity,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }
