"""Show how a run gets on, on stderr: a bar on a terminal, a plain line every few seconds
elsewhere."""

import sys
import time
from typing import Any

import msgspec


class Counts(msgspec.Struct):
    """`total` and `done` count sample-trials; `finished_before` of `done` came from the journal."""

    total: int
    done: int = 0
    finished_before: int = 0
    scored: int = 0
    exact: int = 0
    errors: int = 0
    skipped: int = 0
    in_flight: int = 0

    def line(self, seconds: float) -> str:
        rate = (self.done - self.finished_before) / seconds if seconds else 0.0
        left = f"{(self.total - self.done) / rate:.0f} s left" if rate else "-"
        exact = f"{100 * self.exact / self.scored:.1f} % exact" if self.scored else "none scored"
        faults = "".join(
            f", {count} {name}"
            for name, count in (("errors", self.errors), ("skipped", self.skipped))
            if count
        )
        return f"{self.done}/{self.total}, {rate:.1f}/s, {left}, {exact}{faults}, {self.in_flight} in flight"


class Progress:
    """Call `tick` after each response; it draws at most every `interval` seconds."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._bar: Any = None
        self._interval = self._start = self._next = 0.0

    def start(self) -> None:
        self._start = time.monotonic()
        self._bar = _bar(self.counts) if sys.stderr.isatty() else None
        self._interval = 0.1 if self._bar else 5.0
        self._next = self._start + self._interval

    def tick(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._interval
            self._draw(now)

    def _draw(self, now: float) -> None:
        line = self.counts.line(now - self._start)
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=self.counts.done, state=line)
        else:
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        self._draw(time.monotonic())
        if self._bar:
            self._bar.stop()


def _bar(counts: Counts) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    bar = Progress(BarColumn(), TextColumn("{task.fields[state]}"), console=Console(stderr=True))
    bar.add_task("asking", total=counts.total, completed=counts.done, state="")
    bar.start()
    return bar
