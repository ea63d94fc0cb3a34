"""The client: answers become responses, and every fault of an endpoint is met."""

import asyncio
import time
from email.utils import formatdate

import pytest
from helpers.endpoints import GOOD, KEY, ask, in_turn
from helpers.servers import Reply, error, message, serve

from swiftkit.client import connection, retry
from swiftkit.client.client import BAD_REQUEST, MOST_REFUSALS, Client, Endpoint
from swiftkit.errors import EndpointError, UsageError
from swiftkit.records import SKIPPED
from swiftkit.toolcall.call import ToolCall


def test_ask_good_answer_becomes_a_response() -> None:
    """Text, calls, finish reason, token counts and the time are taken over."""
    response, asked = ask(lambda _: message("text", [("f", {"x": 1})]))
    assert (response.sample_id, response.trial, response.text, asked) == ("s1", 2, "text", 1)
    assert response.tool_calls == [ToolCall("f", {"x": 1})]
    assert response.finish_reason == "stop"
    assert response.usage == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    assert response.latency > 0
    assert not response.error


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
def test_ask_passing_fault_is_asked_again(fault: Reply) -> None:
    """A fault that may pass is asked again, and the answer that follows counts."""
    response, asked = ask(in_turn(fault, fault, GOOD))
    assert (response.text, response.error, asked) == ("fine", "", 3)


def test_ask_stalled_request_is_cut_off_and_asked_again() -> None:
    """The time-out holds for each attempt."""
    response, asked = ask(in_turn(Reply(fault="stall"), GOOD), timeout=1.0)
    assert (response.text, asked) == ("fine", 2)


def test_ask_lasting_fault_becomes_an_error() -> None:
    """It says the status and the server's own words."""
    response, asked = ask(lambda _: error(500, "out of memory"))
    assert asked == retry.ATTEMPTS
    assert response.error == "HTTP 500: out of memory"


def test_ask_payment_required_is_skipped_at_once() -> None:
    """402 means that the quota is used up; asking again does not help."""
    response, asked = ask(lambda _: error(402, "pay"))
    assert asked == 1
    assert response.error.startswith(SKIPPED)


def test_ask_bad_request_is_left_to_the_runner() -> None:
    """400 is not repeated at once: the runner asks it again, alone."""
    response, asked = ask(lambda _: error(400, "too long"))
    assert asked == 1
    assert response.error == f"{BAD_REQUEST}: too long"


def test_ask_refused_key_stops_everything_and_is_not_shown() -> None:
    """401 is no matter of one sample; a server that repeats the key does not make us print it."""
    with pytest.raises(EndpointError, match="OPENAI_API_KEY") as caught:
        ask(lambda _: error(401, f"bad key {KEY}"))
    assert KEY not in str(caught.value)


def test_ask_obeys_retry_after_within_reason() -> None:
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


def test_ask_long_wait_is_said_once_for_all_workers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its reason and its end; a short wait is not worth a line."""
    started = time.time()

    async def run(url: str) -> None:
        async with Client(Endpoint(url, KEY, concurrency=8, first_wait=0.001)) as client:
            await asyncio.gather(
                *(
                    client.ask(b'{"messages": [{"content": ""}]}', str(number))
                    for number in range(8)
                )
            )

    def busy_once(_: object) -> Reply:
        return GOOD if len(server.requests) > 8 else error(429, Retry_After="1")

    with serve(busy_once) as server:
        asyncio.run(run(server.url))
        assert capsys.readouterr().err == ""
        server.requests.clear()
        monkeypatch.setattr(connection, "_SAID_FROM", 0.5)
        asyncio.run(run(server.url))
    line = capsys.readouterr().err
    reason = "the endpoint asks to wait 1 s (HTTP 429, Retry-After); going on at "
    assert line.startswith(f"{server.url}: {reason}")
    assert line.count("\n") == 1
    hours, minutes, seconds = map(int, line.strip().rpartition(" ")[2].split(":"))
    at = hours * 3600 + minutes * 60 + seconds
    now = time.localtime(started)
    passed = (at - (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec)) % 86400
    assert 0 <= passed <= 10


def test_ask_key_that_no_header_can_carry_is_named() -> None:
    """By its variable; the judge has another one."""
    for key, name in (("sk-\udce9", "OPENAI_API_KEY"), ("a b", "SWIFTKIT_JUDGE_API_KEY")):

        async def run(key: str = key, name: str = name) -> None:
            async with Client(Endpoint("http://127.0.0.1:9", key, key_name=name)):
                pass

        with pytest.raises(UsageError, match=f"^{name} holds a space, "):
            asyncio.run(run())


def test_ask_server_that_is_gone_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many requests in a row without an answer end in EndpointError, not in thousands of errors."""
    monkeypatch.setattr(retry, "ATTEMPTS", 100)

    async def run() -> None:
        async with Client(
            Endpoint("http://127.0.0.1:9", KEY, concurrency=1, first_wait=0.0001)
        ) as client:
            await client.ask(b"{}", "s")

    with pytest.raises(EndpointError, match="is gone: 16 requests in a row failed"):
        asyncio.run(run())


def test_ask_429_gets_more_attempts_than_a_fault() -> None:
    """A pace that is too fast is no fault of the sample."""
    response, asked = ask(lambda _: error(429))
    assert (response.error, asked) == ("HTTP 429: scripted", retry.PATIENT_ATTEMPTS)


def test_ask_redirect_is_named_and_not_followed() -> None:
    """It would carry the key elsewhere."""
    response, asked = ask(lambda _: Reply(b"", 307, {"Location": "https://elsewhere/v1"}))
    assert (response.error, asked) == ("HTTP 307: redirects to https://elsewhere/v1", 1)


def test_ask_refusals_in_a_row_mean_that_the_key_is_no_longer_good() -> None:
    """One is its sample's error once the address has answered; an answer ends the row."""
    refused, few = error(403, "firewall"), MOST_REFUSALS - 1
    replies = in_turn(GOOD, *[refused] * few, GOOD, *[refused] * MOST_REFUSALS)

    async def run(url: str) -> list[str]:
        errors = []
        async with Client(Endpoint(url, KEY, first_wait=0.001)) as client:
            for _ in range(2 * few + 2):
                errors.append((await client.ask(b'{"messages": [{"content": "hi"}]}', "s")).error)
            with pytest.raises(EndpointError, match=r"8 requests in a row: .*refused the key"):
                await client.ask(b'{"messages": [{"content": "hi"}]}', "s")
        return errors

    with serve(replies) as server:
        errors = asyncio.run(run(server.url))
    assert errors == ["", *["HTTP 403: firewall"] * few, "", *["HTTP 403: firewall"] * few]
