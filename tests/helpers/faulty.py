"""An endpoint that fails in every way, and remembers which questions it has answered."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from helpers.servers import Reply, error

GARBAGE = (
    b"",
    b"null",
    b"[]",
    b'{"choices": []}',
    b'{"choices": [{}]}',
    b"\xff\xfe{",
    b'{"a":' * 9999,
)
PASSING: tuple[Callable[[random.Random], Reply], ...] = (
    lambda _: error(429, Retry_After="0"),
    lambda _: error(429, "slow down"),
    lambda _: error(500),
    lambda _: error(503, Retry_After="0.01"),
    lambda _: Reply(fault="reset"),
    lambda _: Reply({"choices": "x" * 5000}, fault="half"),
    lambda draw: Reply(draw.choice(GARBAGE)),
    lambda _: Reply(fault="stall"),
    lambda _: Reply(b"<html><body>busy</body></html>", headers={"Content-Type": "text/html"}),
)


class Faulty:
    """A script for `serve`. Of the questions `q N`, some end in 402, 400 or 500 whenever they are
    asked (`fate`); of the other requests `share` meets a fault that passes, and some good answers
    bear a wrong content type."""

    def __init__(
        self, good: Callable[[dict[str, Any]], Reply], share: float, seed: int = 7
    ) -> None:
        self.good, self.share = good, share
        self.asked: Counter[int] = Counter()
        self.answered: Counter[int] = Counter()
        self._draw = random.Random(seed)  # noqa: S311

    @staticmethod
    def fate(number: int) -> int:
        """Return the status that a question gets whenever it is asked; 200 where only luck
        decides."""
        if number % 20 == 3:
            return 402
        if number % 25 == 4:
            return 400
        return 500 if number % 30 == 6 else 200

    def __call__(self, body: dict[str, Any]) -> Reply:
        number = int(body["messages"][-1]["content"].split()[1])
        self.asked[number] += 1
        status = self.fate(number)
        if status != 200:
            return error(status, "for good")
        if self._draw.random() < self.share:
            return self._draw.choice(PASSING)(self._draw)
        self.answered[number] += 1
        wrong_type = self._draw.random() < 0.1
        return replace(self.good(body), headers={"Content-Type": "text/html"} if wrong_type else {})
