"""Rows that are there before: word for word, or almost.

Exact: all columns but id, source and chain are the same (64-bit BLAKE2 of the sorted JSON). Near:
the conversations (all turns but the system's, and the gold) have a Jaccard similarity of at least
SIMILAR, as sets of two neighbouring words, and the calls, the gold and the label are the same.
So one changed word of 23 or more is found, and a template filled in for another call is not:
benchmarks/near_duplicates measures both. Lee et al., "Deduplicating Training Data Makes Language
Models Better" (ACL 2022), take five words and 0.8, which needs 49 words around a changed one.

The similarity is that of two sketches, the 128 smallest hashes of each set (Broder 1997): exact for
sets that have no more between them, else with a standard error of at most 0.045. Two rows are
compared if one of 32 band keys is the same. A key is made of what has to be the same and of four of
the set's hashes, those that follow four points (Shrivastava and Li, "Improved Densification of One
Permutation Hashing", 2014), so that each agrees with the probability of the similarity, and a pair
of similarity 0.83 shares a key with probability 0.999999999. Each row is compared with the first of
its key and with the one before it. Memory: about 900 bytes a row. Steps of one chain are no
duplicates of each other.
"""

import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple

import msgspec

from swiftkit.data.checks.row_view import RowView
from swiftkit.data.checks.text_calls import marked_calls
from swiftkit.data.checks.tokens import run_hashes, tokens_of
from swiftkit.data.json_values import field, items
from swiftkit.json_text import decode_or_none

SIMILAR = 0.83
_SHINGLE = 2  # tokens
_SHORT = 20  # tokens of a text in a call that has to be the same
_SKETCH = 128  # hashes of a sketch
_BANDS, _BAND = 32, 4  # keys, and hashes of a key
_MASK = 2**32 - 1
_UNEQUAL_COLUMNS = ("id", "source", "chain")
_random = Random(0)  # noqa: S311 (the same points in every run)
_POINTS = _random.choices(range(_MASK), k=_BANDS * _BAND)
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class DuplicatePair(NamedTuple):
    """A row and the earlier one that it repeats, by their lines."""

    line: int
    earlier: int
    similarity: float


class Duplicates:
    """The rows of a file, numbered as they come: `add` each, then read `exact` and `near`."""

    def __init__(self) -> None:
        self._lines: list[int] = []
        self._digests: list[int] = []
        self._chains: list[str | int] = []  # its own number for a row without a chain
        self._sketches: list[array[int]] = []
        self._bands = [array("I") for _ in range(_BANDS)]  # of each, the keys of all rows

    def add(self, view: RowView) -> None:
        chain = view.row.get("chain")
        self._chains.append(chain if isinstance(chain, str) else len(self._lines))
        self._lines.append(view.line)
        content = {name: view.row[name] for name in view.row if name not in _UNEQUAL_COLUMNS}
        self._digests.append(_digest(_encode_sorted(content)))
        hashes, asked = _shingles(view), _digest(_asked(view))
        self._sketches.append(array("I", hashes[:_SKETCH]))
        for keys, key in zip(self._bands, _band_keys(hashes, asked), strict=True):
            keys.append(key)

    def exact(self) -> list[DuplicatePair]:
        lines = self._lines
        return [DuplicatePair(lines[row], lines[first], 1.0) for row, first in self._repeats()]

    def near(self) -> list[DuplicatePair]:
        """Return rows that nearly repeat an earlier one, without the exact repeats."""
        repeats = {row for row, _ in self._repeats()}
        rows = [row for row in range(len(self._lines)) if row not in repeats]
        best: dict[int, tuple[float, int]] = {}  # by row: similarity, earlier row
        for keys in self._bands:
            first: dict[int, int] = {}  # row by key
            last: dict[int, int] = {}
            for row in rows:
                key = keys[row]
                if key in last:
                    self._compare(row, first[key], best)
                    if first[key] != last[key]:
                        self._compare(row, last[key], best)
                else:
                    first[key] = row
                last[key] = row
        pairs = []
        for row in sorted(best):
            similarity, earlier = best[row]
            lines = self._lines[row], self._lines[earlier]
            pairs.append(DuplicatePair(*lines, round(similarity, 2)))
        return pairs

    def _compare(self, row: int, earlier: int, best: dict[int, tuple[float, int]]) -> None:
        """Enter the earlier row as the best partner if it is."""
        similarity, partner = best.get(row, (0.0, -1))
        if partner == earlier or self._chains[row] == self._chains[earlier]:
            return
        estimate = _similarity(self._sketches[row], self._sketches[earlier])
        if estimate >= SIMILAR and estimate > similarity:
            best[row] = estimate, earlier

    def _repeats(self) -> Iterator[tuple[int, int]]:
        """Yield each row whose digest was there before, with the first row that has it."""
        first: dict[int, int] = {}
        for row, digest in enumerate(self._digests):
            if first.setdefault(digest, row) != row:
                yield row, first[digest]


