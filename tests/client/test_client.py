"""The client: what it makes of answers and of every fault that an endpoint may have."""

import asyncio
import itertools
import json
import time
from email.utils import formatdate
from typing import Any

import pytest
from helpers.servers import Reply, Script, error, message, serve

from swiftkit.client import retry
from swiftkit.client.client import BAD_REQUEST, Client, Endpoint
from swiftkit.client.concurrency import ConcurrencyLimit
from swiftkit.client.urls import base_url
from swiftkit.errors import EndpointError, UsageError
from swiftkit.records import SKIPPED, Response
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import detect, hermes

KEY = "sk-canary-7361"
GOOD = message("fine")


def ask(script: Script, timeout: float = 5.0, **settings: Any) -> tuple[Response, int]:
    """One question to a scripted server: the response, and how often the server was asked."""

    async def run(url: str) -> Response:
        async with Client(Endpoint(url, KEY, timeout, first_wait=0.001, **settings)) as client:
            return await client.ask(
                json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode(), "s1", 2
            )

    with serve(script) as server:
        response = asyncio.run(run(server.url))
        return response, len(server.requests)


def probe(url: str, model: str | None = None, key: str = KEY) -> str:
    async def run() -> str:
        async with Client(Endpoint(url, key, 5.0, first_wait=0.001)) as client:
            return await client.handshake(model)

    return asyncio.run(run())


def in_turn(*replies: Reply) -> Script:
    """A script that gives these replies one after the other, the last one for ever."""
    queue = itertools.chain(replies, itertools.repeat(replies[-1]))
    return lambda _: next(queue)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("http://h:8000", "http://h:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1"),
        ("h:8000", "http://h:8000/v1"),
        (" http://h:8000/v1/ ", "http://h:8000/v1"),
        ("http://h:8000/v1/chat/completions", "http://h:8000/v1"),
        ("http://h:8000/chat/completions/", "http://h:8000/v1"),
        ("http://h:8000/v1/models", "http://h:8000/v1"),
        ("api.example.com/v1", "https://api.example.com/v1"),
        ("127.0.0.1/v1", "http://127.0.0.1/v1"),
        ("https://h/api/paas/v4", "https://h/api/paas/v4"),
    ],
)
def test_the_forms_of_an_address_that_people_type(typed: str, meant: str) -> None:
    """Each common way to write an endpoint means its base URL."""
    assert base_url(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ftp://h",
        "http://",
        "http://h:80x/v1",
        "http://user:secret@h/v1",
        "http://h/v1?key=secret",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_secrets(typed: str) -> None:
    """A wrong address is wrong usage; a secret in it is not repeated."""
    with pytest.raises(UsageError) as caught:
        base_url(typed)
    assert "secret" not in str(caught.value)


def test_an_answer_becomes_a_response() -> None:
    """Text, calls, finish reason, token counts and the time are taken over."""
    response, asked = ask(lambda _: message("text", [("f", {"x": 1})]))
    assert (response.sample_id, response.trial, response.text, asked) == ("s1", 2, "text", 1)
    assert response.tool_calls == [ToolCall("f", {"x": 1})]
    assert response.finish_reason == "stop"
    assert response.usage == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    assert 0 < response.latency < 5
    assert not response.error


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"), (3, "")],
)
def test_content_that_is_no_string(content: Any, text: str) -> None:
    """Null and lists of parts are read; nothing raises."""
    response, _ = ask(lambda _: message(content))
    assert (response.text, response.tool_calls, response.error) == (text, None, "")


@pytest.mark.parametrize("arguments", ['{"x": ', "[1]", "none", "NaN", '{"x": 1}, "y": {', '"{}"'])
def test_calls_with_unreadable_arguments_stay_malformed(arguments: str) -> None:
    """The call that the endpoint parsed badly is kept as markup, which the scorer reads as
    malformed."""
    for text in ("", "Well.", "<|channel|>final<|message|>Well."):
        response, _ = ask(lambda _, text=text: message(text, [("f", arguments)]))  # type: ignore[misc]
        assert response.tool_calls is None
        assert detect.parse(response.text).malformed


