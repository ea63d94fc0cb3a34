r"""The OpenAI wire format of tool calls, in messages that are sent and in answers that come back.

    {"role": "assistant", "content": null, "tool_calls": [{"id": "call_0", "type": "function",
        "function": {"name": "weather", "arguments": "{\"city\": \"北京\"}"}}]}

Source: the OpenAI chat completions API. `arguments` is JSON text there; some servers give an
object.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.json_text import replace_escaped_surrogates
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.read_call import call_from


def parse(message: dict[str, Any]) -> Parsed:
    """Read an assistant message of a model. Never raises: calls that cannot be read make it
    `malformed`."""
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    tool_calls = message.get("tool_calls") or []
    if not isinstance(tool_calls, list):
        return Parsed([], text, "tool_calls is not a list")
    try:
        calls = []
        for index, call in enumerate(tool_calls):
            calls.append(call_from(readable(call), f"tool_calls[{index}]"))
    except DataError as error:
        return Parsed([], text, error.reason)
    return Parsed(calls, text)


def readable(call: Any) -> Any:
    """Return an item of `tool_calls` without lone surrogates in the text of its arguments."""
    match call:
        case {"function": {"arguments": str(text)} as function} if "\\u" in text:
            return {**call, "function": {**function, "arguments": replace_escaped_surrogates(text)}}
    return call


def render(calls: list[ToolCall]) -> list[dict[str, Any]]:
    """Return the `tool_calls` of an assistant message, with the ids call_0, call_1, ..."""
    return [to_openai(call, f"call_{index}") for index, call in enumerate(calls)]


def to_openai(call: ToolCall, identity: str) -> dict[str, Any]:
    """Return one item of `tool_calls`, whose id is `identity`."""
    arguments = msgspec.json.encode(call.arguments).decode()
    function = {"name": call.name, "arguments": arguments}
    return {"id": identity, "type": "function", "function": function}


def content_text(content: Any) -> str | None:
    """Return the text of a message's `content`; None where it holds anything else than text.

    The content is a string, null, or a list of text parts: [{"type": "text", "text": "..."}].
    """
    texts = []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, Mapping) and part.get("type") == "text":
            part = part.get("text")
        if part is not None and not isinstance(part, str):
            return None
        texts.append(part or "")
    return "".join(texts)
