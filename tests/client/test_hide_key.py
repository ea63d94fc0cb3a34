"""Keys in the words of a server: found in whatever form, and nothing else is touched."""

import asyncio
import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from helpers.servers import Reply, message, serve

from swiftkit.client.client import Client, Endpoint, describe_fault
from swiftkit.client.hide_key import hide_key
from swiftkit.client.retry import Exchange

KEY = 'sk-proj-Ab3/de+f=gh"i\\0123456789'


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY).replace("%2F", "%2f"),
        json.dumps(KEY),
        json.dumps(KEY).replace("/", "\\/"),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f":{KEY}".encode()).decode(),
        base64.b64encode(f"user:{KEY}".encode()).decode(),
        base64.urlsafe_b64encode(f"me:{KEY}!".encode()).decode(),
        KEY[:25],
    ],
)
def test_hide_key_finds_every_form(form: str) -> None:
    hidden = hide_key(f"Incorrect API key provided: {form}", KEY)
    assert hidden.startswith("Incorrect API key provided: ")
    assert "***" in hidden
    assert "Ab3" not in hidden
    assert "0123456789" not in hidden
    assert len(hidden) < 50


@pytest.mark.parametrize(
    ("key", "text", "hidden"),
    [
        ("sk", "no such key: sk. Ask for a task", "no such key: ***. Ask for a task"),
        ("sk", "Authorization: Bearer sk", "Authorization: Bearer ***"),
        ("sk", '{"api_key": "sk"}', '{"api_key": "***"}'),
        ("sk", "the disk is full, sk", "the disk is full, sk"),
        ("abcd", "abcd, abcde, xabcd", "***, abcde, xabcd"),
        ("EMPTY", "an EMPTY body", "an EMPTY body"),
        ("", "text", "text"),
        (KEY, "keys begin with sk-proj-: sk-pr***89", "keys begin with sk-proj-: sk-pr***89"),
        ("", "via http://me:pw@proxy:3128", "via http://REDACTED@proxy:3128"),
    ],
)
def test_hide_key_leaves_other_words(key: str, text: str, hidden: str) -> None:
    """A short key is a part of many words, and what a server has masked itself may stay."""
    assert hide_key(text, key) == hidden


@pytest.mark.parametrize("before", range(250, 310, 7))
def test_described_fault_is_cut_behind_the_key_not_in_it(before: int) -> None:
    body = json.dumps({"error": {"message": f"{'x' * before} {KEY} and more"}}).encode()
    error = describe_fault(Exchange(401, body), KEY)
    assert "sk-" not in error
    assert len(error) < 320


@pytest.mark.parametrize(
    ("key", "text"),
    [("sk-0123456789abcdef", "your key is ***"), ("password", "your key is password")],
)
@pytest.mark.parametrize("stream", [False, True])
def test_key_in_an_answer_is_hidden_too(key: str, text: str, stream: bool) -> None:
    """The journal keeps the answer. A short key may be a word of the model's own."""
    said = f"your key is {key}"
    delta = {"choices": [{"delta": {"content": said[:17]}}]}
    last = {"choices": [{"delta": {"content": said[17:]}, "finish_reason": "stop"}]}
    reply = Reply(events=(delta, last)) if stream else message(said)
    question = b'{"messages": [{"role": "user", "content": "hi"}]}'

    async def run(url: str) -> str:
        async with Client(Endpoint(url, key, stream=stream)) as client:
            return (await client.ask(question, "s1")).text

    with serve(lambda _: reply) as server:
        assert asyncio.run(run(server.url)) == text
