"""Notice an endpoint that refuses every request alike, such as one that takes no tools."""

import re
from collections import deque
from collections.abc import Iterator

from swiftkit.client.client import BAD_REQUEST
from swiftkit.evals.results import Job

# of the request itself, not of the endpoint
REFUSED_REQUEST = (BAD_REQUEST, "HTTP 413", "HTTP 422")
MOST_EQUAL = 16  # requests that are refused alike before anything was answered
_REQUEST_ID = re.compile(r"\b(?=[\w-]*\d)[\w-]{8,}")  # which makes equal refusals differ


class Refusals:
    """Counts equal refusals in a row until the first answer; after one, each is its sample's own.

    Refusals that differ, as those of conversations that are too long each by another length, do
    not count.
    """

    def __init__(self) -> None:
        self.number = 0
        self.last = ""
        self._has_answer = False

    @property
    def are_all_equal(self) -> bool:
        """True where only asking a few alone can tell whether the rest is worth asking."""
        return self.number >= MOST_EQUAL

    def count(self, error: str) -> None:
        """Count a response by its error, "" for an answer."""
        if self._has_answer:
            return
        if not error:
            self._has_answer, self.number = True, 0
        elif error.startswith(REFUSED_REQUEST):
            is_equal = _REQUEST_ID.sub("", error) == _REQUEST_ID.sub("", self.last)
            self.number = self.number + 1 if is_equal else 1
            self.last = error
        else:
            self.number = 0


def take_few(refused: list[Job], unasked: deque[Job]) -> Iterator[Job]:
    """Take out, one by one, a job that was refused, and two from elsewhere in the data, which may
    ask another kind of question."""
    if refused:
        yield refused.pop()
    if unasked:
        yield unasked.pop()
    if unasked:
        middle = len(unasked) // 2
        job = unasked[middle]
        del unasked[middle]
        yield job