def _shingles(view: RowView) -> list[int]:
    """Return the 32-bit hashes of a conversation's shingles, sorted, each once."""
    turns = [turn for turn in view.turns if turn.role != "system"]
    tokens: list[str] = []
    for turn in turns:
        tokens += tokens_of(turn.reasoning) if turn.reasoning else ()
        tokens += turn.tokens
    gold = view.row.get("expected_calls")
    if isinstance(gold, str):
        tokens += tokens_of(gold)
    if not turns:
        tokens = [f"the row on line {view.line}, like no other"]
    # no words, say only emoji: the text itself
    tokens = tokens or ["".join(turn.text for turn in turns)]
    return sorted({run & _MASK for run in run_hashes(tokens, _SHINGLE)})


def _asked(view: RowView) -> bytes:
    """Return the calls and the gold of a row, their long texts left out, and its label: rows that
    differ in it teach different things, however alike their words are."""
    parts: list[Any] = [view.row.get("label")]
    gold = view.row.get("expected_calls")
    for call in items(decode_or_none(gold) if isinstance(gold, str) else None):
        parts.append([field(call, "name"), field(call, "arguments")])
    for turn in view.turns:
        if turn.role == "tool_call":
            call = decode_or_none(turn.text)
            parts.append([field(call, "name"), field(call, "arguments")])
        elif turn.role == "assistant" and "label" in view.row:  # it may end with a call as text
            parts += [[call.name, call.arguments] for call in marked_calls(turn.text)]
    encoded = []
    for part in parts:
        try:
            encoded.append(_encode_sorted(_short_values(part)))
        except (RecursionError, UnicodeEncodeError):
            encoded.append(str(view.line).encode())  # like no other
    return b"\n".join(sorted(encoded))


def _short_values(value: Any) -> Any:
    """Return a JSON value whose texts are cut down to what has to be the same in a near duplicate:
    nothing of a long one, no case and no width of a short one."""
    if isinstance(value, str):
        is_long = len(value) > _SHORT and len(tokens_of(value)) > _SHORT
        return "" if is_long else unicodedata.normalize("NFKC", value).casefold()
    if isinstance(value, list):
        return [_short_values(each) for each in value]
    if isinstance(value, dict):
        return {key: _short_values(each) for key, each in value.items()}
    return value


def _digest(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest())


def _band_keys(hashes: list[int], asked: int) -> Iterator[int]:
    """Yield a key for each band, of the hashes that follow its points; behind the last comes the
    first."""
    circle = [*hashes, hashes[0]]
    following = [circle[bisect_left(hashes, point)] for point in _POINTS]
    for start in range(0, len(_POINTS), _BAND):
        yield hash((asked, *following[start : start + _BAND])) & _MASK


def _similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the Jaccard similarity of two sets by their sketches; 0 if below SIMILAR for sure."""
    shared = set(one).intersection(other)
    size = min(_SKETCH, len(one) + len(other) - len(shared))
    if len(shared) < SIMILAR * size:
        return 0.0
    smallest = sorted({*one, *other})[:_SKETCH]
    return sum(number in shared for number in smallest) / len(smallest)
