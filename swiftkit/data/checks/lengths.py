"""The lengths of rows: percentiles, a histogram, and how many would be cut at max_length.

A length is that of the texts of a row's messages and tools, in tokens where a tokenizer is given
and in characters otherwise. `swiftkit show --json` counts what a chat template adds, too.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.checks.row_view import RowView
from swiftkit.errors import UsageError

PERCENTILES = (50, 90, 95, 99)
_BINS = 16
_PIECE = 100_000  # characters that a tokenizer gets at a time: a huge row would fill the memory
_MOST_REMEMBERED = 100_000  # lengths of texts: tools and system prompts come again and again


class LengthBin(msgspec.Struct, frozen=True):
    """Rows whose length is in [low, high)."""

    low: int
    high: int
    rows: int


class LengthSummary(msgspec.Struct, frozen=True):
    unit: str  # tokens or characters
    mean: float
    percentiles: dict[str, int]
    max: int
    histogram: list[LengthBin]
    max_length: int | None = None
    over: int = 0  # rows with more than max_length tokens


class Lengths:
    """The length of every row; `tokenizer` is one of load_tokenizer, or None."""

    def __init__(self, tokenizer: Any, max_length: int | None) -> None:
        self._max_length = max_length
        self._unit = "tokens" if tokenizer else "characters"
        self._measure = _token_counter(tokenizer) if tokenizer else _count_characters
        self._lengths: list[int] = []

    def add(self, views: Sequence[RowView]) -> list[int]:
        """Return the lengths of these rows. Many at once: a tokenizer then uses all cores."""
        texts: list[str] = []
        ends = []  # of each row's texts
        for view in views:
            for turn in view.turns:
                texts += [turn.reasoning, turn.text] if turn.reasoning else [turn.text]
            tools = view.row.get("tools")
            if isinstance(tools, str):
                texts.append(tools)
            ends.append(len(texts))
        counts = self._measure(texts)
        lengths = [sum(counts[start:end]) for start, end in pairwise([0, *ends])]
        self._lengths += lengths
        return lengths

    def summary(self) -> LengthSummary | None:
        """Return the summary; None without any row."""
        if not self._lengths:
            return None
        ordered = sorted(self._lengths)
        last = len(ordered) - 1
        limit = self._max_length or ordered[last]
        return LengthSummary(
            unit=self._unit,
            mean=round(sum(ordered) / len(ordered), 1),
            percentiles={f"p{p}": ordered[round(last * p / 100)] for p in PERCENTILES},
            max=ordered[last],
            histogram=_histogram(ordered),
            max_length=self._max_length,
            over=sum(length > limit for length in ordered),
        )


def _histogram(ordered: Sequence[int]) -> list[LengthBin]:
    """Return equal bins from the shortest row to the 99th percentile, the last with all above."""
    low, high = ordered[0], ordered[round((len(ordered) - 1) * 0.99)]
    step = _round_step((high - low) / _BINS)
    edges = [*range(low // step * step, high + 1, step), ordered[-1] + 1]
    bins = []
    for start, end in pairwise(edges):
        rows = bisect_left(ordered, end) - bisect_left(ordered, start)
        bins.append(LengthBin(start, end, rows))
    return bins


def _round_step(least: float) -> int:
    """Return 1, 2 or 5 times a power of ten that is at least `least`."""
    power: int = 10 ** (len(str(int(least))) - 1)
    for factor in (1, 2, 5):
        if factor * power >= least:
            return factor * power
    return 10 * power


def _count_characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def _token_counter(tokenizer: Any) -> Callable[[Sequence[str]], list[int]]:
    """Return a function that counts the tokens of texts."""
    counts: dict[int, int] = {}  # of the texts seen before, by their hash

    def count(texts: Sequence[str]) -> list[int]:
        if len(counts) > _MOST_REMEMBERED:
            counts.clear()
        owners, pieces = [], []
        for text in texts:
            key = hash(text)
            if key not in counts:
                counts[key] = 0
                for start in range(0, len(text), _PIECE):
                    owners.append(key)
                    pieces.append(text[start : start + _PIECE])
        encodings = tokenizer.encode_batch_fast(pieces, add_special_tokens=False)
        for key, encoding in zip(owners, encodings, strict=True):
            counts[key] += len(encoding)
        return [counts[hash(text)] for text in texts]

    return count


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a model's folder, of the package tokenizers. Raises UsageError."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        fix = "AutoTokenizer.from_pretrained(...).save_pretrained(DIR) writes one"
        reason = f"{folder}: there is no tokenizer.json in it"
        raise UsageError(f"{reason}; give a model's folder; {fix}")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        fix = "pip install 'swiftkit[tokenizers]'"
        raise UsageError(f"token counts and ids need the package tokenizers: {fix}") from error
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises this very class
        fix = "copy the model's whole folder"
        raise UsageError(f"{file} is no tokenizer: {error}; {fix}") from error


def special_tokens(tokenizer: Any) -> list[str]:
    """Return the texts of a tokenizer's special tokens; none without a tokenizer."""
    if tokenizer is None:
        return []
    tokens = tokenizer.get_added_tokens_decoder().values()
    return [token.content for token in tokens if token.special]
