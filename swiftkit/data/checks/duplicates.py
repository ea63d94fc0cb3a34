"""Rows that are there before: word for word, or almost.

Exact: all columns but id, source and chain are the same (64-bit BLAKE2 of the sorted JSON). Near:
the conversations (all turns but the system's, and the gold) have a Jaccard similarity of at least
SIMILAR, as sets of 5 neighbouring words, which is how Lee et al., "Deduplicating Training Data
Makes Language Models Better" (ACL 2022), look for them. The similarity is estimated from a MinHash
sketch of 128 values (Broder 1997; the standard error is at most 0.045), of which 16 bits each are
kept (Li and König, "b-Bit Minwise Hashing", 2010). Candidates share one of 32 bands of 4 values,
which a pair of similarity 0.8 does with probability 0.9999999; each is compared with the first of
its band and with the one before it. Memory: about 300 bytes a row. Steps of one chain are no
duplicates of each other.
"""

from array import array
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from swiftkit.data.checks.entry import Entry
from swiftkit.data.checks.words import grams, hashes, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIMILAR = 0.8
_SHINGLE = 5
_VALUES, _BAND = 128, 4
_BLOCK = 4096  # shingles or pairs at a time
_UNEQUAL_COLUMNS = ("id", "source", "chain")
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class Pair(NamedTuple):
    """A row and the earlier one that it repeats, by their lines."""

    line: int
    earlier: int
    similarity: float


class Duplicates:
    def __init__(self) -> None:
        self._lines, self._digests, self._chains = array("Q"), array("Q"), array("Q")
        self._sketches = array("H")

    def add(self, entry: Entry) -> None:
        chain = entry.row.get("chain")
        self._chains.append(_digest(chain.encode()) if isinstance(chain, str) else len(self._lines))
        self._lines.append(entry.line)
        self._digests.append(_digest(_encode_sorted(_content(entry.row))))
        self._sketches.frombytes(_sketch(entry).tobytes())

    def exact(self) -> list[Pair]:
        return [Pair(self._lines[row], self._lines[first], 1.0) for row, first in self._repeats()]

    def near(self) -> list[Pair]:
        """Rows that nearly repeat an earlier one, without the exact repeats."""
        import numpy as np

        if not self._lines:
            return []
        kept = np.setdiff1d(np.arange(len(self._lines)), [row for row, _ in self._repeats()])
        sketches = np.frombuffer(self._sketches, np.uint16).reshape(-1, _VALUES)[kept]
        chains = np.frombuffer(self._chains, np.uint64)[kept]
        lines = np.frombuffer(self._lines, np.uint64)[kept]
        best, partner = _best(sketches, chains)
        rows = np.flatnonzero(best)
        return [
            Pair(int(lines[row]), int(lines[partner[row]]), round(float(best[row]), 2))
            for row in rows
        ]

    def _repeats(self) -> Iterator[tuple[int, int]]:
        """(index, index of the first row of the same digest), in the order of the rows."""
        first: dict[int, int] = {}
        for row, digest in enumerate(self._digests):
            if first.setdefault(digest, row) != row:
                yield row, first[digest]


def _content(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _UNEQUAL_COLUMNS}


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest())


def _sketch(entry: Entry) -> "NDArray[np.uint16]":
    """For each of 128 orders of all shingles, 16 bits of the one that comes first."""
    import numpy as np

    factors, offsets = _orders()
    shingles = _shingles(entry)
    least = np.full(_VALUES, 2**32 - 1, np.uint32)
    for start in range(0, len(shingles), _BLOCK):
        block = shingles[start : start + _BLOCK, None]
        np.minimum(least, (block * factors + offsets).min(axis=0), out=least)
    return (least * np.uint32(0x9E3779B1) >> np.uint32(16)).astype(np.uint16)


def _shingles(entry: Entry) -> "NDArray[np.uint32]":
    import numpy as np

    spoken = [turn for turn in entry.turns if turn.role != "system"]
    gold = entry.row.get("expected_calls")
    found = [word for turn in spoken for word in turn.words] + (
        words(gold) if isinstance(gold, str) else []
    )
    # no words, say only emoji: the text itself
    numbers = hashes(found or ["".join(turn.text for turn in spoken)])
    return (grams(numbers, _SHINGLE) >> np.uint64(32)).astype(np.uint32)


@cache
def _orders() -> tuple["NDArray[np.uint32]", "NDArray[np.uint32]"]:
    """x -> factor * x + offset modulo 2**32 puts all numbers into another order, if the factor is
    odd."""
    import numpy as np

    random = np.random.default_rng(0)
    factors, offsets = random.integers(0, 2**32, (2, _VALUES), np.uint32)
    return factors | np.uint32(1), offsets


def _best(sketches: Any, chains: Any) -> tuple[Any, Any]:
    """For each row its greatest similarity to an earlier one, and that one; 0 where none reaches
    SIMILAR."""
    import numpy as np

    best, partner = np.zeros(len(sketches)), np.zeros(len(sketches), np.int64)
    for band in sketches.view(np.uint64).T:
        for rows, earlier in _candidates(band):
            for start in range(0, len(rows), _BLOCK):
                here, there = rows[start : start + _BLOCK], earlier[start : start + _BLOCK]
                alike = (sketches[here] == sketches[there]).mean(axis=1)
                better = (alike >= SIMILAR) & (alike > best[here]) & (chains[here] != chains[there])
                best[here[better]], partner[here[better]] = alike[better], there[better]
    return best, partner


def _candidates(band: Any) -> Iterator[tuple[Any, Any]]:
    """(rows, earlier rows): each row with the first of its band's value, and with the one just
    before it."""
    import numpy as np

    order = np.argsort(band, kind="stable")
    values = band[order]
    again = np.flatnonzero(values[1:] == values[:-1]) + 1
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    first = starts[np.searchsorted(starts, again, side="right") - 1]
    yield order[again], order[first]
    beyond = first != again - 1
    yield order[again[beyond]], order[again[beyond] - 1]
