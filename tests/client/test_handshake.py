"""The first requests to an endpoint: the model to ask, or the reason and the next step."""

import itertools

import pytest
from helpers.endpoints import GOOD, KEY, shake_hands
from helpers.servers import Reply, error, serve

from swiftkit.errors import EndpointError, UsageError


def test_handshake_without_a_model_takes_the_first_served() -> None:
    """Without --model the endpoint's first one is asked; the key goes in the header."""
    with serve(lambda _: GOOD, ("one", "two")) as server:
        assert shake_hands(server.url) == "one"
        assert shake_hands(server.url, "two") == "two"
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_handshake_unknown_model_names_the_served_ones() -> None:
    """An unknown model is said before any sample is asked."""
    with serve(lambda _: GOOD, ("one", "two")) as server:
        with pytest.raises(EndpointError, match=r"'three' \(served here: one, two\)"):
            shake_hands(server.url, "three")
        assert not server.requests


def test_handshake_without_a_list_of_models_needs_a_name() -> None:
    """Then the name must be given, and is taken as it is."""
    with serve(lambda _: GOOD, models=None) as server:
        assert shake_hands(server.url, "mine") == "mine"
        with pytest.raises(EndpointError, match="--model NAME"):
            shake_hands(server.url)


def test_handshake_wrong_key_of_swift_deploy_is_named() -> None:
    """It answers 400 to a wrong key, and lists its models to anybody: the first request finds it
    out."""

    refused = error(400, "API key error")
    with (
        serve(lambda _: GOOD, pong=refused) as server,
        pytest.raises(EndpointError, match="set OPENAI_API_KEY"),
    ):
        shake_hands(server.url)


def test_handshake_refused_connection_names_the_next_step() -> None:
    """It names the address and the next step."""
    with pytest.raises(
        EndpointError, match=r"http://127.0.0.1:9/v1 cannot be reached.*start the server"
    ):
        shake_hands("http://127.0.0.1:9")


def test_handshake_one_v1_too_many_is_mended() -> None:
    """The other form is tried and used, with a word about it."""
    with serve(lambda _: GOOD) as server:
        assert shake_hands(f"{server.url}/v1") == "tiny"


@pytest.mark.parametrize(
    ("pong", "said"),
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
def test_handshake_page_that_is_no_endpoint_is_asked_once(pong: Reply, said: str) -> None:
    """A web page or a wrong path is not asked again and again."""
    with serve(lambda _: GOOD, models=None, pong=pong) as server:
        with pytest.raises(EndpointError, match=said):
            shake_hands(server.url, "m")
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
def test_handshake_listing_without_models_says_why(listing: Reply, said: str) -> None:
    """The reason is told, and what to do."""
    with serve(lambda _: GOOD, models=None) as server:
        server.listing = listing
        with pytest.raises(EndpointError, match=said):
            shake_hands(server.url)


def test_handshake_tls_to_a_plain_server_names_the_address() -> None:
    """The message says what to type instead."""
    with (
        serve(lambda _: GOOD) as server,
        pytest.raises(EndpointError, match=r"no TLS connection.*is it http://127"),
    ):
        shake_hands(server.url.replace("http://", "https://"))


def test_handshake_passing_faults_are_asked_again() -> None:
    """One 503 at the start is no reason to give up."""
    replies = itertools.chain([error(503), Reply(fault="reset")], itertools.repeat(GOOD))
    with serve(lambda _: GOOD) as server:
        server.pong = lambda: next(replies)
        assert shake_hands(server.url) == "tiny"
        assert len(server.requests) == 3


@pytest.mark.parametrize("key", ["a b", "line\nbreak"])
def test_handshake_key_with_a_break_is_wrong_usage(key: str) -> None:
    """It cannot be sent; the message does not repeat it."""
    with pytest.raises(UsageError) as caught:
        shake_hands("http://127.0.0.1:9", key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "listing",
    [
        error(401),
        error(403),
        error(404),
        error(500),
        Reply(b"<html>", headers={"Content-Type": "text/html"}),
        Reply(fault="reset"),
    ],
    ids=["401", "403", "404", "500", "html", "reset"],
)
def test_handshake_closed_list_is_no_reason_to_stop(listing: Reply) -> None:
    """With --model the first question decides; without, the way out is named."""
    with serve(lambda _: GOOD) as server:
        server.listing = listing
        assert shake_hands(server.url, "mine") == "mine"
        with pytest.raises(EndpointError, match=r"--model NAME|cannot be reached"):
            shake_hands(server.url)


def test_handshake_closed_list_and_refused_question_is_a_refused_key() -> None:
    """The question's own 401 counts, whatever the list said."""
    with serve(lambda _: GOOD, pong=error(401, "no key")) as server:
        server.listing = error(403)
        with pytest.raises(EndpointError, match="refused the key: HTTP 401: no key"):
            shake_hands(server.url, "mine")
