"""Whether a function takes linear time, whatever else the machine does."""

import time
from collections.abc import Callable

FACTOR = 16  # in quadratic time, 16 times the text takes 256 times as long


def takes_linear_time(function: Callable[[str], object], piece: str, length: int) -> bool:
    """Return whether `FACTOR` times as much text takes nothing like `FACTOR` squared the CPU time.

    A slow moment of the machine (its caches, its clock, another process) can spoil one comparison,
    and a quadratic function fails each of them: the best of five decides.
    """
    for _ in range(5):
        few = cpu_seconds(function, piece * (length // len(piece)))
        many = cpu_seconds(function, piece * (FACTOR * length // len(piece)))
        if many < 5 * FACTOR * max(few, 0.001):
            return True
    return False


def cpu_seconds(function: Callable[[str], object], text: str) -> float:
    """Return the CPU time that one call takes."""
    start = time.process_time()
    function(text)
    return time.process_time() - start
