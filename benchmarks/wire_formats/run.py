"""Read hostile answers in all wire formats: that nothing raises, and how the time grows.

    python benchmarks/wire_formats/run.py fuzz [--texts 1000000] [--seed 0]
    python benchmarks/wire_formats/run.py growth [--format NAME]

fuzz: each text is read as an unpinned row's answer, and in its own or another format.
growth: in each format, the slowest of hundreds of long texts, at 10 KB, 100 KB and 1 MB.
"""

import argparse
import heapq
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from swiftkit.scoring.completion import read_text
from swiftkit.toolcall import detect
from swiftkit.toolcall.wire_format import load_all

sys.path.append(str(Path(__file__).parents[2] / "tests"))
from helpers.hostile_texts import fuzzed, repeats

FORMATS = load_all()
NAMES = sorted(FORMATS)
TOOLS = [{"name": "get_weather"}, {"name": "now"}, {"name": "say"}]
SIZES = 10_000, 100_000, 1_000_000
SCREENED = 4_000, 40_000
SLOWEST = 4  # texts whose time, or its growth, is greatest: taken at all sizes
Reader = Callable[[str], object]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("fuzz", "growth"))
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=NAMES, action="append")
    args = parser.parse_args()
    if args.what == "fuzz":
        fuzz(args.texts, args.seed)
    else:
        print("| format | text | ms at 10 KB | 100 KB | 1 MB |\n|---|---|---|---|---|")
        for name in args.format or NAMES:
            growth(name)


def fuzz(texts: int, seed: int) -> None:
    draw = Random(seed)
    calls = malformed = 0
    start = time.process_time()
    for text, name in fuzzed(seed, texts):
        for parsed in (detected(text), FORMATS[name].parse(text), random_reader(draw)(text)):
            assert not (parsed.calls and parsed.malformed), text
            calls += bool(parsed.calls)
            malformed += bool(parsed.malformed)
    seconds = time.process_time() - start
    print(f"{texts:,} texts, each read three times, in {seconds:.0f} s of CPU: no exception;")
    print(
        f"calls in {calls / texts / 3:.0%} of the readings, malformed {malformed / texts / 3:.0%}"
    )


def growth(name: str) -> None:
    """Print the slowest text of a format at three sizes, by its own reader and by detection."""
    for reader, kind in ((FORMATS[name].parse, ""), (detect.parse, ", detected")):
        slow, steep = [], []
        for beginning, unit in repeats(name):
            few, many = [seconds(reader, beginning, unit, size) for size in SCREENED]
            slow.append((many, beginning, unit))
            steep.append((many - 10 * few, beginning, unit))
        worst = (0.0, "")
        chosen = heapq.nlargest(SLOWEST, slow) + heapq.nlargest(SLOWEST, steep)
        for _, beginning, unit in chosen:
            times = [1000 * best_of_three(reader, beginning, unit, size) for size in SIZES]
            cells = " | ".join(f"{each:.1f}" for each in times)
            text = f"{beginning}{unit}...".encode("ascii", "backslashreplace").decode()
            row = f"| {name}{kind} | `{text!r}` | {cells} |"
            worst = max(worst, (times[-1], row))
        print(worst[1], flush=True)


def seconds(reader: Reader, beginning: str, unit: str, size: int) -> float:
    text = beginning + unit * ((size - len(beginning)) // len(unit) + 1)
    start = time.process_time()
    reader(text)
    return time.process_time() - start


def best_of_three(reader: Reader, beginning: str, unit: str, size: int) -> float:
    return min([seconds(reader, beginning, unit, size) for _ in range(3)])


def detected(text: str):
    return read_text(text, "", TOOLS)


def random_reader(draw: Random):
    return FORMATS[draw.choice(NAMES)].parse


if __name__ == "__main__":
    main()
