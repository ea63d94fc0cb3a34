r"""Measure the requests a second of running servers, side by side.

    python benchmarks/serving/run.py --data runs/demo/eval.jsonl \
        plain=http://127.0.0.1:8000/v1 plugin=http://127.0.0.1:8001/v1

Rounds alternate, so that other load on the machine hits all servers. The CPU time of a request in
all processes of the server stands beside it; on a busy machine it says more than the clock.
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
    """Return the body of a request for each row without calls in its prompt."""
    bodies = []
    for line in data.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if all(message["role"] in ("system", "user") for message in row["messages"]):
            body: dict[str, Any] = {"model": "swiftkit", "temperature": 0}
            body |= {"messages": row["messages"], "tools": json.loads(row["tools"])}
            bodies.append(json.dumps(body).encode())
    return bodies


def cpu_seconds(url: str) -> float:
    """Return the CPU time of all processes of the server that listens there."""
    port = int(url.rsplit(":", 1)[1].partition("/")[0])
    for connection in psutil.net_connections("tcp"):
        listens = connection.status == "LISTEN" and connection.laddr.port == port
        if listens and connection.pid:
            server = psutil.Process(connection.pid)
            processes = [server, *server.children(recursive=True)]
            return sum(sum(process.cpu_times()[:2]) for process in processes)
    raise SystemExit(f"no server listens at {url}")


async def rate(url: str, bodies: list[bytes], concurrency: int) -> float:
    """Return the requests a second of one round; every answer must be a 200 with a choice."""
    waiting = [bodies[number % len(bodies)] for number in range(REQUESTS[concurrency])]
    key = os.environ.get("OPENAI_API_KEY", "x")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    address = f"{url}/chat/completions"

    async def worker(session: aiohttp.ClientSession) -> None:
        while waiting:
            async with session.post(address, data=waiting.pop(), headers=headers) as answer:
                assert (await answer.json())["choices"], await answer.text()

    async with aiohttp.ClientSession() as session:
        start = time.perf_counter()
        await asyncio.gather(*(worker(session) for _ in range(concurrency)))
        return REQUESTS[concurrency] / (time.perf_counter() - start)


async def measure(servers: dict[str, str], bodies: list[bytes], rounds: int) -> None:
    for url in servers.values():  # warm up
        await rate(url, bodies, 8)
    for concurrency in CONCURRENCY:
        rates: dict[str, list[float]] = {name: [] for name in servers}
        cpu_ms: dict[str, list[float]] = {name: [] for name in servers}  # of one request
        for number in range(rounds):
            for name in sorted(servers, reverse=bool(number % 2)):
                before = cpu_seconds(servers[name])
                rates[name].append(await rate(servers[name], bodies, concurrency))
                seconds = cpu_seconds(servers[name]) - before
                cpu_ms[name].append(seconds * 1000 / REQUESTS[concurrency])
        for name, values in rates.items():
            middle, least = statistics.median(values), min(cpu_ms[name])
            spread = f"{min(values):.1f}-{max(values):.1f}"
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
    print("| concurrency | server | requests/s (median) | lowest-highest | CPU ms (least) |")
    print("|---|---|---|---|---|")
    asyncio.run(measure(servers, questions(arguments.data), arguments.rounds))


if __name__ == "__main__":
    main()
