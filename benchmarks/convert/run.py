"""swiftkit convert beside its floor and its peers, one after the other in one run; the results go
into README.md.

    python run.py [--rows 200000] [--big 2000000] [--repeat 3] [--peers PYTHON] [--folder /tmp/convert]

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
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import psutil

HERE = Path(__file__).parent
PYTHON = sys.executable


class Measured(NamedTuple):
    """`cpu` and `wall` in seconds; `memory`: the most that the process and its children held
    together, in MB."""

    rows: int
    cpu: float
    wall: float
    memory: float
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
    print(
        "| what | rows | rows/s | rows/CPU-s | CPU, of the floor's | memory, MB |\n|---|---|---|---|---|---|"
    )
    pool, distinct = (_raw(args.folder, args.rows, flag) for flag in ([], ["--distinct"]))
    few, fewer = (_head(pool, count) for count in (20_000, 500))
    rows = args.folder / "rows.jsonl"
    floor = _shown("orjson parse + dump", _best(args.repeat, _one, "floor", pool, rows))
    one = _shown("swiftkit, 1 worker", _best(args.repeat, _ours, pool, rows, 1), floor)
    two_rows = args.folder / "two.jsonl"
    two = _shown("swiftkit, 2 workers", _best(args.repeat, _ours, pool, two_rows, 2), floor)
    if not filecmp.cmp(rows, two_rows, shallow=False):
        sys.exit("two workers write something else than one")
    _shown("swiftkit, no tool twice", _best(args.repeat, _ours, distinct, two_rows, 1), floor)
    _shown(
        "swiftkit, no tool twice, 2 workers",
        _best(args.repeat, _ours, distinct, two_rows, 2),
        floor,
    )
    _ours(few, rows, 1)
    raw_load = _shown("ms-swift loads raw rows", _best(args.repeat, _one, "swift", few), floor)
    our_load = _shown("ms-swift loads our rows", _best(args.repeat, _one, "swift", rows), floor)
    if args.peers:
        _shown(
            "LLaMA-Factory", _best(args.repeat, _one, "llamafactory", few, python=args.peers), floor
        )
        _shown(
            "agent-data-tools", _one("agent_data_tools", fewer, two_rows, python=args.peers), floor
        )
    print(f"\n2 workers: {one.wall / two.wall:.2f} times as fast as 1")
    print(f"ms-swift's loading: {raw_load.cpu / our_load.cpu:.2f} times less CPU for our rows")
    if args.big:
        big = _repeated(pool, args.big // args.rows)
        for workers in (1, 2):
            _shown(
                f"swiftkit, {workers} workers, {big.stat().st_size / 1e9:.1f} GB",
                _ours(big, rows, workers),
                floor,
            )


def _raw(folder: Path, rows: int, flags: list[str]) -> Path:
    path = folder / f"raw{''.join(flags)}-{rows}.jsonl"
    if not path.exists():
        _run([PYTHON, HERE / "make_rows.py", path, "--rows", rows, *flags])
    return path


def _head(path: Path, count: int) -> Path:
    head = path.with_name(f"head-{count}.jsonl")
    with path.open("rb") as lines, head.open("wb") as file:
        file.writelines(islice(lines, count))
    return head


def _repeated(path: Path, times: int) -> Path:
    big = path.with_name("big.jsonl")
    with big.open("wb") as file:
        for _ in range(times):
            with path.open("rb") as lines:
                file.writelines(iter(lambda: lines.read(1 << 20), b""))
    return big


def _ours(raw: Path, out: Path, workers: int) -> Measured:
    command = [PYTHON, "-m", "swiftkit", "convert", raw, "-o", out, "--workers", workers, "--json"]
    measured = _run(command)
    account = json.loads(measured.printed)
    if account["rows_in"] != account["rows_out"]:
        sys.exit(f"rows were refused: {account['rejects']}")
    return measured._replace(rows=account["rows_in"])


def _one(*arguments: str | Path, python: str = PYTHON) -> Measured:
    measured = _run([python, HERE / "one.py", *arguments])
    return measured._replace(**json.loads(measured.printed.splitlines()[-1]))


def _best(repeat: int, measure: Any, *arguments: Any, **options: Any) -> Measured:
    return min(
        (measure(*arguments, **options) for _ in range(repeat)), key=lambda measured: measured.cpu
    )


def _run(command: list[Any]) -> Measured:
    """Of the whole process, children included."""
    start, before = time.perf_counter(), _children_cpu()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with psutil.Popen([str(part) for part in command], **pipes) as process:
        peak = [0.0]
        watch = threading.Thread(target=_watch, args=(process, peak))
        watch.start()
        printed, said = process.communicate()
        watch.join()
    if process.returncode:
        sys.exit(f"{command} failed:\n{said}")
    return Measured(
        0, _children_cpu() - before, time.perf_counter() - start, peak[0] / 1e6, printed
    )


def _watch(process: Any, peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], sum(_memory(process)))
        time.sleep(0.05)


def _memory(process: Any) -> Iterator[int]:
    try:
        for each in [process, *process.children(recursive=True)]:
            yield each.memory_info().rss
    except psutil.Error:  # it has just ended
        return


def _children_cpu() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def _shown(name: str, measured: Measured, floor: Measured | None = None) -> Measured:
    ratio = f"{measured.cpu / measured.rows / (floor.cpu / floor.rows):.2f}" if floor else "1"
    speeds = f"{measured.rows / measured.wall:,.0f} | {measured.rows / measured.cpu:,.0f}"
    print(
        f"| {name} | {measured.rows:,} | {speeds} | {ratio} | {measured.memory:.0f} |", flush=True
    )
    return measured


if __name__ == "__main__":
    main()
