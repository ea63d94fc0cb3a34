"""The progress through files of rows: a bar on a terminal, nothing elsewhere."""

from collections.abc import Sequence
from pathlib import Path

from swiftkit.terminal import ProgressBar


class RowProgress:
    """Rows that are done, their speed, and the time left, which the bytes that were read tell."""

    def __init__(self, files: Sequence[Path]) -> None:
        total = None
        if all(file.is_file() for file in files):
            total = sum(file.stat().st_size for file in files)
        self._bytes = self._rows = 0
        self._bar = ProgressBar(
            total, lambda seconds: describe_speed(self._rows, self._bytes, total, seconds)
        )

    def add_bytes(self, count: int) -> None:
        """Take note of bytes that were read."""
        self._bytes += count

    def update(self, rows: int) -> None:
        """Take note of how many rows are done, and draw."""
        self._rows = rows
        self._bar.update(self._bytes)

    def close(self) -> None:
        self._bar.close(self._bytes)


def describe_speed(rows: int, done: int, total: int | None, seconds: float) -> str:
    """Return the text beside the bar. `done` and `total` count bytes; a pipe's total is None."""
    text = f"{rows:,} rows, {rows / (seconds or 1):,.0f} rows/s"
    if total and done:
        text += f", {seconds * max(total - done, 0) / done:.0f} s left"
    return text
