"""Why a training failed, by the exception that ended it."""

import pytest

from swiftkit.training.failure import reason_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "GPU memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "GPU memory"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "memory"),
        (OSError(12, "Cannot allocate memory"), "memory"),
        (MemoryError(), "memory"),
        (ValueError("out of memory"), ""),
        (RuntimeError("size mismatch"), ""),
        (None, ""),
    ],
)
def test_reason_of_an_error_and_of_what_comes_from_it(
    error: BaseException | None, reason: str
) -> None:
    later = ValueError("the step failed")
    later.__cause__ = error
    assert (reason_of(error), reason_of(later)) == (reason, reason)
