"""OpenAI messages in one form, whatever template will render them."""

from typing import Any

from swiftkit import json_text
from swiftkit.errors import DataError
from swiftkit.toolcall import reasoning
from swiftkit.toolcall.openai_calls import content_text

Message = dict[str, Any]
REASONING = reasoning.KEYS[0]  # the key under which neutral messages hold it


def neutral(messages: Any) -> list[Message]:
    """Return OpenAI messages with each thing in one place.

    Content is a text, "" where it was null or absent, as vLLM and SGLang hand it to a template;
    arguments are objects; reasoning stands under `reasoning_content`. An empty `tool_calls` is
    left out. Raises DataError for what is no conversation, or holds more than text.
    """
    if not isinstance(messages, list) or not messages:
        raise DataError("no messages", "no_messages", "a conversation is a list of messages")
    return [_neutral(message, f"message {n}") for n, message in enumerate(messages, 1)]


def _neutral(message: Any, where: str) -> Message:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise DataError(f"{where} has no role", "bad_message", "each message is {role, content}")
    content = content_text(message.get("content"))
    if content is None:
        problem = f"{where}: content is neither text nor text parts"
        raise DataError(problem, "bad_content", "give the content as text")
    result: Message = {}
    for key, value in message.items():
        if key not in ("content", "tool_calls", *reasoning.KEYS):
            result[key] = value
    result["content"] = content
    thought = reasoning.reasoning_of(message, where)
    if thought is not None:
        result[REASONING] = thought
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise DataError(f"{where}: tool_calls is no list", "bad_call", "give a list of calls")
    if calls:
        result["tool_calls"] = [_neutral_call(call, where) for call in calls]
    return result


def _neutral_call(call: Any, where: str) -> Message:
    match call:
        case {"function": {"name": str(), "arguments": arguments} as function}:
            pass
        case {"function": {"name": str()} as function}:
            arguments = {}
        case _:
            fix = '{"type": "function", "function": {"name", "arguments"}}'
            raise DataError(f"{where}: not a call in OpenAI's form", "bad_call", fix)
    if isinstance(arguments, str):
        fix = "the arguments are a JSON object"
        arguments = json_text.decode(arguments or "{}", f"{where}: arguments", "bad_call", fix)
    if not isinstance(arguments, dict):
        raise DataError(f"{where}: the arguments are no object", "bad_call", "give an object")
    return {**call, "function": {**function, "arguments": arguments}}
