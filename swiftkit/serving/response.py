"""Answers in OpenAI's form: a chat completion, or the chunks of a stream, as plain dicts."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from swiftkit.serving.output import Call, Part

DONE = b"data: [DONE]\n\n"


class Head(msgspec.Struct, frozen=True):
    """What all chunks of an answer share."""

    model: str  # the name that the client asked for
    identity: str = msgspec.field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = msgspec.field(default_factory=lambda: int(time.time()))

    def _as(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        known = {"id": self.identity, "object": kind, "created": self.created, "model": self.model}
        return known | {"choices": choices}

    def completion(self, choices: list[dict[str, Any]], usage: dict[str, int]) -> dict[str, Any]:
        return self._as("chat.completion", choices) | {"usage": usage}

    def chunk(
        self,
        index: int,
        delta: dict[str, Any],
        finish: str | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return self._as("chat.completion.chunk", [choice])

    def usage_chunk(self, usage: dict[str, int]) -> dict[str, Any]:
        return self._as("chat.completion.chunk", []) | {"usage": usage}


def choice(index: int, part: Part, finish: str, logprobs: dict[str, Any] | None) -> dict[str, Any]:
    """One of the choices of a completion. `content` is "" beside calls, not null: every client can
    print it."""
    message: dict[str, Any] = {"role": "assistant", "content": part.content, "refusal": None}
    if part.reasoning:
        message["reasoning_content"] = part.reasoning
    if part.calls:
        message["tool_calls"] = [_call(call) for call in part.calls]
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}


def delta(part: Part, calls_before: int) -> dict[str, Any]:
    """What a chunk adds; empty if nothing. `calls_before` have begun already, so that indexes go
    on."""
    grown: dict[str, Any] = {}
    if part.reasoning:
        grown["reasoning_content"] = part.reasoning
    if part.content:
        grown["content"] = part.content
    if part.calls:
        names = [bool(call.name) for call in part.calls]
        places = (calls_before + sum(names[: place + 1]) - 1 for place in range(len(names)))
        grown["tool_calls"] = [
            {"index": place, **_call(call)} for place, call in zip(places, part.calls, strict=True)
        ]
    return grown


def finish_reason(reason: str | None, calls: int, stopped: bool, malformed: bool) -> str:
    """tool_calls, if there are any and they can be read; `reason` is the engine's, `stopped`: a
    stop text was found."""
    if calls and not malformed:
        return "tool_calls"
    return "length" if reason == "length" and not stopped else "stop"


def logprobs_of(raw: dict[str, Any] | None) -> dict[str, Any] | None:
    """ms-swift leaves top_logprobs out where none were asked for; clients want the key."""
    if not raw:
        return None
    return {
        "content": [{"top_logprobs": [], **token} for token in raw.get("content") or []],
        "refusal": None,
    }


def usage_of(prompt: int, completions: Sequence[int]) -> dict[str, int]:
    """Tokens: the prompt once, the completions of all choices."""
    completion = sum(completions)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def event(value: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _call(call: Call) -> dict[str, Any]:
    if not call.name:  # more of the arguments
        return {"function": {"arguments": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}
