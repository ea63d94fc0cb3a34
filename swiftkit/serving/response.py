"""Answers in OpenAI's form: a chat completion, or the chunks of a stream, as plain dicts."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from swiftkit.serving.output_part import OutputCall, OutputPart

DONE = b"data: [DONE]\n\n"


class ResponseHead(msgspec.Struct, frozen=True):
    """The fields that all chunks of an answer share."""

    model: str  # the name that the client asked for
    identity: str = msgspec.field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = msgspec.field(default_factory=lambda: int(time.time()))

    def completion(self, choices: list[dict[str, Any]], usage: dict[str, int]) -> dict[str, Any]:
        return self._object("chat.completion", choices) | {"usage": usage}

    def chunk(
        self,
        index: int,
        delta: dict[str, Any],
        finish: str | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return self._object("chat.completion.chunk", [choice])

    def usage_chunk(self, usage: dict[str, int]) -> dict[str, Any]:
        return self._object("chat.completion.chunk", []) | {"usage": usage}

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        head = {"id": self.identity, "object": kind, "created": self.created, "model": self.model}
        return head | {"choices": choices}


def choice(
    index: int, part: OutputPart, finish: str, logprobs: dict[str, Any] | None
) -> dict[str, Any]:
    """Return a choice; beside calls its content is "", not null: every client can print it."""
    message: dict[str, Any] = {"role": "assistant", "content": part.content, "refusal": None}
    if part.reasoning:
        message["reasoning_content"] = part.reasoning
    if part.calls:
        message["tool_calls"] = [_call(call) for call in part.calls]
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}


def delta(part: OutputPart, calls_before: int) -> dict[str, Any]:
    """Return what a chunk adds; empty if nothing. `calls_before` is the next call's index."""
    change: dict[str, Any] = {}
    if part.reasoning:
        change["reasoning_content"] = part.reasoning
    if part.content:
        change["content"] = part.content
    index, calls = calls_before - 1, []
    for call in part.calls:
        index += bool(call.name)  # without a name it is more of the call before
        calls.append({"index": index, **_call(call)})
    if calls:
        change["tool_calls"] = calls
    return change


def finish_reason(reason: str | None, calls: int, stopped: bool, malformed: bool) -> str:
    """Return OpenAI's reason, from the engine's; `stopped`: a stop text ended the answer."""
    if calls and not malformed:
        return "tool_calls"
    return "length" if reason == "length" and not stopped else "stop"


def logprobs_of(raw: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return logprobs with the key top_logprobs, which ms-swift leaves out if none were asked."""
    if not raw:
        return None
    tokens = [{"top_logprobs": [], **token} for token in raw.get("content") or []]
    return {"content": tokens, "refusal": None}


def usage_of(prompt: int, completions: Sequence[int]) -> dict[str, int]:
    """Return the numbers of tokens: the prompt once, the completions of all choices."""
    counts = {"prompt_tokens": prompt, "completion_tokens": sum(completions)}
    return counts | {"total_tokens": sum(counts.values())}


def event(value: Any) -> bytes:
    """Return a server-sent event of JSON."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _call(call: OutputCall) -> dict[str, Any]:
    if not call.name:  # more of the arguments
        return {"function": {"arguments": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}
