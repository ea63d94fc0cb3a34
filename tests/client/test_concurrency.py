"""The adaptive limit of requests in flight."""

import asyncio
import json

import pytest
from helpers.endpoints import GOOD, KEY, in_turn
from helpers.servers import error, serve

from swiftkit.client.client import Client, Endpoint
from swiftkit.client.concurrency import ConcurrencyLimit
from swiftkit.records import Response


@pytest.mark.parametrize("width", [1, 20, 100, 1000])
def test_adaptive_limit_finds_the_width_of_an_endpoint(width: int) -> None:
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


def test_adaptive_limit_lets_every_question_through() -> None:
    """Every question passes the gate, also while 429 narrows it."""

    async def run(url: str) -> list[Response]:
        async with Client(Endpoint(url, KEY, concurrency=0, first_wait=0.001)) as client:
            body = json.dumps({"messages": [{"content": "q"}]}).encode()
            return await asyncio.gather(*(client.ask(body, str(index)) for index in range(60)))

    with serve(in_turn(*[GOOD] * 40, *[error(429)] * 3, GOOD)) as server:
        assert [response.text for response in asyncio.run(run(server.url))] == ["fine"] * 60
