"""Read a streamed chat completion (server-sent events) into the body that it has without streaming.

The chunks are the OpenAI form's. `swift deploy` of ms-swift 4.6.0 sends `tool_calls` whole, in the
last chunk, without an `index`; an error breaks its stream in the middle.
"""

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

_DATA = b"data:"
_DONE = b"[DONE]"
# the parts of a message whose first one is the first token
_TOKEN_PARTS = ("content", "reasoning_content", "reasoning", "tool_calls")


async def read_stream(content: aiohttp.StreamReader, start: float) -> tuple[bytes, float]:
    """Return the body as JSON, and the seconds from `start` to the first token, 0 without any.

    A stream that ends before its end gives a body that is no chat completion.
    """
    answer, first_token = StreamedAnswer(), 0.0
    async for event in _read_events(content):
        if event == _DONE:
            answer.is_complete = True
            break
        if answer.add(event) and not first_token:
            first_token = time.perf_counter() - start
    return answer.body(), first_token


async def _read_events(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield the payload of each `data:` line; lines of any length, in time linear in them."""
    begun: list[bytes] = []  # of the line that has not ended
    async for block in content.iter_any():
        first, *lines = block.split(b"\n")
        begun.append(first)
        if not lines:
            continue
        lines = [b"".join(begun), *lines]
        begun = [lines.pop()]
        for line in lines:
            if line.startswith(_DATA):
                yield line[len(_DATA) :].strip()
    rest = b"".join(begun)
    if rest.startswith(_DATA):
        yield rest[len(_DATA) :].strip()


class StreamedAnswer:
    """The message that the chunks make up; [DONE] or a finish reason completes it."""

    def __init__(self) -> None:
        self.is_complete = False
        self._texts: list[str] = []
        self._calls: dict[Any, dict[str, Any]] = {}  # by index
        self._finish = self._usage = self._error = None
        self._broken = b""

    def add(self, event: bytes) -> bool:
        """Add one chunk; return whether it brought anything of the message."""
        try:
            chunk = msgspec.json.decode(event)
        except (msgspec.DecodeError, RecursionError):
            chunk = None
        if not isinstance(chunk, dict):
            self._broken = self._broken or event
            return False
        self._usage = chunk.get("usage") or self._usage
        self._error = self._error or chunk.get("error")
        delta = None
        match chunk.get("choices"):
            case [dict(choice), *_]:
                self._finish = choice.get("finish_reason") or self._finish
                delta = choice.get("delta")
        if not isinstance(delta, dict):
            return False
        if isinstance(delta.get("content"), str):
            self._texts.append(delta["content"])
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                self._add_call(call)
        return any(delta.get(name) for name in _TOKEN_PARTS)

    def _add_call(self, part: dict[str, Any]) -> None:
        """Add a call or a part of one: the name comes once, the arguments piece by piece."""
        index = part.get("index")
        key = index if isinstance(index, int) else f"call {len(self._calls)}"
        call = self._calls.setdefault(key, {"name": "", "arguments": ""})
        function = part.get("function")
        if not isinstance(function, dict):
            return
        call["name"] = call["name"] or function.get("name") or ""
        arguments = function.get("arguments")
        if isinstance(arguments, str) and isinstance(call["arguments"], str):
            call["arguments"] += arguments
        elif arguments is not None:
            call["arguments"] = arguments

    def body(self) -> bytes:
        """Return the body of the same answer without streaming; of a broken stream its error."""
        if self._broken:
            return self._broken
        if self._error or not (self.is_complete or self._finish):
            error = self._error or "the stream ended in the middle"
            return msgspec.json.encode({"error": error})
        message: dict[str, Any] = {"content": "".join(self._texts)}
        if self._calls:
            message["tool_calls"] = [{"function": call} for call in self._calls.values()]
        choice = {"message": message, "finish_reason": self._finish}
        return msgspec.json.encode({"choices": [choice], "usage": self._usage})
