"""Waits between attempts."""

from swiftkit.client import retry


def test_wait_before_grows_and_is_spread() -> None:
    """Half to all of a doubling time, at most a minute; what cannot pass is not waited for."""
    answer = retry.Exchange(500)
    waits = [retry.wait_before(answer, attempt, 0.5) for attempt in range(4)]
    assert all(0.25 * 2**n <= (wait or 0) <= 0.5 * 2**n for n, wait in enumerate(waits))
    assert len({retry.wait_before(answer, 0, 0.5) for _ in range(10)}) > 1
    assert (retry.wait_before(retry.Exchange(429), 6, 100) or 99) <= retry.LONGEST_WAIT
    assert all(
        retry.wait_before(retry.Exchange(status), 0, 1) is None
        for status in (400, 402, 404, 413, 422, 301)
    )
