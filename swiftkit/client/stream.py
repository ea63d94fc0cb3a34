"""Read a streamed chat completion (server-sent events) into the body that it has without streaming.

The chunks are the OpenAI form's. `swift deploy` of ms-swift 4.6.0 sends `tool_calls` whole, in the
last chunk, without an `index`; an error breaks its stream in the middle.
"""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from swiftkit.client.body import MOST_BYTES, TooLargeError
from swiftkit.errors import DataError
from swiftkit.json_text import check_distinct
from swiftkit.toolcall.reasoning import KEYS

_DATA = b"data:"
_LONGEST_INDEX = 10  # digits
_DONE = b"[DONE]"
# the parts of a message that come as text, piece by piece
_TEXTS = ("content", "refusal", *KEYS)


async def read_stream(content: aiohttp.StreamReader, start: float) -> tuple[bytes, float]:
    """Return the body as JSON, and the seconds from `start` to the first token, 0 without any.

    A stream that ends before its end gives a body that is no chat completion. Raises TooLargeError.
    """
    answer, first_token = StreamedAnswer(), 0.0
    async for event in _read_events(content):
        if event == _DONE:
            break
        if answer.add(event) and not first_token:
            first_token = time.perf_counter() - start
    return answer.body(), first_token


async def _read_events(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield the payload of each `data:` line; lines of any length, in time linear in them.

    Raises TooLargeError.
    """
    begun: list[bytes] = []  # of the line that has not ended
    size = 0
    async for block in content.iter_any():
        size += len(block)
        if size > MOST_BYTES:
            raise TooLargeError
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


class _Call:
    """A call whose parts come one by one."""

    def __init__(self) -> None:
        self.name: Any = ""
        self.identity = ""
        self.pieces: list[str] = []  # of the arguments
        self.value: Any = ""  # the arguments of a server that does not give them as text

    def function(self) -> dict[str, Any]:
        return {"name": self.name, "arguments": _last_of_keys("".join(self.pieces)) or self.value}


class StreamedAnswer:
    """The message that the chunks make up; a finish reason completes it."""

    def __init__(self) -> None:
        self._texts: dict[str, list[Any]] = {name: [] for name in _TEXTS}
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_identity: dict[str, _Call] = {}
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
        choices = chunk.get("choices")
        if choices is None:  # an error may come bare, as `event: error`
            self._error = self._error or chunk.get("message")
        for choice in choices if isinstance(choices, list) else []:
            # others than the first were not asked for
            if isinstance(choice, dict) and not _index(choice.get("index")):
                return self._add_choice(choice, event)
        return False

    def _add_choice(self, choice: dict[str, Any], event: bytes) -> bool:
        """Add a choice: its delta, or the whole message, unless parts of it have come."""
        finish = choice.get("finish_reason")
        if finish and (finish != "stop" or not self._finish):  # stop says the least
            self._finish = finish
        self._error = self._error or choice.get("error")
        delta, message = choice.get("delta"), choice.get("message")
        if not delta and message and not self._calls and not any(self._texts.values()):
            delta = message
        if delta is None and "text" in choice:  # of /completions
            self._broken = self._broken or event
        return isinstance(delta, dict) and self._add_delta(delta)

    def _add_delta(self, delta: dict[str, Any]) -> bool:
        for name, pieces in self._texts.items():
            piece = delta.get(name)
            if isinstance(piece, str):
                pieces += [piece] if piece else []
            elif name == "content" and piece is not None:
                # read_completion says what is wrong with what is no list
                pieces += piece if isinstance(piece, list) else [{"text": piece}]
        calls = delta.get("tool_calls")
        if not calls and delta.get("function_call"):
            calls = [{"index": 0, "function": delta["function_call"]}]
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                self._add_call(call)
        return any(delta.get(name) for name in (*_TEXTS, "tool_calls", "function_call"))

    def _add_call(self, part: dict[str, Any]) -> None:
        """Add a call or a part of one: the name comes once, the arguments piece by piece."""
        function = part.get("function")
        function = function if isinstance(function, dict) else {}
        call = self._call_of(part, bool(function.get("name")))
        call.name = call.name or function.get("name") or ""
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.pieces.append(arguments)
        elif arguments is not None:
            call.value = arguments

    def _call_of(self, part: dict[str, Any], is_named: bool) -> "_Call":
        """Return the call that a part belongs to, a new one if it begins it.

        The index decides, but for servers that give several calls the same one: their ids differ.
        Without an index the id decides; without both, the name, with which a call begins.
        """
        index, identity = _index(part.get("index")), part.get("id")
        identity = identity if isinstance(identity, str) else ""
        if index is not None:
            call = self._by_index.get(index)
            # an id at every part, each another, is known too: those parts have no name
            if call and is_named and identity and call.identity not in ("", identity):
                call = None
        elif identity:
            call = self._by_identity.get(identity)
        else:
            call = None if is_named or not self._calls else self._calls[-1]
        if call is None:
            call = _Call()
            self._calls.append(call)
        call.identity = call.identity or identity
        if index is not None:
            self._by_index[index] = call
        self._by_identity.setdefault(call.identity, call)
        return call

    def body(self) -> bytes:
        """Return the body of the same answer without streaming; of a broken stream its error."""
        if self._broken:
            return self._broken
        if self._error or not self._finish:
            error = self._error or "the stream ended without a finish_reason"
            return msgspec.json.encode({"error": error})
        message: dict[str, Any] = {"content": ""}
        for name, pieces in self._texts.items():
            if pieces:
                is_text = all(isinstance(piece, str) for piece in pieces)
                message[name] = "".join(pieces) if is_text else pieces
        if self._calls:
            message["tool_calls"] = [{"function": call.function()} for call in self._calls]
        choice = {"message": message, "finish_reason": self._finish}
        return msgspec.json.encode({"choices": [choice], "usage": self._usage})


def _index(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < _LONGEST_INDEX:
        value = int(value)
    return value if isinstance(value, int) else None


def _last_of_keys(arguments: str) -> str:
    """Return the arguments with the last of the values that a key was given, as every other reader
    of an answer takes it; what is no JSON stays."""
    try:
        check_distinct(arguments, "a call")
    except DataError:
        return json.dumps(json.loads(arguments))
    except (ValueError, RecursionError):
        pass
    return arguments
