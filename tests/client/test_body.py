"""Bodies are bounded, however they come: whole, compressed, streamed, in one line, or as errors."""

import asyncio
import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from helpers.paths import ROOT

from swiftkit.client.body import MOST_BYTES
from swiftkit.client.client import Client, Endpoint
from swiftkit.records import Response

MEGABYTE = b"x" * (1 << 20)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nConnection: close\r\n%s\r\n"


def endless(kind: bytes, begin: bytes = b"", block: bytes = MEGABYTE) -> AsyncIterator[bytes]:
    async def blocks() -> AsyncIterator[bytes]:
        yield HEAD % (kind, b"")
        yield begin
        for _ in range(1 << 10):
            yield block

    return blocks()


def bomb(encoding: bytes, compress: Callable[[bytes], bytes]) -> AsyncIterator[bytes]:
    async def blocks() -> AsyncIterator[bytes]:
        yield HEAD % (b"application/json", b"Content-Encoding: %s\r\n" % encoding)
        yield compress(MEGABYTE * 300)

    return blocks()


def error_page() -> AsyncIterator[bytes]:
    async def blocks() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 422 X\r\nConnection: close\r\n\r\nno tools"
        for _ in range(1 << 10):
            yield MEGABYTE

    return blocks()


EVENT = b'data: {"choices": [{"delta": {"content": "' + b"y" * 20000 + b'"}}]}\n\n'
BODIES: dict[str, Callable[[], AsyncIterator[bytes]]] = {
    "whole": lambda: endless(b"application/json", b'{"choices": "'),
    "stream": lambda: endless(b"text/event-stream", b"", EVENT * 50),
    "line": lambda: endless(b"text/event-stream", b"data: "),
    "comments": lambda: endless(b"text/event-stream", b"", b": ping\n\n" * 100_000),
    "gzip": lambda: bomb(b"gzip", gzip.compress),
    "deflate": lambda: bomb(b"deflate", zlib.compress),
    "error": error_page,
}


@asynccontextmanager
async def raw_server(body: Callable[[], AsyncIterator[bytes]]) -> AsyncIterator[str]:
    """Serve these bytes to whatever is asked, until the client goes away."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            async for block in body():
                writer.write(block)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def ask(name: str) -> Response:
    async with raw_server(BODIES[name]) as url:
        endpoint = Endpoint(url, timeout=30, first_wait=0.001, stream=True)
        async with Client(endpoint) as client:
            return await client.ask(b'{"messages": []}', "s")


@pytest.mark.parametrize("name", BODIES)
def test_body_without_end_is_an_error_that_says_the_limit(name: str) -> None:
    """A process of its own holds no more than a few times the limit: a bomb has 300 MB, a body
    1 GB, and each is asked for several times."""
    code = "import sys; from test_body import main; main(sys.argv[1])"
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT}/tests:{ROOT}/tests/client"}
    command = [sys.executable, "-c", code, name]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=50, check=True)
    error, megabytes = json.loads(done.stdout)
    if name == "error":
        assert error.startswith("HTTP 422: no toolsxxx")
    else:
        assert error == f"the answer has more than {MOST_BYTES:,} bytes, and was not read on"
    makes_bomb = 350 if name in ("gzip", "deflate") else 0  # the server's, in the same process
    assert megabytes < 220 + makes_bomb


def main(name: str) -> None:
    response = asyncio.run(ask(name))
    # not ru_maxrss, which begins with what the process that started this one held
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = int(status.split("VmHWM:")[1].split()[0]) >> 10
    print(json.dumps([response.error, peak]))
