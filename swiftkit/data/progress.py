"""Show how a conversion gets on: a bar on a terminal, nothing elsewhere."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_INTERVAL = 0.1  # seconds between two drawings


class Progress:
    """`seen` is told of bytes as they are read, `tick` of the number of rows that are done."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._total = _size(files)
        self._bytes = self._rows = 0
        self._bar: Any = _bar(self._total) if sys.stderr.isatty() else None
        self._start = self._next = time.monotonic()

    def seen(self, count: int) -> None:
        self._bytes += count

    def tick(self, rows: int) -> None:
        self._rows = rows
        if self._bar and time.monotonic() >= self._next:
            self._draw()
            self._next = time.monotonic() + _INTERVAL

    def close(self) -> None:
        if self._bar:
            self._draw()
            self._bar.stop()

    def _draw(self) -> None:
        state = state_of(self._rows, self._bytes, self._total, time.monotonic() - self._start)
        self._bar.update(self._bar.task_ids[0], completed=self._bytes, state=state)


def state_of(rows: int, done: int, total: int | None, seconds: float) -> str:
    """The text beside the bar; `done` and `total` count bytes, and nobody knows the total of a
    pipe."""
    left = f", {seconds * max(total - done, 0) / done:.0f} s left" if total and done else ""
    return f"{rows:,} rows, {rows / (seconds or 1):,.0f} rows/s{left}"


def _size(files: Iterable[Path]) -> int | None:
    sizes = [file.stat().st_size if file.is_file() else None for file in files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _bar(total: int | None) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    bar = Progress(BarColumn(), TextColumn("{task.fields[state]}"), console=Console(stderr=True))
    bar.add_task("converting", total=total, state="")
    bar.start()
    return bar
