"""The inside of a tool worker, as far as a pool cannot show it."""

import errno
import os
import subprocess

import pytest

from swiftkit.sandbox.tool_worker import wait_for


@pytest.mark.parametrize("has_pidfd", [True, False])
def test_wait_for_says_whether_the_child_has_ended(
    monkeypatch: pytest.MonkeyPatch, has_pidfd: bool
) -> None:
    """In time; without pidfd_open(2) too, which a kernel before 5.3 has not."""

    def refuse(_: int) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    if not has_pidfd:
        monkeypatch.setattr(os, "pidfd_open", refuse)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        assert not wait_for(process.pid, 0.05)
        assert process.stdin
        process.stdin.close()
        assert wait_for(process.pid, 60)
        assert process.wait() == 0  # nobody has reaped it
