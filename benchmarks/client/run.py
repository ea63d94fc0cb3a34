"""What asking and scoring costs: swiftkit beside bare loops and other harnesses, in one run on one
machine.

    python benchmarks/client/run.py [--samples 2000] [--concurrency 64] [--repeat 3] [--peer NAME=PYTHON]...

A peer (lm_eval, inspect_ai, evalscope) needs its own environment, named by its Python. CPU is that
of the whole process with its children; `start` is what one sample costs, `each` what a further one
adds: (all - one) / (samples - 1). Each is the smallest of the repeats, because other work on the
machine only ever adds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def main() -> None:
    options = _options()
    peers = dict(pair.split("=", 1) for pair in options.peer)
    clients = {
        "aiohttp_loop": sys.executable,
        "swiftkit": sys.executable,
        "openai_sdk": sys.executable,
        **peers,
    }
    with tempfile.TemporaryDirectory() as folder:
        rows = write_rows(Path(folder) / "rows.jsonl", options.samples)
        print(
            "| server | client | CPU ms a sample | start, CPU s | each, CPU ms | wall s | first request s |"
        )
        print("|---|---|---|---|---|---|---|", flush=True)
        for delay in options.delay:
            with server(delay) as url:
                for name, python in clients.items():
                    line(name, python, url, rows, delay, options)


def line(
    name: str, python: str, url: str, rows: Path, delay: float, options: argparse.Namespace
) -> None:
    repeats = options.repeat if name in ("aiohttp_loop", "swiftkit", "openai_sdk") else 1
    ones = [measure(name, python, url, rows, 1, options.concurrency) for _ in range(repeats)]
    runs = [
        measure(name, python, url, rows, options.samples, options.concurrency)
        for _ in range(repeats)
    ]
    start, cpu = min(run[0] for run in ones), min(run[0] for run in runs)
    each = (cpu - start) / (options.samples - 1)
    wall, first = min(run[1] for run in runs), min(run[2] for run in ones + runs)
    cells = (
        f"{1000 * cpu / options.samples:.3f}",
        f"{start:.2f}",
        f"{1000 * each:.3f}",
        f"{wall:.1f}",
        f"{first:.2f}",
    )
    print(f"| {1000 * delay:.0f} ms | {name} | {' | '.join(cells)} |", flush=True)


def measure(
    name: str, python: str, url: str, rows: Path, samples: int, concurrency: int
) -> tuple[float, float, float]:
    """CPU seconds, wall seconds, and seconds to the first request, of one process."""
    command = [python, str(HERE / "one.py"), name, url, str(rows), str(samples), str(concurrency)]
    with tempfile.TemporaryDirectory() as folder:
        if name == "swiftkit":
            command = [
                python,
                "-m",
                "swiftkit",
                "eval",
                "tool-call",
                "--data",
                str(rows),
                "--base-url",
                url,
            ]
            command += [
                "--limit",
                str(samples),
                "--concurrency",
                str(concurrency),
                "--run",
                f"{folder}/run",
            ]
        environment = os.environ | {"PYTHONPATH": str(ROOT) if name == "swiftkit" else ""}
        environment |= {
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
            "OPENAI_API_KEY": "EMPTY",
        }
        first_request(url)
        start = time.monotonic()
        with Path(folder, "log").open("w+") as log:
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.monotonic() - start
            log.seek(0)
            assert process.returncode == 0, f"{name}: {log.read()[-3000:]}"
    return used.ru_utime + used.ru_stime, wall, first_request(url) - start


def first_request(url: str) -> float:
    """When the server heard its first request since the last such question."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/first") as answer:  # noqa: S310 - our own server
        return float(answer.read())


@contextmanager
def server(delay: float) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "server.py"), str(delay)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.terminate()
        process.communicate()


def write_rows(path: Path, number: int) -> Path:
    """Questions that want one call; the server's answer is right for three of four."""
    with path.open("w") as file:
        for index in range(number):
            arguments = {"city": "Oslo" if index % 4 else "Bergen"}
            row = {
                "id": f"w{index}",
                "messages": [
                    {
                        "role": "user",
                        "content": f"Question {index}: the weather in {arguments['city']}?",
                    }
                ],
                "tools": json.dumps([TOOL]),
                "expected_calls": json.dumps([{"name": "get_weather", "arguments": arguments}]),
            }
            file.write(json.dumps(row) + "\n")
    return path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--delay", type=float, nargs="+", default=[0.0, 0.05], help="seconds, of the server"
    )
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
