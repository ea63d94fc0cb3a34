"""Streamed answers, put together from their events."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.endpoints import GOOD, ask, in_turn
from helpers.growth import takes_linear_time
from helpers.servers import Reply, message

from swiftkit.client import stream
from swiftkit.client.completion import read_completion
from swiftkit.toolcall.call import ToolCall


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"completion_tokens": 3}}
WHOLE = chunk("stop")
CALL_PARTS = [
    chunk(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}]),
    chunk(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
    chunk(tool_calls=[{"index": 1, "function": {"name": "g", "arguments": "{}"}}]),
]
WHOLE_CALLS = chunk(
    "stop",
    content=None,
    tool_calls=[
        {"function": {"name": "f", "arguments": '{"x": 1}'}},
        {"function": {"name": "g", "arguments": "{}"}},
    ],
)


@pytest.mark.parametrize(
    "events",
    [
        (
            chunk(role="assistant"),
            chunk(content="Hello "),
            chunk(content="you"),
            chunk("stop"),
            USAGE,
            "[DONE]",
        ),
        (chunk(content="Hello "), chunk("stop", content="you"), USAGE),
    ],
    ids=["with DONE", "without"],
)
def test_stream_text_is_put_together(events: tuple[Any, ...]) -> None:
    """The answer is that without streaming; the first token comes before the whole."""
    response, _ = ask(lambda _: Reply(events=events), stream=True)
    assert (response.text, response.finish_reason, response.usage) == (
        "Hello you",
        "stop",
        {"completion_tokens": 3},
    )
    assert 0 < response.first_token < response.latency


@pytest.mark.parametrize(
    "events", [(*CALL_PARTS, chunk("tool_calls"), "[DONE]"), (chunk(content="<x>"), WHOLE_CALLS)]
)
def test_stream_calls_are_put_together(events: tuple[Any, ...]) -> None:
    """In pieces with an index, as OpenAI has them, or whole and without, as swift deploy sends
    them."""
    response, _ = ask(lambda _: Reply(events=events), stream=True)
    assert response.tool_calls == [ToolCall("f", {"x": 1}), ToolCall("g", {})]


def part(arguments: str, name: str = "", **more: Any) -> dict[str, Any]:
    """A chunk with a call or a part of one."""
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    return chunk(tool_calls=[{**more, "function": function}])


@pytest.mark.parametrize(
    "parts",
    [
        # one index for all calls
        [part('{"x": 1}', "f", index=0, id="a"), part("{}", "g", index=0, id="b")],
        [
            part('{"x"', "f", index=0, id="a"),
            part(": 1}", index=0),
            part("{", "g", index=0, id="b"),
            part("}", index=0, id="b"),
        ],
        # an index as text, alone and beside numbers
        [part('{"x"', "f", index="0"), part(": 1}", index="0"), part("{}", "g", index="1")],
        [part('{"x"', "f", index="0"), part(": 1}", index=0), part("{}", "g", index=1)],
        # no index, the id goes on
        [
            part('{"x"', "f", id="a"),
            part("{", "g", id="b"),
            part(": 1}", id="a"),
            part("}", id="b"),
        ],
        [part('{"x"', "f", index=0, id="a"), part(": 1}", id="a"), part("{}", "g", id="b")],
        # neither
        [part('{"x"', "f"), part(": 1}"), part("{}", "g")],
        # another id at each part, the name at each part
        [
            part('{"x"', "f", index=0, id="a"),
            part(": 1}", index=0, id="b"),
            part("{}", "g", index=1, id="c"),
        ],
        [
            part('{"x"', "f", index=0, id="a"),
            part(": 1}", "f", index=0, id="a"),
            part("{}", "g", index=1, id="b"),
        ],
    ],
)
def test_parts_of_a_call_are_known_by_index_or_id(parts: list[dict[str, Any]]) -> None:
    """As servers give them: two calls stay two, and one stays one."""
    answer = stream.StreamedAnswer()
    for event in (*parts, chunk("tool_calls")):
        answer.add(json.dumps(event).encode())
    response = read_completion(answer.body(), "s", 0)
    assert response.tool_calls == [ToolCall("f", {"x": 1}), ToolCall("g", {})]


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ('{"x": 2, "x": 1}', {"x": 1}),
        ('{"x": [{"y": 2, "y": "京"}], "\\u0078": {"y": 1.0}}', {"x": {"y": 1.0}}),
        ({"x": 1}, {"x": 1}),
    ],
)
def test_last_of_two_arguments_with_one_name_counts(arguments: Any, value: dict[str, Any]) -> None:
    """As in the same answer without streaming, which the server's reader wrote."""
    answer = stream.StreamedAnswer()
    answer.add(json.dumps(part(arguments, "f", index=0)).encode())
    answer.add(json.dumps(chunk("tool_calls")).encode())
    assert read_completion(answer.body(), "s", 0).tool_calls == [ToolCall("f", value)]


