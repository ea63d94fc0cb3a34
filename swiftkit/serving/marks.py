"""Marks in a text that comes in pieces."""

import re
from collections.abc import Iterable

from swiftkit.toolcall.alternatives import any_of


class Marks:
    """Short fixed texts, at least one, that are searched in a growing text."""

    def __init__(self, texts: Iterable[str]) -> None:
        known = frozenset(texts)
        self._pattern = re.compile(any_of(known))
        beginnings = (text[:size] for text in known for size in range(1, len(text)))
        self._beginnings = frozenset(beginnings)
        self._longest = max(map(len, self._beginnings), default=0)

    def search(self, text: str, start: int) -> re.Match[str] | None:
        """Return the first mark, the longest that stands there; None where it may still become a
        longer one."""
        mark = self._pattern.search(text, start)
        return None if mark and self.may_begin(text, mark.start()) else mark

    def may_begin(self, text: str, start: int) -> bool:
        """Tell whether all that stands from here on is the beginning of a mark."""
        return len(text) - start <= self._longest and text[start:] in self._beginnings

    def sure_end(self, text: str, start: int) -> int:
        """Return where the part of a text ends in which no mark begins; `search` found none."""
        for place in range(max(len(text) - self._longest, start), len(text)):
            if text[place:] in self._beginnings:
                return place
        return len(text)
