"""The shared server that breaks as each question says: `Q1 mode=NAME`, or `mode=once-NAME`."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.paths import SHARED_CASES

FAULT_SERVER = SHARED_CASES.parent / "tools" / "fault_server.py"


@contextmanager
def fault_server(log: Path) -> Iterator[str]:
    """Yield its base URL; skip the test where the shared folder is not here."""
    if not FAULT_SERVER.exists():
        pytest.skip(f"{FAULT_SERVER.name} of the shared folder is not here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, FAULT_SERVER, str(port), log]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout
        assert server.stdout.readline().startswith(b"listening")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
