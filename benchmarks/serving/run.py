"""Requests a second of running servers, side by side: rounds alternate, so that what else the
machine does hits all.

    python benchmarks/serving/run.py --data runs/demo/eval.jsonl plain=http://127.0.0.1:8000/v1 plugin=http://...

Beside it the CPU time of a request in all processes of the server, which says more on a busy
machine than the clock.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil

CONCURRENCY = (1, 8, 32)
REQUESTS = {1: 24, 8: 96, 32: 192}  # of one round


def questions(data: Path) -> list[bytes]:
    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    plain = [
        row
        for row in rows
        if all(message["role"] in ("system", "user") for message in row["messages"])
    ]
    bodies: list[dict[str, Any]] = [
        {
            "model": "swiftkit",
            "messages": row["messages"],
            "tools": json.loads(row["tools"]),
            "temperature": 0,
        }
        for row in plain
    ]
    return [json.dumps(body).encode() for body in bodies]


def cpu_seconds(url: str) -> float:
    """Of all processes of the server that listens there."""
    port = int(url.rsplit(":", 1)[1].partition("/")[0])
    listening = (
        one
        for one in psutil.net_connections("tcp")
        if one.status == "LISTEN" and one.laddr.port == port
    )
    server = psutil.Process(next(one.pid for one in listening if one.pid))
    return sum(
        sum(process.cpu_times()[:2]) for process in (server, *server.children(recursive=True))
    )


async def rate(url: str, bodies: list[bytes], concurrency: int) -> float:
    """Requests a second of one round; every answer must be a 200 with a choice."""
    left = [bodies[number % len(bodies)] for number in range(REQUESTS[concurrency])]
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'x')}",
    }

    async def worker(session: aiohttp.ClientSession) -> None:
        while left:
            async with session.post(
                f"{url}/chat/completions", data=left.pop(), headers=headers
            ) as answer:
                assert (await answer.json())["choices"], await answer.text()

    async with aiohttp.ClientSession() as session:
        start = time.perf_counter()
        await asyncio.gather(*(worker(session) for _ in range(concurrency)))
        return REQUESTS[concurrency] / (time.perf_counter() - start)


async def measure(servers: dict[str, str], bodies: list[bytes], rounds: int) -> None:
    for url in servers.values():  # warm up
        await rate(url, bodies, 8)
    for concurrency in CONCURRENCY:
        seen: dict[str, list[float]] = {name: [] for name in servers}
        spent: dict[str, list[float]] = {name: [] for name in servers}
        for number in range(rounds):
            for name in sorted(servers, reverse=bool(number % 2)):
                before = cpu_seconds(servers[name])
                seen[name].append(await rate(servers[name], bodies, concurrency))
                spent[name].append(
                    (cpu_seconds(servers[name]) - before) * 1000 / REQUESTS[concurrency]
                )
        for name, rates in seen.items():
            middle, least = statistics.median(rates), min(spent[name])
            spread = f"{min(rates):.1f}-{max(rates):.1f}"
            print(f"| {concurrency} | {name} | {middle:.1f} | {spread} | {least:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("servers", nargs="+", metavar="NAME=URL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    servers = dict(server.split("=", 1) for server in arguments.servers)
    print(
        "| concurrency | server | requests/s (median) | lowest-highest | CPU ms (least) |\n|---|---|---|---|---|"
    )
    asyncio.run(measure(servers, questions(arguments.data), arguments.rounds))


if __name__ == "__main__":
    main()