@pytest.mark.parametrize(
    "tool_calls", ["x", {"a": 1}, [None], [{"function": None}], [{"function": {"name": 3}}]]
)
def test_tool_calls_of_any_shape_never_raise(tool_calls: Any) -> None:
    """Nonsense in tool_calls is malformed output of the model, not a crash and not silence."""
    reply = message("")
    reply.body["choices"][0]["message"]["tool_calls"] = tool_calls
    response, _ = ask(lambda _: reply)
    assert response.tool_calls is None
    assert hermes.parse(response.text).malformed


@pytest.mark.parametrize(
    "fault",
    [
        error(408),
        error(409),
        error(425),
        error(429, Retry_After="0"),
        error(500),
        error(503),
        Reply(fault="reset"),
        Reply({"a": "b" * 1000}, fault="half"),
        Reply(b"<html>busy</html>", headers={"Content-Type": "text/html"}),
        Reply({"choices": []}),
        Reply(b""),
    ],
    ids=["408", "409", "425", "429", "500", "503", "reset", "half", "html", "no choices", "empty"],
)
def test_passing_faults_are_asked_again(fault: Reply) -> None:
    """A fault that may pass is asked again, and the answer that follows counts."""
    response, asked = ask(in_turn(fault, fault, GOOD))
    assert (response.text, response.error, asked) == ("fine", "", 3)


def test_a_stalled_request_is_cut_off_and_asked_again() -> None:
    """The time-out holds for each attempt."""
    response, asked = ask(in_turn(Reply(fault="stall"), GOOD), timeout=0.3)
    assert (response.text, asked) == ("fine", 2)


def test_a_lasting_fault_becomes_an_error_after_a_few_attempts() -> None:
    """It says the status and the server's own words."""
    response, asked = ask(lambda _: error(500, "out of memory"))
    assert asked == retry.ATTEMPTS
    assert response.error == "HTTP 500: out of memory"


def test_payment_required_is_skipped_at_once() -> None:
    """402 means that the quota is used up; asking again does not help."""
    response, asked = ask(lambda _: error(402, "pay"))
    assert asked == 1
    assert response.error.startswith(SKIPPED)


def test_a_bad_request_is_left_to_the_runner() -> None:
    """400 is not repeated at once: the runner asks it again, alone."""
    response, asked = ask(lambda _: error(400, "too long"))
    assert asked == 1
    assert response.error == f"{BAD_REQUEST}: too long"


def test_a_refused_key_stops_everything_and_is_not_shown() -> None:
    """401 is no matter of one sample; a server that repeats the key does not make us print it."""
    with pytest.raises(EndpointError, match="OPENAI_API_KEY") as caught:
        ask(lambda _: error(401, f"bad key {KEY}"))
    assert KEY not in str(caught.value)


def test_retry_after_is_obeyed_within_reason() -> None:
    """Seconds and dates are waited for; an hour is not, the sample is an error then."""
    started = time.monotonic()
    response, _ = ask(in_turn(error(429, Retry_After="0.4"), GOOD))
    assert response.text == "fine"
    assert time.monotonic() - started >= 0.4
    response, asked = ask(lambda _: error(429, "slow down", Retry_After="3600"))
    assert (response.error, asked) == ("HTTP 429: slow down", 1)
    in_a_minute = retry.parse_retry_after(formatdate(time.time() + 60, usegmt=True))
    assert in_a_minute is not None
    assert 50 < in_a_minute <= 60
    assert retry.parse_retry_after("soon") is None


def test_the_probe_finds_the_first_served_model() -> None:
    """Without --model the endpoint's first one is asked; the key goes in the header."""
    with serve(lambda _: GOOD, ("one", "two")) as server:
        assert probe(server.url) == "one"
        assert probe(server.url, "two") == "two"
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_the_probe_names_the_served_models() -> None:
    """An unknown model is said before any sample is asked."""
    with serve(lambda _: GOOD, ("one", "two")) as server:
        with pytest.raises(EndpointError, match=r"'three' \(served here: one, two\)"):
            probe(server.url, "three")
        assert not server.requests


