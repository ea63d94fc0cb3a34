"""From the engine's chunks to the API's: the end of an answer, one call at a time, calls that were
forced."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from swiftkit.serving.choice import AnswerChoice
from swiftkit.serving.request import ChatRequest
from swiftkit.serving.response import ResponseHead
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes

TWO = hermes.render([ToolCall("f", {"a": 1}), ToolCall("g", {})])


def asked(**more: Any) -> ChatRequest:
    return ChatRequest("tiny", {}, tools=("f", "g"), **more)


def whole(request: ChatRequest, text: str, reason: str = "stop") -> dict[str, Any]:
    message = SimpleNamespace(content=text, tool_calls=None, reasoning_content=None)
    raw = SimpleNamespace(
        index=0, message=message, finish_reason=reason, logprobs=None, token_ids=None
    )
    return AnswerChoice(request, "hermes").complete(raw)


def streamed(request: ChatRequest, text: str, reason: str = "stop") -> list[dict[str, Any]]:
    """The choices of the chunks, the text letter by letter."""
    answer, head = AnswerChoice(request, "hermes"), ResponseHead("tiny")
    chunks = []
    for place, letter in enumerate(text):
        delta = SimpleNamespace(content=letter, tool_calls=None, reasoning_content=None)
        finish = reason if place == len(text) - 1 else None
        chunks += answer.chunks(
            SimpleNamespace(delta=delta, finish_reason=finish, logprobs=None), head, 0
        )
    assert {chunk["model"] for chunk in chunks} == {"tiny"}
    return [chunk["choices"][0] for chunk in chunks]


def calls_of(choices: list[dict[str, Any]]) -> dict[int, tuple[str, str]]:
    """Return index -> (name, arguments), put together from all chunks."""
    calls: dict[int, tuple[str, str]] = {}
    for part in choices:
        for call in part["delta"].get("tool_calls", ()):
            name, arguments = calls.get(call["index"], ("", ""))
            function = call["function"]
            name += function.get("name", "")
            calls[call["index"]] = (name, arguments + function["arguments"])
    return calls


def text_of(choices: list[dict[str, Any]]) -> str:
    return "".join(part["delta"].get("content", "") for part in choices)


@pytest.mark.parametrize(("parallel", "count"), [(True, 2), (False, 1)])
def test_parallel_false_keeps_the_first_call(parallel: bool, count: int) -> None:
    """parallel_tool_calls false keeps the first call, streamed too."""
    request = asked(parallel=parallel)
    message = whole(request, TWO)["message"]
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["f", "g"][:count]
    expected = {0: ("f", '{"a": 1}'), 1: ("g", "{}")}
    assert calls_of(streamed(request, TWO)) == {place: expected[place] for place in range(count)}


@pytest.mark.parametrize("reason", ["length", "stop"])
@pytest.mark.parametrize("second", ['{"name": "g"', '{"name": "g", "arguments": {"b": "O'])
@pytest.mark.parametrize("parallel", [True, False])
def test_broken_second_call_leaves_no_first_one(parallel: bool, second: str, reason: str) -> None:
    """Whole, the answer is content; in a stream the first call has gone out, and what the client
    gets is no list of calls, whether it sees the second or not."""
    request = asked(parallel=parallel)
    text = f"{hermes.render([ToolCall('f', {'a': 1})])}\n<tool_call>\n{second}"
    answer = whole(request, text, reason)
    assert (answer["finish_reason"], answer["message"]["content"]) == (reason, text)
    assert "tool_calls" not in answer["message"]
    chunks = streamed(request, text, reason)
    assert chunks[-1]["finish_reason"] == reason
    calls = calls_of(chunks)
    assert len(calls) == 1 + (parallel and "arguments" in second)
    functions = [{"name": name, "arguments": arguments} for name, arguments in calls.values()]
    assert openai_calls.parse({"tool_calls": functions}).malformed


def test_forced_call_is_closed_unless_it_was_cut_off() -> None:
    """The grammar ends behind the JSON; a call that ends for want of tokens is no call."""
    request = asked(suffix="\n</tool_call>")
    begun = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}'
    done = whole(request, begun)
    assert done["finish_reason"] == "tool_calls"
    assert json.loads(done["message"]["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
    cut = whole(request, begun[:-3], "length")
    assert (cut["finish_reason"], cut["message"]["content"]) == ("length", begun[:-3])
    assert streamed(request, begun[:-3], "length")[-1]["finish_reason"] == "length"


def test_stop_text_ends_the_answer() -> None:
    """Also where the engine gives text behind it, or calls its end `length`."""
    request = asked(stops=("END",))
    assert whole(request, "Hello END of", "length")["message"]["content"] == "Hello "
    chunks = streamed(request, "Hello END of", "length")
    assert text_of(chunks) == "Hello "
    assert chunks[-1]["finish_reason"] == "stop"
    assert text_of(streamed(request, "the EN")) == "the EN"


def test_chunks_end_with_the_finish_reason() -> None:
    """Once, in a chunk of its own, behind all text."""
    chunks = streamed(asked(), "Hi there")
    assert [part["finish_reason"] for part in chunks if part["finish_reason"]] == ["stop"]
    assert chunks[-1]["delta"] == {}
