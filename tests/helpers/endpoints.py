"""Questions to a scripted endpoint through the client."""

import asyncio
import itertools
import json
from typing import Any

from helpers.servers import Reply, Script, message, serve
from swiftkit.client.client import Client, Endpoint
from swiftkit.records import Response

KEY = "sk-canary-7361"
GOOD = message("fine")


def ask(script: Script, timeout: float = 5.0, **settings: Any) -> tuple[Response, int]:
    """Ask one question; return the response, and how often the server was asked."""
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()

    async def run(url: str) -> Response:
        async with Client(Endpoint(url, KEY, timeout, first_wait=0.001, **settings)) as client:
            return await client.ask(body, "s1", 2)

    with serve(script) as server:
        response = asyncio.run(run(server.url))
        return response, len(server.requests)


def shake_hands(url: str, model: str | None = None, key: str = KEY) -> str:
    """Return the model that an endpoint would be asked for."""

    async def run() -> str:
        async with Client(Endpoint(url, key, 5.0, first_wait=0.001)) as client:
            return await client.handshake(model)

    return asyncio.run(run())


def in_turn(*replies: Reply) -> Script:
    """Return a script that gives these replies one after the other, and the last one for ever."""
    queue = itertools.chain(replies, itertools.repeat(replies[-1]))
    return lambda _: next(queue)
