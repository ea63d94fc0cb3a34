"""Proxies of the environment: asked, named where a request fails, never with their password."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from helpers.servers import message, serve

from swiftkit.client.client import Client, Endpoint
from swiftkit.client.proxies import proxy_for
from swiftkit.errors import EndpointError, UsageError

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
PAGE = b"<html>busy</html>"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def proxy(status: int) -> Iterator[tuple[str, list[str]]]:
    """Yield host:port of a proxy that answers itself, and the first lines and logins it got."""
    seen: list[str] = []
    ready, over = threading.Event(), asyncio.Event()
    port: list[int] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(head)
        body, kind = PAGE, "text/html"
        if status == 200:
            kind = "application/json"
            models = b'{"data": [{"id": "m"}]}'
            body = models if "/models " in head else b'{"choices": [{"message": {"content": "a"}}]}'
        lines = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}"
        writer.write(f"{lines}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async def live() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        loops.append(asyncio.get_running_loop())
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"127.0.0.1:{port[0]}", seen
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(10)


def shake(url: str) -> str:
    """Return the model that an endpoint names, asked for one token."""

    async def ask() -> str:
        async with Client(Endpoint(url, "sk-key-123456", timeout=5, first_wait=0.001)) as client:
            return await client.handshake(None)

    return asyncio.run(ask())


def test_proxy_is_asked_with_its_login(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """It takes the request; a login of ~/.netrc does not stand in the key's way."""
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write("default login a password b\n")
    monkeypatch.setenv("NETRC", netrc)
    for name in ("http_proxy", "ALL_PROXY"):
        with proxy(200) as (address, seen):
            monkeypatch.setenv(name, f"http://me:pw@{address}")
            assert shake("http://api.test/v1") == "m"
        monkeypatch.delenv(name)
        assert len(seen) == 2
        for head in seen:
            assert head.split()[1].startswith("http://api.test/v1/")
            assert "\r\nAuthorization: Bearer sk-key-123456\r\n" in head
            assert "\r\nProxy-Authorization: Basic bWU6cHc=\r\n" in head


@pytest.mark.parametrize(
    ("scheme", "status", "said"),
    [
        ("http", 407, "HTTP 407, from the proxy: it wants a login"),
        ("http", 503, "HTTP 503, perhaps from the proxy"),
        ("https", 407, "the proxy answers HTTP 407 X: it wants a login"),
        ("https", 502, "the proxy answers HTTP 502 X"),
    ],
)
def test_error_names_the_proxy_and_how_to_do_without(
    monkeypatch: pytest.MonkeyPatch, scheme: str, status: int, said: str
) -> None:
    with proxy(status) as (address, _):
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://me:pw@{address}")
        with pytest.raises(EndpointError) as caught:
            shake(f"{scheme}://api.test/v1")
    error = str(caught.value)
    assert said in error
    proxy_named = f"through the proxy {scheme.upper()}_PROXY=http://{address}"
    assert f"({proxy_named}; NO_PROXY=api.test asks without it)" in error
    assert "pw" not in error


def test_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "me:pw@127.0.0.1:9")
    with pytest.raises(EndpointError, match=r"no connection.*ALL_PROXY=http://127.0.0.1:9;"):
        shake("https://api.test/v1")


def test_proxy_that_is_not_spoken_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://me:pw@127.0.0.1:9")
    with pytest.raises(UsageError) as caught:
        shake("https://api.test/v1")
    assert "all_proxy=socks5://127.0.0.1:9: only http://" in str(caught.value)
    assert "HTTPS_PROXY" in str(caught.value)
    monkeypatch.setenv("no_proxy", "other,api.test")
    assert proxy_for("https://api.test/v1") is None


def test_own_server_is_asked_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    with serve(lambda _: message("a")) as server:
        assert shake(server.url) == "tiny"
