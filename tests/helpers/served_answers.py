"""An answer of a model on its way through the server's code and the client's, without a network."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from swiftkit.client.completion import read_completion
from swiftkit.client.stream import StreamedAnswer
from swiftkit.records import Response
from swiftkit.serving.choice import AnswerChoice
from swiftkit.serving.request import ChatRequest
from swiftkit.serving.response import ResponseHead

HEAD = ResponseHead("tiny")


def served(
    pieces: Sequence[str], agent_template: str, tools: list[Any], reason: str = "stop"
) -> Response:
    """What the client makes of a stream whose text comes in these pieces from the engine."""
    choice, answer = AnswerChoice(_request(tools), agent_template), StreamedAnswer()
    for place, piece in enumerate(pieces):
        delta = SimpleNamespace(content=piece, tool_calls=None, reasoning_content=None)
        finish = reason if place == len(pieces) - 1 else None
        raw = SimpleNamespace(delta=delta, finish_reason=finish, logprobs=None)
        for chunk in choice.chunks(raw, HEAD, 0):
            answer.add(json.dumps(chunk).encode())
    return read_completion(answer.body(), "s", 0)


def completed(text: str, agent_template: str, tools: list[Any], reason: str = "stop") -> Response:
    """What the client makes of the same answer without streaming."""
    message = SimpleNamespace(content=text, tool_calls=None, reasoning_content=None)
    raw = SimpleNamespace(
        index=0, message=message, finish_reason=reason, logprobs=None, token_ids=None
    )
    choice = AnswerChoice(_request(tools), agent_template).complete(raw)
    body = HEAD.completion([choice], {"completion_tokens": 1})
    return read_completion(json.dumps(body).encode(), "s", 0)


def _request(tools: list[Any]) -> ChatRequest:
    return ChatRequest("tiny", {"tools": tools}, tools=("offered",))
