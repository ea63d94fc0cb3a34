"""Measure swiftkit convert on every layout of layouts.py beside the floor of that file, in one run.

    python formats.py [--rows 20000] [--repeat 3] [--folder DIR]

The floor reads, parses (orjson), dumps and writes each line. Both count their own CPU, without the
start of Python. Of repeated runs the fastest counts.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import layouts
import orjson
from run import make_rows

from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/convert"))  # noqa: S108
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    raw = make_rows(args.folder, args.rows, [])
    files = [raw, *layouts.write(raw, args.folder / "layouts")]
    out = args.folder / "out.jsonl"
    print("| layout | rows/CPU-s | CPU, of the floor's |")
    print("|---|---|---|")
    for file in files:
        name = "plain OpenAI rows" if file == raw else file.stem
        floor = fastest(lambda file=file: copy(file, out), args.repeat)
        ours = fastest(lambda file=file: convert(file, out), args.repeat)
        print(f"| {name} | {args.rows / ours:,.0f} | {ours / floor:.1f} |", flush=True)


def fastest(run: Callable[[], None], repeat: int) -> float:
    """Return the CPU seconds of the fastest of some runs."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def copy(file: Path, out: Path) -> None:
    with file.open("rb") as lines, out.open("wb") as copied:
        for line in lines:
            copied.write(orjson.dumps(orjson.loads(line)) + b"\n")


def convert(file: Path, out: Path) -> None:
    report = convert_files([file], out, None, ConvertOptions())
    if report.rows_rejected or report.unread:
        raise SystemExit(f"{file}: {report.rejects}, {report.unread}")


if __name__ == "__main__":
    main()
