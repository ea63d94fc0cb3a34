"""How many requests may be in flight: a fixed number, or as many as make the endpoint faster.

The adaptive pace climbs: after each window of answers it compares the rate with the one at the
level before. As long as half as many more requests bring at least a tenth more answers a second, it
takes half as many more; otherwise it goes back a step, stays for some windows, and tries again. 429
and 503 halve it, once a window.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

BUSY = frozenset({429, 503})
FIRST, MOST = 8, 256
_SMALLEST_WINDOW = 16  # answers
_PATIENCE = 10  # windows at a level before a higher one is tried again


class Pace:
    """A gate that at most `allowed` pass at a time."""

    def __init__(self, concurrency: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.adaptive = concurrency == 0
        self.most = MOST if self.adaptive else concurrency
        self.allowed = FIRST if self.adaptive else concurrency
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        # answers a second, at the level below
        self._rate, self._below, self._settled = 0.0, FIRST, 0
        self._clock = clock
        self._answers, self._started, self._halved = 0, clock(), False

    async def enter(self) -> None:
        while self._inside >= self.allowed:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._inside += 1

    def leave(self) -> None:
        self._inside -= 1
        self._wake()

    def saw(self, status: int) -> None:
        """Take note of an exchange's HTTP status."""
        if not self.adaptive:
            return
        self._answers += 1
        if status in BUSY and not self._halved:
            self.allowed, self._settled, self._halved = max(1, self.allowed // 2), _PATIENCE, True
        if self._answers >= max(_SMALLEST_WINDOW, 2 * self.allowed):
            now = self._clock()
            self._next_level(self._answers / max(now - self._started, 1e-9))
            self._answers, self._started, self._halved = 0, now, False

    def _next_level(self, rate: float) -> None:
        if self._settled:
            self._settled -= 1
            climbs = self._settled == 0
        else:
            climbs = rate > 1.1 * self._rate
            if not climbs:
                self.allowed, self._settled = self._below, _PATIENCE
        if climbs:
            self._rate, self._below = rate, self.allowed
            self.allowed = min(self.most, self.allowed + max(1, self.allowed // 2))
        self._wake()

    def _wake(self) -> None:
        for _ in range(self.allowed - self._inside):
            while self._waiting and self._waiting[0].done():  # cancelled meanwhile
                self._waiting.popleft()
            if not self._waiting:
                return
            self._waiting.popleft().set_result(None)
