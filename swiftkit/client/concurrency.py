"""Limit the requests in flight: to a fixed number, or to as many as make the endpoint faster.

The adaptive limit climbs: as long as half as many more requests bring at least a tenth more answers
a second than the level before, measured over a window of answers, it takes half as many more;
otherwise it goes back a step, stays for some windows, and tries again. 429 and 503 halve it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

BUSY = frozenset({429, 503})
FIRST, MOST = 8, 256
_SMALLEST_WINDOW = 16  # answers
_PATIENCE = 10  # windows at a level before a higher one is tried again


class ConcurrencyLimit:
    """At most `allowed` requests are in flight; a `concurrency` of 0 is adaptive."""

    def __init__(self, concurrency: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_adaptive = concurrency == 0
        self.most = concurrency or MOST
        self.allowed = concurrency or FIRST
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._clock = clock
        # the level below, its answers a second, and how many windows to stay here
        self._lower_level, self._lower_rate, self._windows_to_stay = FIRST, 0.0, 0
        # of the present window
        self._answers, self._window_start, self._is_halved = 0, clock(), False

    async def enter(self) -> None:
        while self._in_flight >= self.allowed:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._in_flight += 1

    def leave(self) -> None:
        self._in_flight -= 1
        self._wake()

    def count(self, status: int) -> None:
        """Count an exchange by its HTTP status, and move the limit at the end of a window."""
        if not self.is_adaptive:
            return
        self._answers += 1
        if status in BUSY and not self._is_halved:
            self.allowed = max(1, self.allowed // 2)
            self._windows_to_stay, self._is_halved = _PATIENCE, True
        if self._answers >= max(_SMALLEST_WINDOW, 2 * self.allowed):
            now = self._clock()
            self._end_window(self._answers / max(now - self._window_start, 1e-9))
            self._answers, self._window_start, self._is_halved = 0, now, False

    def _end_window(self, rate: float) -> None:
        """Climb, stay or step back; `rate` is in answers a second."""
        if self._windows_to_stay:
            self._windows_to_stay -= 1
            climbs = self._windows_to_stay == 0
        else:
            climbs = rate > 1.1 * self._lower_rate
            if not climbs:
                self.allowed, self._windows_to_stay = self._lower_level, _PATIENCE
        if climbs:
            self._lower_level, self._lower_rate = self.allowed, rate
            self.allowed = min(self.most, self.allowed + max(1, self.allowed // 2))
        self._wake()

    def _wake(self) -> None:
        for _ in range(self.allowed - self._in_flight):
            while self._waiting and self._waiting[0].done():  # cancelled meanwhile
                self._waiting.popleft()
            if not self._waiting:
                return
            self._waiting.popleft().set_result(None)
