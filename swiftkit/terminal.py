"""What every command shows a person: messages, tables, JSON and a progress bar.

Data goes to stdout, messages and progress to stderr. Text of models and data rows is hostile: it
passes `printable` before it reaches a terminal; the functions below do that themselves.
"""

import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

# What a terminal would obey, and what reverses the order of letters; tabs and line ends stay.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_WORD = re.compile(r"(?:[<>] )?\S+(?: %)?")  # `< 0.001` and `12.5 %` stay together
# Where a word that is too long may be broken: a_|name/|of:|any-|thing[kind], 中|文
_BREAK = re.compile(r"(?<=[_/:])|(?<=\w-)|(?=\[)|(?<=[\u2e80-\uffef])|(?=[\u2e80-\uffef])")
_GAP = "  "  # between the columns of a table
_LONGEST_WORD = 40  # columns; what is longer (a path, Chinese text) may be broken
_REDRAW_SECONDS = 0.1


def stdout_width() -> int | None:
    """Return the columns of the terminal; None for a file or a pipe, which have no end."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None


def printable(text: str) -> str:
    """Return the text with its control characters written \\uXXXX, as JSON may write them too."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shorten(value: Any, limit: int) -> str:
    """Return the value as one line of at most `limit` characters and, if it was cut, `...`."""
    line = " ".join(str(value).split())
    return line if len(line) <= limit else f"{line[:limit]}..."


def say(message: str) -> None:
    """Print a message for the person, on stderr."""
    print(printable(message), file=sys.stderr, flush=True)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of text on stdout."""
    for line in lines:
        print(printable(line))


def print_json(value: Any) -> None:
    """Print anything that msgspec can encode on stdout, indented."""
    import msgspec  # the rest needs nothing but Python, as the launcher's dry run does

    print(printable(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


def print_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", right: Sequence[int] = ()
) -> None:
    """Print a table on stdout, as wide as the terminal; `right` are the columns set flush right."""
    if title:
        print(printable(title))
    print("\n".join(table_lines(head, rows, stdout_width(), right)))


def table_lines(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    width: int | None = None,
    right: Sequence[int] = (),
) -> list[str]:
    """Return the lines of a table that is at most `width` columns wide, if that is given.

    Cells are wrapped between words. Only where the longest words do not fit beside each other are
    they broken: after a `_`, `/`, `:` or hyphen, before a `[`, and between Chinese characters. A
    table that does not fit even then is wider than `width`.
    """
    cells = [[printable(str(cell)) for cell in row] for row in (head, *rows)]
    room = None if width is None else width - len(_GAP) * (len(head) - 1)
    widths = _column_widths(cells, room)
    lines = []
    for number, row in enumerate(cells):
        wrapped = [_wrap(cell, columns) for cell, columns in zip(row, widths, strict=True)]
        for line_number in range(max(map(len, wrapped))):
            line = []
            for column, pieces in enumerate(wrapped):
                piece = pieces[line_number] if line_number < len(pieces) else ""
                padding = " " * (widths[column] - _columns(piece))
                line.append(padding + piece if column in right else piece + padding)
            lines.append(_GAP.join(line).rstrip())
        if number == 0:
            lines.append(_GAP.join("-" * columns for columns in widths))
    return lines


def _column_widths(cells: Sequence[Sequence[str]], room: int | None) -> list[int]:
    """Return the columns' widths. The widest gives way first: to words, then to their parts."""
    widths, words, parts = [], [], []
    for column in zip(*cells, strict=True):
        text = "\n".join(column)
        column_words = _WORD.findall(text)
        column_parts = [part for word in column_words for part in _BREAK.split(word)]
        widths.append(max(map(_columns, text.split("\n"))))
        words.append(min(max(map(_columns, column_words), default=0), _LONGEST_WORD))
        parts.append(min(max(map(_columns, column_parts), default=0), _LONGEST_WORD))
    for least in (words, parts):
        while room is not None and sum(widths) > room:
            shrinkable = [column for column, wide in enumerate(widths) if wide > least[column]]
            if not shrinkable:
                break
            widest = max(shrinkable, key=lambda column: widths[column])
            widths[widest] -= 1
    return widths


def _wrap(cell: str, width: int) -> list[str]:
    """Return the lines of a cell, none wider than `width`."""
    lines = []
    for paragraph in cell.split("\n"):
        if _columns(paragraph) <= width:
            lines.append(paragraph)  # as it is: spaces at its beginning stay
            continue
        line = ""
        for word in _words(paragraph, width):
            joined = f"{line} {word}" if line else word
            if _columns(joined) <= width:
                line = joined
            else:
                lines.append(line)
                line = word
        lines.append(line)
    return lines


def _words(text: str, width: int) -> Iterator[str]:
    """Yield the words of a text; one that is wider than `width` comes in pieces."""
    for word in _WORD.findall(text):
        parts = _BREAK.split(word) if _columns(word) > width else [word]
        piece = ""
        for part in parts:
            if piece and _columns(piece + part) > width:
                yield piece
                piece = ""
            for character in part:  # a part may be too wide itself
                if _columns(piece + character) > width:
                    yield piece
                    piece = ""
                piece += character
        yield piece


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes; East Asian characters take two."""
    if text.isascii():
        return len(text)
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)


class ProgressBar:
    """Progress on stderr: a bar on a terminal; elsewhere a line every `line_seconds`, if not 0.

    `total` counts what `update` is given (rows, bytes), None if nobody knows it. `text` is called
    with the seconds since the start, and returns what stands beside the bar.
    """

    def __init__(
        self, total: float | None, text: Callable[[float], str], line_seconds: float = 0.0
    ) -> None:
        self._text = text
        self._bar: Any = _rich_bar(total) if sys.stderr.isatty() else None
        self._interval = _REDRAW_SECONDS if self._bar else line_seconds
        self._start = time.monotonic()
        self._next = self._start + self._interval

    def update(self, done: float) -> None:
        """Take note of how much is done; draws only now and then, so it may be called often."""
        now = time.monotonic()
        if self._interval and now >= self._next:
            self._next = now + self._interval
            self._draw(done, now)

    def close(self, done: float) -> None:
        """Draw a last time."""
        if self._interval:
            self._draw(done, time.monotonic())
        if self._bar:
            self._bar.stop()

    def _draw(self, done: float, now: float) -> None:
        text = printable(self._text(now - self._start))
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done, text=text)
        else:
            say(text)


def _rich_bar(total: float | None) -> Any:
    """Return a bar that has been started."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = BarColumn(), TextColumn("{task.fields[text]}", markup=False)
    bar = Progress(*columns, console=Console(stderr=True))
    bar.add_task("", total=total, text="")
    bar.start()
    return bar
