"""Decide when to ask again after a fault, and how long to wait before.

408, 409, 425, 429, 5xx, resets, time-outs and bodies that are no chat completion are asked again, a
few times, with jittered exponential waits (AWS Architecture Blog, "Exponential Backoff And Jitter")
or as `Retry-After` says. 429 gets more attempts: windows of a rate limit are often a minute long.
"""

import contextlib
import email.utils
import random
import time
from typing import NamedTuple

RETRIED = frozenset({408, 409, 425, 429})
ATTEMPTS = 5
PATIENT_ATTEMPTS = 8  # for 429: with the waits from 0.5 s on, a minute
LONGEST_WAIT = 60.0  # seconds
TOO_LONG = 600.0  # seconds; a Retry-After beyond it is an error at once


class Exchange(NamedTuple):
    """One HTTP exchange; times in seconds. At `status` 0 none took place, and `error` says why.

    `remark` says where an answer may come from, if not from the endpoint.
    """

    status: int
    body: bytes = b""
    error: str = ""
    retry_after: float | None = None
    first_token: float = 0.0
    remark: str = ""


def wait_before(exchange: Exchange, attempt: int, first_wait: float) -> float | None:
    """Return the seconds to wait after attempt number `attempt`, from 0; None to give up."""
    status, retry_after = exchange.status, exchange.retry_after
    may_pass = status in RETRIED or status >= 500 or status in (0, 200)
    attempts = PATIENT_ATTEMPTS if status == 429 else ATTEMPTS
    if not may_pass or attempt + 1 >= attempts:
        return None
    longest = min(LONGEST_WAIT, first_wait * 2**attempt)
    if retry_after is None:
        return random.uniform(longest / 2, longest)  # noqa: S311 - not a secret
    if retry_after > TOO_LONG:
        return None
    return retry_after + random.uniform(0, longest / 2)  # noqa: S311 - not all at the same moment


def waiting_for(exchange: Exchange, seconds: float) -> str:
    """Return a line on a wait: why, how long, and until when."""
    status = f"HTTP {exchange.status}" if exchange.status else "no connection"
    what = f"{status}, asked again after {seconds:.0f} s"
    if exchange.retry_after is not None:
        what = f"the endpoint asks to wait {exchange.retry_after:.0f} s ({status}, Retry-After)"
    until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    return f"{what}; going on at {until}"


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of either form (RFC 9110, 10.2.3); None without one that makes sense."""
    if not header:
        return None
    with contextlib.suppress(ValueError):
        seconds = float(header)
        return max(0.0, seconds) if seconds == seconds else None  # "nan" is no time
    with contextlib.suppress(ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    return None