def test_arguments_in_many_pieces_take_linear_time() -> None:
    """A model writes them token by token."""

    def read(text: str) -> None:
        answer = stream.StreamedAnswer()
        for start in range(0, len(text), 1000):
            answer.add(json.dumps(part(text[start : start + 1000], index=0)).encode())
        answer.add(json.dumps(chunk("stop")).encode())
        assert len(answer.body()) > len(text)

    assert takes_linear_time(read, "Hello ", 600_000)


@pytest.mark.parametrize(
    "events",
    [
        (chunk(content="Hel"),),
        ("{broken", "[DONE]"),
        (chunk(content="H"), {"error": {"message": "out of memory"}}),
        ("3",),
    ],
    ids=["cut", "garbage", "error", "number"],
)
def test_stream_that_breaks_is_asked_again(events: tuple[Any, ...]) -> None:
    """Half an answer is no answer."""
    response, asked = ask(in_turn(Reply(events=events), GOOD), stream=True)
    assert (response.text, asked) == ("fine", 2)


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ((chunk(refusal="I can"), chunk(refusal="not."), chunk("stop")), "I cannot."),
        ((chunk(content=[{"type": "text", "text": "a"}]), chunk("stop", content="b")), "ab"),
        (
            (chunk(content=[{"type": "thinking", "thinking": []}]), chunk("stop", content="a")),
            "a",
        ),
        (({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]},), "a"),
        ((chunk(content=""), {"choices": [{"message": {"content": "a"}}]}, chunk("stop")), "a"),
        (
            (chunk(content="a"), {"choices": [{"delta": {}, "message": {"content": "a"}}]}, WHOLE),
            "a",
        ),
        (({"choices": [{"index": 1, "delta": {"content": "b"}}, WHOLE["choices"][0]]},), ""),
        (
            ({"choices": [{"index": 1, "delta": {}}, chunk("stop", content="a")["choices"][0]]},),
            "a",
        ),
    ],
    ids="refusal parts thinking message late whole other second".split(),
)
def test_stream_loses_nothing_that_an_answer_has(events: tuple[Any, ...], text: str) -> None:
    """What is read of a whole body is read of a stream; an answer is never empty by mistake."""
    response, asked = ask(lambda _: Reply(events=events), stream=True)
    assert (response.text, response.error, asked) == (text, "", 1)


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((chunk("stop", content=42),), "a part that is no text"),
        ((chunk("stop", content={"text": "a"}),), "a part that is no text"),
        (({"choices": [{"text": "a", "finish_reason": "stop"}]},), "is no chat completion"),
        ((chunk("abort", content="a"),), "with an error: finish_reason abort"),
    ],
)
def test_stream_that_cannot_be_read_is_no_empty_answer(
    events: tuple[Any, ...], reason: str
) -> None:
    response, _ = ask(lambda _: Reply(events=events), stream=True)
    assert response.error.startswith("HTTP 200, but ")
    assert reason in response.error


@pytest.mark.parametrize("reasons", [("length", "stop"), ("stop", "length"), ("length",)])
def test_stop_hides_no_other_finish_reason(reasons: tuple[str, ...]) -> None:
    """Some gateways end a stream once more, with a word of their own."""
    events = (chunk(content="a"), *map(chunk, reasons))
    response, _ = ask(lambda _: Reply(events=events), stream=True)
    assert response.finish_reason == "length"


def test_call_of_the_form_before_tool_calls_is_read() -> None:
    events = (
        chunk(function_call={"name": "f", "arguments": '{"x"'}),
        chunk("function_call", function_call={"arguments": ": 1}"}),
    )
    streamed, _ = ask(lambda _: Reply(events=events), stream=True)
    whole = message(None)
    call = {"name": "f", "arguments": '{"x": 1}'}
    whole.body["choices"][0]["message"]["function_call"] = call
    for response in (streamed, ask(lambda _: whole)[0]):
        assert response.tool_calls == [ToolCall("f", {"x": 1})]


def test_read_stream_times_the_first_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the start of the request to the first chunk that brings anything of the message."""
    now = 100.0

    class Content:
        """Sends a chunk a second."""

        async def iter_any(self) -> AsyncIterator[bytes]:
            nonlocal now
            for event in (chunk(role="assistant"), chunk(content="a"), chunk("stop", content="b")):
                now += 1
                yield f"data: {json.dumps(event)}\n\n".encode()

    monkeypatch.setattr(stream, "time", SimpleNamespace(perf_counter=lambda: now))
    body, first_token = asyncio.run(stream.read_stream(Content(), 100.0))
    assert json.loads(body)["choices"][0]["message"] == {"content": "ab"}
    assert first_token == 2.0


def test_read_stream_takes_linear_time_in_one_line() -> None:
    """A line may hold a whole answer, and comes in blocks; the others wait meanwhile."""

    class Content:
        def __init__(self, text: str) -> None:
            self._line = f"data: {json.dumps(chunk('stop', content=text))}\n\n".encode()

        async def iter_any(self) -> AsyncIterator[bytes]:
            for start in range(0, len(self._line), 100):
                yield self._line[start : start + 100]

    def read(text: str) -> None:
        body, _ = asyncio.run(stream.read_stream(Content(text), 0.0))
        assert json.loads(body)["choices"][0]["message"] == {"content": text}

    assert takes_linear_time(read, "Hello ", 60_000)
