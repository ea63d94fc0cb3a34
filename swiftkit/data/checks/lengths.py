"""How long the rows are: percentiles, a histogram, and how many would be cut at max_length.

A length is that of the texts of a row's messages and tools, in tokens where a tokenizer is given
and in characters otherwise. What a chat template adds around them is not counted: `swiftkit show
--json` counts the exact tokens.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.checks.entry import Entry
from swiftkit.errors import UsageError

PERCENTILES = (50, 90, 95, 99)
_BINS = 16
# characters: what a tokenizer gets at a time, so that one huge row does not fill the memory
_PIECE = 100_000
_KNOWN = 100_000  # texts whose length is remembered: tools and system prompts come again and again


class Bin(msgspec.Struct, frozen=True):
    """Rows whose length is in [low, high)."""

    low: int
    high: int
    rows: int


class Summary(msgspec.Struct, frozen=True):
    """`over` counts the rows with more than `max_length` tokens."""

    unit: str  # tokens or characters
    mean: float
    percentiles: dict[str, int]
    max: int
    histogram: list[Bin]
    max_length: int | None = None
    over: int = 0


class Lengths:
    """The length of every row, four bytes each."""

    def __init__(self, tokenizer: Path | None, max_length: int | None) -> None:
        self.max_length = max_length
        self._unit = "tokens" if tokenizer else "characters"
        self._measure = _token_counter(tokenizer) if tokenizer else _characters
        self._all = array("L")

    def add(self, entries: Sequence[Entry]) -> list[int]:
        """The lengths of these rows. Many at once: a tokenizer then uses all cores."""
        texts = [_texts(entry) for entry in entries]
        counts = iter(self._measure([text for row in texts for text in row]))
        lengths = [sum(next(counts) for _ in row) for row in texts]
        self._all.extend(lengths)
        return lengths

    def summary(self) -> Summary | None:
        """None without any row."""
        if not self._all:
            return None
        ordered = sorted(self._all)
        last = len(ordered) - 1
        at = {f"p{percent}": ordered[round(last * percent / 100)] for percent in PERCENTILES}
        over = sum(length > self.max_length for length in ordered) if self.max_length else 0
        mean = round(sum(ordered) / len(ordered), 1)
        return Summary(
            self._unit, mean, at, ordered[-1], _histogram(ordered), self.max_length, over
        )


def _histogram(ordered: Sequence[int]) -> list[Bin]:
    """Equal bins from the shortest row to the 99th percentile; the last one holds what is longer,
    too."""
    low, high = ordered[0], ordered[round((len(ordered) - 1) * 0.99)]
    step = _round_step((high - low) / _BINS)
    edges = [*range(low // step * step, high + 1, step), ordered[-1] + 1]
    cuts = [bisect_left(ordered, edge) for edge in edges]
    return [
        Bin(*pair, end - start)
        for pair, (start, end) in zip(pairwise(edges), pairwise(cuts), strict=True)
    ]


def _round_step(least: float) -> int:
    """1, 2 or 5 times a power of ten, and at least `least`."""
    power: int = 10 ** (len(str(int(least))) - 1)
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)


def _texts(entry: Entry) -> list[str]:
    tools = entry.row.get("tools")
    return [*(turn.text for turn in entry.turns), *([tools] if isinstance(tools, str) else [])]


def _characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def _token_counter(folder: Path) -> Callable[[Sequence[str]], list[int]]:
    tokenizer = _tokenizer(folder)
    known: dict[int, int] = {}

    def count(texts: Sequence[str]) -> list[int]:
        keys = [hash(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if len(known) > _KNOWN:
            known.clear()
            new = dict(zip(keys, texts, strict=True))
        pieces = [
            (key, text[start : start + _PIECE])
            for key, text in new.items()
            for start in _starts(text)
        ]
        known.update(dict.fromkeys(new, 0))
        for (key, _), made in zip(
            pieces, _encoded(tokenizer, [piece for _, piece in pieces]), strict=True
        ):
            known[key] += len(made)
        return [known[key] for key in keys]

    return count


def _starts(text: str) -> range:
    return range(0, len(text), _PIECE)


def _encoded(tokenizer: Any, pieces: list[str]) -> Any:
    return tokenizer.encode_batch_fast(pieces, add_special_tokens=False)


def _tokenizer(folder: Path) -> Any:
    file = folder / "tokenizer.json"
    if not file.is_file():
        fix = "give a model's folder; AutoTokenizer.from_pretrained(...).save_pretrained(DIR) writes one"
        raise UsageError(f"--tokenizer {folder}: there is no tokenizer.json in it; {fix}")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        fix = "pip install tokenizers (swiftkit[train] brings it)"
        raise UsageError(f"--tokenizer needs the package tokenizers: {fix}") from error
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises this very class
        raise UsageError(
            f"{file} is no tokenizer: {error}; copy the model's whole folder"
        ) from error
