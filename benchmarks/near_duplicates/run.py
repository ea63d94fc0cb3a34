"""Measure how many near duplicates each method finds, and how many other pairs it takes for some.

    python benchmarks/near_duplicates/run.py [--each 100]

All rows go into one file in a random order, among others of their templates, as `swiftkit check`
meets them. datasketch and rensa take part where they are installed. Timed is the CPU of finding,
without reading the rows.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from make_pairs import DIFFERENT, DUPLICATES, Pair, Row, make_pairs

from swiftkit.data.checks.duplicates import Duplicates
from swiftkit.data.checks.row_view import view_of
from swiftkit.data.checks.tokens import run_hashes, tokens_of

Found = set[tuple[int, int]]  # places of two rows, the smaller first
Finder = Callable[[Sequence[Row]], Found]
_PERMUTATIONS = 128


def words_of(row: Row) -> list[str]:
    texts = [message["content"] for message in row["messages"]]
    return tokens_of(" ".join([*texts, row.get("expected_calls", "")]))


def swiftkit(rows: Sequence[Row]) -> Found:
    duplicates = Duplicates()
    for place, row in enumerate(rows):
        duplicates.add(view_of(place, row))
    pairs = [*duplicates.exact(), *duplicates.near()]
    return {(pair.earlier, pair.line) for pair in pairs}


def of_candidates(
    rows: Sequence[Row], is_near: Callable[[Any, Any], bool], sets: list[Any]
) -> Found:
    """Return the near ones among neighbours: the rows of one pair, which stand beside each other
    in `rows` (two and two)."""
    found = set()
    for place in range(0, len(rows), 2):
        if is_near(sets[place], sets[place + 1]):
            found.add((place, place + 1))
    return found


def jaccard(size: int, threshold: float) -> Finder:
    def find(rows: Sequence[Row]) -> Found:
        sets = [set(run_hashes(words_of(row), size)) for row in rows]
        return of_candidates(rows, lambda a, b: len(a & b) >= threshold * len(a | b), sets)

    return find


def containment(size: int, threshold: float) -> Finder:
    def find(rows: Sequence[Row]) -> Found:
        sets = [set(run_hashes(words_of(row), size)) for row in rows]
        return of_candidates(rows, lambda a, b: len(a & b) >= threshold * min(len(a), len(b)), sets)

    return find


def simhash(size: int, bits: int) -> Finder:
    """Charikar (2002): 64 bits, of which at most `bits` may differ."""

    def find(rows: Sequence[Row]) -> Found:
        prints = [_simhash(set(run_hashes(words_of(row), size))) for row in rows]
        return of_candidates(rows, lambda a, b: (a ^ b).bit_count() <= bits, prints)

    return find


def _simhash(runs: Iterable[int]) -> int:
    sums = [0] * 64
    for run in runs:
        hashed = int.from_bytes(blake2b(str(run).encode(), digest_size=8).digest())
        for bit in range(64):
            sums[bit] += 1 if hashed >> bit & 1 else -1
    return sum(1 << bit for bit in range(64) if sums[bit] > 0)


def datasketch(size: int, threshold: float) -> Finder:
    def find(rows: Sequence[Row]) -> Found:
        from datasketch import MinHash, MinHashLSH

        index = MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS)
        sketches, found = [], set()
        for place, row in enumerate(rows):
            sketch = MinHash(num_perm=_PERMUTATIONS, seed=1)
            sketch.update_batch([run.encode() for run in _runs(row, size)])
            for earlier in index.query(sketch):
                if sketches[earlier].jaccard(sketch) >= threshold:
                    found.add((earlier, place))
            index.insert(place, sketch)
            sketches.append(sketch)
        return found

    return find


def rensa(size: int, threshold: float) -> Finder:
    def find(rows: Sequence[Row]) -> Found:
        from rensa import RMinHash, RMinHashLSH

        bands = 32 if threshold > 0.7 else 64
        index = RMinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS, num_bands=bands)
        sketches, found = [], set()
        for place, row in enumerate(rows):
            sketch = RMinHash(num_perm=_PERMUTATIONS, seed=1)
            sketch.update(_runs(row, size))
            for earlier in index.query(sketch):
                if sketches[earlier].jaccard(sketch) >= threshold:
                    found.add((earlier, place))
            index.insert(place, sketch)
            sketches.append(sketch)
        return found

    return find


def _runs(row: Row, size: int) -> list[str]:
    words = words_of(row)
    width = min(size, len(words))
    return list({" ".join(words[at : at + width]) for at in range(len(words) - width + 1)})


PAIRWISE = {  # told the pairs: the best that a method could do
    "Jaccard 5 words, 0.8": jaccard(5, 0.8),
    "Jaccard 5 words, 0.7": jaccard(5, 0.7),
    "Jaccard 3 words, 0.8": jaccard(3, 0.8),
    "Jaccard 2 words, 0.83": jaccard(2, 0.83),
    "Jaccard 1 word, 0.85": jaccard(1, 0.85),
    "containment 3, 0.8": containment(3, 0.8),
    "containment 2, 0.85": containment(2, 0.85),
    "SimHash 2 words, 6 bits": simhash(2, 6),
}
WHOLE = {  # all rows in one file
    "swiftkit check": swiftkit,
    "datasketch 5, 0.8": datasketch(5, 0.8),
    "datasketch 5, 0.7": datasketch(5, 0.7),
    "datasketch 2, 0.8": datasketch(2, 0.8),
    "rensa 5, 0.8": rensa(5, 0.8),
    "rensa 2, 0.8": rensa(2, 0.8),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=100, help="pairs of a kind")
    each = parser.parse_args().each
    pairs = make_pairs(each)
    table: dict[str, dict[str, int]] = {}
    seconds: dict[str, float] = {}
    for name, find in (PAIRWISE | WHOLE).items():
        order = list(range(2 * len(pairs)))
        if name in WHOLE:
            Random(1).shuffle(order)
        rows: list[Row] = [{}] * len(order)
        for number, pair in enumerate(pairs):
            rows[order[2 * number]], rows[order[2 * number + 1]] = pair.one, pair.other
        began = time.process_time()
        try:
            found = find(rows)
        except ImportError:
            continue
        seconds[name] = time.process_time() - began
        table[name] = _counts(pairs, order, found, is_whole=name in WHOLE)
    _print(table, seconds, each)


def _counts(pairs: list[Pair], order: list[int], found: Found, *, is_whole: bool) -> dict[str, int]:
    """Return how many pairs of each kind were found.

    In a whole file a row may be found beside another one of its template than its own partner: a
    pair that is none counts where either of its rows was found beside any.
    """
    later = {place for _, place in found}
    counts = dict.fromkeys((*DUPLICATES, *DIFFERENT), 0)
    for number, pair in enumerate(pairs):
        places = sorted((order[2 * number], order[2 * number + 1]))
        if pair.is_duplicate or not is_whole:
            counts[pair.kind] += (places[0], places[1]) in found
        else:
            counts[pair.kind] += not later.isdisjoint(places)
    return counts


def _print(table: dict[str, dict[str, int]], seconds: dict[str, float], each: int) -> None:
    names = list(table)
    print("| kind |", " | ".join(names), "|")
    print("|---|" + "---|" * len(names))
    for title, kinds in (("recall", DUPLICATES), ("false alarms", DIFFERENT)):
        for kind in kinds:
            print(
                f"| {kind} |",
                " | ".join(f"{100 * table[name][kind] / each:.0f}" for name in names),
                "|",
            )
        totals = []
        for name in names:
            total = sum(table[name][kind] for kind in kinds)
            totals.append(f"{100 * total / each / len(kinds):.1f}")
        print(f"| **{title}, %** |", " | ".join(totals), "|")
    precisions = []
    for name in names:
        right = sum(table[name][kind] for kind in DUPLICATES)
        wrong = sum(table[name][kind] for kind in DIFFERENT)
        precisions.append(f"{100 * right / (right + wrong):.1f}")
    print("| **precision, %** |", " | ".join(precisions), "|")
    print("| CPU, s |", " | ".join(f"{seconds[name]:.1f}" for name in names), "|")


if __name__ == "__main__":
    main()
