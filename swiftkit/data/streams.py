r"""A response that a log keeps as the pieces of its stream, put together again.

    [{"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "A"}}]}, ...]
    "data: {...}\n\ndata: {...}\n\ndata: [DONE]\n"

Source: the streams of OpenAI's chat completions and Responses, Anthropic's messages, Gemini's
streamGenerateContent and Bedrock's converseStream.
"""

import re
from typing import Any

from swiftkit.data.json_values import field, items
from swiftkit.json_text import decode_or_none

_DATA = re.compile(r"^data: ?(.*)$", re.MULTILINE)
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "text", "thinking")
_DONE = ("response.completed", "response.incomplete", "response.failed")


def assembled(response: Any) -> Any:
    """Return the whole response where it is a list of pieces, or their text; else as it is."""
    pieces = response
    if isinstance(response, str) and _DATA.match(response.lstrip()):
        pieces = [decode_or_none(found[1]) for found in _DATA.finditer(response)]
        pieces = [piece for piece in pieces if piece is not None]
    if not isinstance(pieces, list) or not pieces:
        return response
    first = pieces[0]
    if any(_has_delta(piece) for piece in pieces):
        return _chat(pieces)
    if field(first, "type") == "message_start":
        return _anthropic(pieces)
    if field(first, "type") == "response.created":
        for piece in reversed(pieces):
            if field(piece, "type") in _DONE:
                return field(piece, "response")
        return {"object": "response", "status": "incomplete", "output": []}
    if all(isinstance(piece, dict) and "candidates" in piece for piece in pieces):
        return _gemini(pieces)
    if isinstance(first, dict) and "messageStart" in first:
        return _bedrock(pieces)
    return response


def _index(piece: Any, name: str) -> int:
    index = field(piece, name)
    return index if isinstance(index, int) else 0


def _has_delta(piece: Any) -> bool:
    return any(
        isinstance(field(choice, "delta"), dict) for choice in items(field(piece, "choices"))
    )


def _chat(pieces: list[Any]) -> dict[str, Any]:
    """Return a chat completion of its chunks; one that never ended has the reason "unfinished"."""
    choices: dict[Any, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    for piece in pieces:
        whole.setdefault("id", field(piece, "id"))
        if field(piece, "error"):
            whole["error"] = piece["error"]
        for chunk in items(field(piece, "choices")):
            empty = {"message": {"role": "assistant"}, "finish_reason": None}
            choice = choices.setdefault(_index(chunk, "index"), empty)
            if field(chunk, "finish_reason"):
                choice["finish_reason"] = chunk["finish_reason"]
            _add(choice["message"], field(chunk, "delta"))
    for choice in choices.values():
        choice["finish_reason"] = choice["finish_reason"] or "unfinished"
    return whole | {"choices": list(choices.values())}


def _add(message: dict[str, Any], delta: Any) -> None:
    """Add what one chunk brings to a message."""
    if not isinstance(delta, dict):
        return
    for name, value in delta.items():
        if name in _TEXTS and isinstance(value, str):
            message[name] = (message.get(name) or "") + value
        elif name == "tool_calls":
            _add_calls(message.setdefault("tool_calls", []), value)
        elif name == "function_call" and isinstance(value, dict):
            _add_call(message.setdefault("function_call", {}), value)
        elif name != "role" and value is not None:
            message[name] = value


def _add_calls(calls: list[Any], deltas: Any) -> None:
    for delta in items(deltas):
        index = field(delta, "index")
        for call in calls:
            if call["index"] == index and index is not None:
                break
        else:
            call = {"index": index, "function": {}}
            calls.append(call)
        if isinstance(delta, dict):
            for name in ("id", "type"):
                call[name] = delta.get(name) or call.get(name)
        _add_call(call["function"], field(delta, "function"))


def _add_call(function: dict[str, Any], delta: Any) -> None:
    for name in ("name", "arguments"):
        value = field(delta, name)
        if isinstance(value, str):
            function[name] = function.get(name, "") + value


def _anthropic(pieces: list[Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"type": "message", "stop_reason": "unfinished"}
    blocks: dict[Any, dict[str, Any]] = {}
    for piece in pieces:
        kind, delta = field(piece, "type"), field(piece, "delta")
        if kind == "message_start" and isinstance(field(piece, "message"), dict):
            message = piece["message"] | {"stop_reason": "unfinished"}
        elif kind == "content_block_start" and isinstance(field(piece, "content_block"), dict):
            blocks[_index(piece, "index")] = dict(piece["content_block"])
        elif kind == "content_block_delta":
            block = blocks.setdefault(_index(piece, "index"), {})
            for name in ("text", "thinking", "partial_json", "signature"):
                if isinstance(field(delta, name), str):
                    block[name] = block.get(name, "") + delta[name]
        elif kind == "message_delta" and field(delta, "stop_reason"):
            message["stop_reason"] = delta["stop_reason"]
        elif kind == "error":
            message["error"] = field(piece, "error")
    for block in blocks.values():
        _read_input(block, "input")
    return message | {"content": list(blocks.values())}


def _read_input(block: dict[str, Any], name: str) -> None:
    """Put the arguments of a call, which come as pieces of JSON text, where they belong."""
    text = block.pop("partial_json", None)
    if text:
        block[name] = decode_or_none(text)


def _gemini(pieces: list[Any]) -> dict[str, Any]:
    candidates: dict[Any, dict[str, Any]] = {}
    for piece in pieces:
        for candidate in items(piece["candidates"]):
            index = _index(candidate, "index")
            empty: dict[str, Any] = {"content": {"role": "model", "parts": []}}
            whole = candidates.setdefault(index, empty)
            whole["content"]["parts"] += items(field(field(candidate, "content"), "parts"))
            reason = field(candidate, "finishReason") or field(candidate, "finish_reason")
            whole["finishReason"] = reason or "unfinished"
    return {"candidates": list(candidates.values())}


def _bedrock(pieces: list[Any]) -> dict[str, Any]:
    parts: dict[Any, dict[str, Any]] = {}
    thoughts: dict[int, str] = {}  # by the id of their part
    reason: Any = "unfinished"
    for piece in pieces:
        start = field(piece, "contentBlockStart")
        if isinstance(field(field(start, "start"), "toolUse"), dict):
            parts[_index(start, "contentBlockIndex")] = {"toolUse": dict(start["start"]["toolUse"])}
        delta = field(piece, "contentBlockDelta")
        part = parts.setdefault(_index(delta, "contentBlockIndex"), {}) if delta else {}
        change = field(delta, "delta")
        if isinstance(field(change, "text"), str):
            part["text"] = part.get("text", "") + change["text"]
        if isinstance(field(field(change, "toolUse"), "input"), str):
            call = part.setdefault("toolUse", {})
            call["partial_json"] = call.get("partial_json", "") + change["toolUse"]["input"]
        if isinstance(field(field(change, "reasoningContent"), "text"), str):
            text = change["reasoningContent"]["text"]
            thoughts[id(part)] = thoughts.get(id(part), "") + text
            part["reasoningContent"] = {"reasoningText": {"text": thoughts[id(part)]}}
        reason = field(field(piece, "messageStop"), "stopReason") or reason
    for part in parts.values():
        if "toolUse" in part:
            _read_input(part["toolUse"], "input")
    content = list(parts.values())
    return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason}
