"""Measure swiftkit convert beside its floor and its peers, in one run; the results: README.md.

    python run.py [--rows 200000] [--big 2000000] [--repeat 3] [--peers PYTHON] [--folder DIR]

--peers names a Python that has llamafactory and agent-data-tools (see README.md); without it they
are left out. --big is the row count of the file whose conversion shows the memory; 0 leaves it out.
Of repeated runs the fastest counts: what else the machine does can only slow a run down.
"""

import argparse
import filecmp
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import psutil

HERE = Path(__file__).parent
PYTHON = sys.executable


class Measurement(NamedTuple):
    """A process and its children."""

    rows: int
    cpu: float  # seconds
    wall: float  # seconds
    memory: float  # MB, the most that they held together
    printed: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--big", type=int, default=2_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/convert"))  # noqa: S108
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    raw = make_rows(args.folder, args.rows, [])
    distinct = make_rows(args.folder, args.rows, ["--distinct"])
    head, short_head = first_rows(raw, 20_000), first_rows(raw, 500)
    rows, rows_of_two = args.folder / "rows.jsonl", args.folder / "two.jsonl"

    print("| what | rows | rows/s | rows/CPU-s | CPU, of the floor's | memory, MB |")
    print("|---|---|---|---|---|---|")
    floor: Measurement | None = None

    def measure(
        name: str, run: Callable[[], Measurement], repeat: int = args.repeat
    ) -> Measurement:
        """Print and return the run that took the least CPU."""
        best = min((run() for _ in range(repeat)), key=lambda measurement: measurement.cpu)
        print_row(name, best, floor)
        return best

    floor = measure("orjson parse + dump", lambda: run_alone(PYTHON, "floor", raw, rows))
    one = measure("swiftkit, 1 worker", lambda: run_convert(raw, rows, 1))
    two = measure("swiftkit, 2 workers", lambda: run_convert(raw, rows_of_two, 2))
    if not filecmp.cmp(rows, rows_of_two, shallow=False):
        sys.exit("two workers write something else than one")
    measure("swiftkit, no tool twice", lambda: run_convert(distinct, rows_of_two, 1))
    measure("swiftkit, no tool twice, 2 workers", lambda: run_convert(distinct, rows_of_two, 2))
    run_convert(head, rows, 1)
    raw_load = measure("ms-swift loads raw rows", lambda: run_alone(PYTHON, "swift", head))
    our_load = measure("ms-swift loads our rows", lambda: run_alone(PYTHON, "swift", rows))
    if args.peers:
        measure("LLaMA-Factory", lambda: run_alone(args.peers, "llamafactory", head))
        arguments = ("agent_data_tools", short_head, rows_of_two)
        measure("agent-data-tools", lambda: run_alone(args.peers, *arguments), repeat=1)
    print(f"\n2 workers: {one.wall / two.wall:.2f} times as fast as 1")
    print(f"ms-swift's loading: {raw_load.cpu / our_load.cpu:.2f} times less CPU for our rows")
    if args.big:
        big = repeat_file(raw, args.big // args.rows)
        size = f"{big.stat().st_size / 1e9:.1f} GB"
        measure(f"swiftkit, 1 worker, {size}", lambda: run_convert(big, rows, 1), repeat=1)
        measure(f"swiftkit, 2 workers, {size}", lambda: run_convert(big, rows, 2), repeat=1)


def make_rows(folder: Path, rows: int, flags: list[str]) -> Path:
    path = folder / f"raw{''.join(flags)}-{rows}.jsonl"
    if not path.exists():
        run([PYTHON, HERE / "make_rows.py", path, "--rows", rows, *flags])
    return path


def first_rows(path: Path, count: int) -> Path:
    head = path.with_name(f"head-{count}.jsonl")
    with path.open("rb") as lines, head.open("wb") as file:
        file.writelines(islice(lines, count))
    return head


def repeat_file(path: Path, times: int) -> Path:
    big = path.with_name("big.jsonl")
    with big.open("wb") as file:
        for _ in range(times):
            with path.open("rb") as lines:
                while block := lines.read(1 << 20):
                    file.write(block)
    return big


def run_convert(raw: Path, out: Path, workers: int) -> Measurement:
    command = [PYTHON, "-m", "swiftkit", "convert", raw, "-o", out, "--workers", workers, "--json"]
    measurement = run(command)
    report = json.loads(measurement.printed)
    if report["rows_in"] != report["rows_out"]:
        sys.exit(f"rows were refused: {report['rejects']}")
    return measurement._replace(rows=report["rows_in"])


def run_alone(python: str, *arguments: str | Path) -> Measurement:
    """Measure a function of one.py, which counts its own CPU and time, without the imports."""
    measurement = run([python, HERE / "one.py", *arguments])
    return measurement._replace(**json.loads(measurement.printed.splitlines()[-1]))


def run(command: list[Any]) -> Measurement:
    """Measure a whole process, children included."""
    start, before = time.perf_counter(), children_cpu()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with psutil.Popen([str(part) for part in command], **pipes) as process:
        peak = [0.0]
        watch = threading.Thread(target=watch_memory, args=(process, peak))
        watch.start()
        printed, errors = process.communicate()
        watch.join()
    if process.returncode:
        sys.exit(f"{command} failed:\n{errors}")
    cpu, wall = children_cpu() - before, time.perf_counter() - start
    return Measurement(0, cpu, wall, peak[0] / 1e6, printed)


def watch_memory(process: Any, peak: list[float]) -> None:
    """Write the most memory that the process and its children hold into `peak`, until it ends."""
    while process.poll() is None:
        memory = 0
        try:
            for member in [process, *process.children(recursive=True)]:
                memory += member.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
        peak[0] = max(peak[0], memory)
        time.sleep(0.05)


def children_cpu() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def print_row(name: str, measurement: Measurement, floor: Measurement | None) -> None:
    rows, cpu, wall, memory, _ = measurement
    ratio = cpu / rows / (floor.cpu / floor.rows) if floor else 1.0
    speeds = f"{rows / wall:,.0f} | {rows / cpu:,.0f}"
    print(f"| {name} | {rows:,} | {speeds} | {ratio:.2f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