def test_an_endpoint_without_a_list_of_models() -> None:
    """Then the name must be given, and is taken as it is."""
    with serve(lambda _: GOOD, models=None) as server:
        assert probe(server.url, "mine") == "mine"
        with pytest.raises(EndpointError, match="--model NAME"):
            probe(server.url)


def test_a_wrong_key_for_swift_deploy() -> None:
    """It answers 400 to a wrong key, and lists its models to anybody: the first request finds it
    out."""

    refused = error(400, "API key error")
    with (
        serve(lambda _: GOOD, probed=refused) as server,
        pytest.raises(EndpointError, match="set OPENAI_API_KEY"),
    ):
        probe(server.url)


def test_a_refused_connection_is_said_in_one_line() -> None:
    """It names the address and the next step."""
    with pytest.raises(
        EndpointError, match=r"http://127.0.0.1:9/v1 cannot be reached.*start the server"
    ):
        probe("http://127.0.0.1:9")


def test_a_server_that_is_gone_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many requests in a row without an answer end in EndpointError, not in thousands of errors."""
    monkeypatch.setattr(retry, "ATTEMPTS", 100)

    async def run() -> None:
        async with Client(
            Endpoint("http://127.0.0.1:9", KEY, concurrency=1, first_wait=0.0001)
        ) as client:
            await client.ask(b"{}", "s")

    with pytest.raises(EndpointError, match="is gone: 16 requests in a row failed"):
        asyncio.run(run())


def test_429_is_given_more_time_than_a_fault() -> None:
    """A pace that is too fast is no fault of the sample."""
    response, asked = ask(lambda _: error(429))
    assert (response.error, asked) == ("HTTP 429: scripted", retry.PATIENT_ATTEMPTS)


def test_waits_grow_and_are_spread() -> None:
    """Half to all of a doubling time, at most a minute; what cannot pass is not waited for."""
    answer = retry.Exchange(500)
    waits = [retry.wait_before(answer, attempt, 0.5) for attempt in range(4)]
    assert all(0.25 * 2**n <= (wait or 0) <= 0.5 * 2**n for n, wait in enumerate(waits))
    assert len({retry.wait_before(answer, 0, 0.5) for _ in range(10)}) > 1
    assert (retry.wait_before(retry.Exchange(429), 6, 100) or 99) <= retry.LONGEST_WAIT
    assert all(
        retry.wait_before(retry.Exchange(status), 0, 1) is None
        for status in (400, 402, 404, 413, 422, 301)
    )


def test_a_redirect_is_said_and_not_followed() -> None:
    """It would carry the key elsewhere."""
    response, asked = ask(lambda _: Reply(b"", 307, {"Location": "https://elsewhere/v1"}))
    assert (response.error, asked) == ("HTTP 307: redirects to https://elsewhere/v1", 1)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"completion_tokens": 3}}
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
def test_a_streamed_text(events: tuple[Any, ...]) -> None:
    """The pieces are put together; the time to the first token is less than that of the whole
    answer."""
    response, _ = ask(lambda _: Reply(events=events), stream=True)
    assert (response.text, response.finish_reason, response.usage) == (
        "Hello you",
        "stop",
        {"completion_tokens": 3},
    )
    assert 0 < response.first_token < response.latency - 0.02


@pytest.mark.parametrize(
    "events", [(*CALL_PARTS, chunk("tool_calls"), "[DONE]"), (chunk(content="<x>"), WHOLE_CALLS)]
)
def test_streamed_calls(events: tuple[Any, ...]) -> None:
    """In pieces with an index, as OpenAI has them, or whole and without, as swift deploy sends
    them."""
    response, _ = ask(lambda _: Reply(events=events), stream=True)
    assert response.tool_calls == [ToolCall("f", {"x": 1}), ToolCall("g", {})]


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
def test_a_stream_that_breaks_is_asked_again(events: tuple[Any, ...]) -> None:
    """Half an answer is no answer."""
    response, asked = ask(in_turn(Reply(events=events), GOOD), stream=True)
    assert (response.text, asked) == ("fine", 2)


def test_an_address_without_its_v1_or_with_one_too_many() -> None:
    """The other form is tried and used, with a word about it."""
    with serve(lambda _: GOOD) as server:
        assert probe(f"{server.url}/v1") == "tiny"


@pytest.mark.parametrize(
    ("probed", "said"),
    [
        (
            Reply(b"<html>It works!</html>", headers={"Content-Type": "text/html"}),
            "the body is no chat completion.*html",
        ),
        (
            error(404, "nothing here"),
            "HTTP 404: nothing here .check --base-url, which often ends in /v1",
        ),
    ],
)
def test_a_page_that_is_no_endpoint_is_said_at_once(probed: Reply, said: str) -> None:
    """A web page or a wrong path is not asked again and again."""
    with serve(lambda _: GOOD, models=None, probed=probed) as server:
        with pytest.raises(EndpointError, match=said):
            probe(server.url, "m")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        (
            Reply(b"<!doctype html>", headers={"Content-Type": "text/html"}),
            "names no model: it is a web page",
        ),
        (Reply({"data": 3}), "names no model: it is no list of models"),
        (error(404), "names no model: HTTP 404 .correct --base-url, or give --model"),
        (
            Reply(b"", 308, {"Location": "https://h/v1/models"}),
            "redirects to https://h/v1/models .give that as",
        ),
        (error(401), "refused the key"),
    ],
)
def test_a_listing_that_names_no_model(listing: Reply, said: str) -> None:
    """The reason is told, and what to do."""
    with serve(lambda _: GOOD, models=None) as server:
        server.listing = listing
        with pytest.raises(EndpointError, match=said):
            probe(server.url)


def test_tls_spoken_to_a_plain_server() -> None:
    """The message says what to type instead."""
    with (
        serve(lambda _: GOOD) as server,
        pytest.raises(EndpointError, match=r"no TLS connection.*is it http://127"),
    ):
        probe(server.url.replace("http://", "https://"))


def test_a_probe_outlives_passing_faults() -> None:
    """One 503 at the start is no reason to give up."""
    replies = itertools.chain([error(503), Reply(fault="reset")], itertools.repeat(GOOD))
    with serve(lambda _: GOOD) as server:
        server.probed = lambda: next(replies)
        assert probe(server.url) == "tiny"
        assert len(server.requests) == 3


@pytest.mark.parametrize("key", ["a b", "line\nbreak"])
def test_a_key_with_a_break_is_wrong_usage(key: str) -> None:
    """It cannot be sent; the message does not repeat it."""
    with pytest.raises(UsageError) as caught:
        probe("http://127.0.0.1:9", key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("width", [1, 20, 100, 1000])
def test_the_adaptive_pace_finds_what_an_endpoint_bears(width: int) -> None:
    """It grows until more requests bring no more answers, and stays about there; 429 halves it."""
    now = 0.0
    limit = ConcurrencyLimit(0, clock=lambda: now)
    levels = []
    for _ in range(20_000):
        now += 0.05 / min(limit.allowed, width)
        limit.count(200)
        levels.append(limit.allowed)
    late = sorted(levels[10_000:])
    bears = min(width, limit.most)
    assert min(bears, 8) <= late[0]
    assert bears / 1.6 <= late[len(late) // 2] <= max(8, 1.6 * bears)
    before = limit.allowed
    limit.count(429)
    assert limit.allowed == before // 2


def test_the_adaptive_pace_asks_everything() -> None:
    """Every question passes the gate, also while 429 narrows it."""

    async def run(url: str) -> list[Response]:
        async with Client(Endpoint(url, KEY, concurrency=0, first_wait=0.001)) as client:
            body = json.dumps({"messages": [{"content": "q"}]}).encode()
            return await asyncio.gather(*(client.ask(body, str(index)) for index in range(60)))

    with serve(in_turn(*[GOOD] * 40, *[error(429)] * 3, GOOD)) as server:
        assert [response.text for response in asyncio.run(run(server.url))] == ["fine"] * 60
