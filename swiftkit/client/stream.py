"""Read a streamed chat completion (server-sent events) into the body that the same answer has
without streaming.

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
# what counts as a token having come
_TEXTS = ("content", "reasoning_content", "reasoning", "tool_calls")


async def read_stream(content: aiohttp.StreamReader, start: float) -> tuple[bytes, float]:
    """The body as JSON bytes, and the seconds from `start` (of time.perf_counter) to the first
    token, 0 without any.

    A stream that ends before its end gives the body that was cut off, which is no chat completion.
    """
    answer, first_token = _Assembled(), 0.0
    async for event in _events(content):
        if event == _DONE:
            answer.whole = True
            break
        if answer.add(event) and not first_token:
            first_token = time.perf_counter() - start
    return answer.body(), first_token


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The payload of each `data:` line; lines of any length."""
    rest = b""
    async for block in content.iter_any():
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.startswith(_DATA):
                yield line[len(_DATA) :].strip()
    if rest.startswith(_DATA):
        yield rest[len(_DATA) :].strip()


class _Assembled:
    """The message that the chunks make up; `whole` once the server has said that it is."""

    def __init__(self) -> None:
        self.whole = False
        self._texts: list[str] = []
        self._calls: dict[Any, dict[str, Any]] = {}
        self._finish = self._usage = self._error = None
        self._broken = b""

    def add(self, event: bytes) -> bool:
        """Take one chunk in; whether it brought anything of the message."""
        try:
            chunk = msgspec.json.decode(event)
        except (msgspec.DecodeError, RecursionError):
            chunk = None
        if not isinstance(chunk, dict):
            self._broken = self._broken or event
            return False
        self._usage = chunk.get("usage") or self._usage
        self._error = self._error or chunk.get("error")
        choices = chunk.get("choices")
        choice = (
            choices[0]
            if isinstance(choices, list) and choices and isinstance(choices[0], dict)
            else {}
        )
        self._finish = choice.get("finish_reason") or self._finish
        delta = choice.get("delta")
        return self._add_delta(delta) if isinstance(delta, dict) else False

    def _add_delta(self, delta: dict[str, Any]) -> bool:
        if isinstance(text := delta.get("content"), str):
            self._texts.append(text)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                self._add_call(call)
        return any(delta.get(name) for name in _TEXTS)

    def _add_call(self, call: dict[str, Any]) -> None:
        place = call.get("index")
        key = place if isinstance(place, int) else f"call {len(self._calls)}"
        function = call.get("function")
        part: dict[str, Any] = function if isinstance(function, dict) else {}
        found = self._calls.setdefault(key, {"name": "", "arguments": ""})
        found["name"] = found["name"] or part.get("name") or ""
        arguments = part.get("arguments")
        if isinstance(arguments, str) and isinstance(found["arguments"], str):
            found["arguments"] += arguments
        elif arguments is not None:
            found["arguments"] = arguments

    def body(self) -> bytes:
        if self._broken or self._error or not (self.whole or self._finish):
            return self._broken or msgspec.json.encode(
                {"error": self._error or "the stream ended in the middle"}
            )
        message: dict[str, Any] = {"content": "".join(self._texts)}
        if self._calls:
            message["tool_calls"] = [{"function": call} for call in self._calls.values()]
        choice = {"message": message, "finish_reason": self._finish}
        return msgspec.json.encode({"choices": [choice], "usage": self._usage})
