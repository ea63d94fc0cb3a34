"""Measure the cost of asking and scoring: swiftkit beside bare loops and other harnesses.

    python benchmarks/client/run.py [--samples 2000] [--concurrency 64] [--repeat 3]
        [--peer NAME=PYTHON]...

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
OWN_CLIENTS = ("aiohttp_loop", "swiftkit", "openai_sdk")
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "The weather of a city", "parameters": PARAMETERS}
TOOL = {"type": "function", "function": FUNCTION}


def main() -> None:
    options = _options()
    peers = dict(pair.split("=", 1) for pair in options.peer)
    clients = dict.fromkeys(OWN_CLIENTS, sys.executable) | peers
    columns = ("server", "client", "CPU ms a sample", "start, CPU s", "each, CPU ms", "wall s")
    with tempfile.TemporaryDirectory() as folder:
        rows = write_rows(Path(folder) / "rows.jsonl", options.samples)
        print(f"| {' | '.join(columns)} | first request s |")
        print("|---|---|---|---|---|---|---|", flush=True)
        for delay in options.delay:
            with server(delay) as url:
                for name, python in clients.items():
                    print_client(name, python, url, rows, delay, options)


def print_client(
    name: str, python: str, url: str, rows: Path, delay: float, options: argparse.Namespace
) -> None:
    """Measure one client against one server, and print its line."""
    samples, concurrency = options.samples, options.concurrency
    single, whole = [], []  # runs of one sample, runs of all
    for _ in range(options.repeat if name in OWN_CLIENTS else 1):
        single.append(measure(name, python, url, rows, 1, concurrency))
        whole.append(measure(name, python, url, rows, samples, concurrency))
    start, cpu = min(run[0] for run in single), min(run[0] for run in whole)
    wall, first = min(run[1] for run in whole), min(run[2] for run in single + whole)
    further = (cpu - start) / (samples - 1)
    print(
        f"| {1000 * delay:.0f} ms | {name} | {1000 * cpu / samples:.3f} | {start:.2f} "
        f"| {1000 * further:.3f} | {wall:.1f} | {first:.2f} |",
        flush=True,
    )


def measure(
    name: str, python: str, url: str, rows: Path, samples: int, concurrency: int
) -> tuple[float, float, float]:
    """Return CPU seconds, wall seconds, and seconds to the first request, of one process."""
    arguments = [str(HERE / "one.py"), name, url, str(rows), str(samples), str(concurrency)]
    with tempfile.TemporaryDirectory() as folder:
        if name == "swiftkit":
            arguments = ["-m", "swiftkit", "eval", "tool-call", "--data", str(rows)]
            arguments += ["--base-url", url, "--limit", str(samples)]
            arguments += ["--concurrency", str(concurrency), "--run", f"{folder}/run"]
        environment = os.environ | {"PYTHONPATH": str(ROOT) if name == "swiftkit" else ""}
        environment |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
        environment["OPENAI_API_KEY"] = "EMPTY"
        first_request(url)
        start = time.monotonic()
        with Path(folder, "log").open("w+") as log:
            command = [python, *arguments]
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.monotonic() - start
            log.seek(0)
            assert process.returncode == 0, f"{name}: {log.read()[-3000:]}"
    return used.ru_utime + used.ru_stime, wall, first_request(url) - start


def first_request(url: str) -> float:
    """Return the time when the server heard its first request since the last such question."""
    page = url.removesuffix("/v1") + "/first"
    with urllib.request.urlopen(page) as answer:  # noqa: S310 - our own server
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
    """Write questions that want one call; the server's answer is right for three of four."""
    with path.open("w") as file:
        for index in range(number):
            city = "Oslo" if index % 4 else "Bergen"
            question = {"role": "user", "content": f"Question {index}: the weather in {city}?"}
            call = {"name": "get_weather", "arguments": {"city": city}}
            row = {"id": f"w{index}", "messages": [question], "tools": json.dumps([TOOL])}
            row["expected_calls"] = json.dumps([call])
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
