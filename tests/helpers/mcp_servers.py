"""MCP servers to talk to: a real one, made with the SDK, and one that says what a test tells it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.paths import ROOT

REAL_SERVER = ROOT / "tests" / "helpers" / "weather_mcp_server.py"
SCRIPTED_SERVER = ROOT / "tests" / "helpers" / "scripted_mcp_server.py"
TIME_SERVER = {"command": sys.executable, "args": ["-m", "mcp_server_time"]}
# what node and npm packages, and the peers' own Python, are installed in by scripts/setup_mcp.sh
PEERS = Path(os.environ.get("SWIFTKIT_MCP_VENV") or ROOT / ".venv_mcp")


def real(*args: str) -> dict[str, Any]:
    """Return the settings of the real server over stdio."""
    return {"command": sys.executable, "args": [str(REAL_SERVER), "stdio", *args]}


def scripted(*pages: Any, **more: Any) -> dict[str, Any]:
    """Return the settings of a server that lists these pages, each a list of tools or a result."""
    script = json.dumps({"pages": pages, **more})
    return {"command": sys.executable, "args": [str(SCRIPTED_SERVER), script]}


def config(folder: Path, **servers: Any) -> Path:
    """Write an mcp.json."""
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    return path


@contextmanager
def real_over_http(*args: str) -> Iterator[str]:
    """Yield the address of the real server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(REAL_SERVER), str(port), *args]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "the server has ended"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # a stream is still open
            process.kill()
            process.wait()
