"""The client's stop texts, in an answer that comes in pieces."""

from collections.abc import Sequence


class StopTexts:
    """Cuts a growing text off before the stop text that is complete first.

    That is where generating would have stopped, in whatever pieces the text comes.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.hit = False
        self._stops, self._kept = tuple(stops), ""

    def feed(self, text: str) -> str:
        """Return the text that may go out."""
        if self.hit:
            return ""
        text = self._kept + text
        places = []
        for stop in self._stops:
            start = text.find(stop)
            if start >= 0:
                places.append((start + len(stop), start))
        if places:
            self.hit, self._kept = True, ""
            return text[: min(places)[1]]
        end = len(text) - self._stop_beginning(text)
        self._kept = text[end:]
        return text[:end]

    def rest(self) -> str:
        """Return what was held back, at the end of the answer."""
        return self._kept

    def _stop_beginning(self, text: str) -> int:
        """Return how many characters at the text's end may be the beginning of a stop text."""
        longest = max(map(len, self._stops), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stops):
                return size
        return 0
