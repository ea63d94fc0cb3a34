"""Wait until a server of ours answers: `wait_for_server` of recipes/lib.sh.

    python -m swiftkit.training.wait_for_server PID URL SECONDS LOG

Exit status: 0 as soon as URL/health answers; 1, with the end of its log, if the process PID ends
before that or SECONDS have passed.
"""

import http.client
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import psutil

from swiftkit.terminal import printable, say
from swiftkit.training.signals import end_at_ctrl_c


def main(arguments: Sequence[str]) -> int:
    end_at_ctrl_c()
    pid, url, seconds, log = arguments
    problem = wait_for_server(int(pid), url, float(seconds))
    if not problem:
        return 0
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    say(f"swiftkit: {problem}; the end of {log}:")
    for line in lines[-20:]:
        say(printable(line))
    return 1


def wait_for_server(pid: int, url: str, seconds: float) -> str:
    """Wait until URL/health answers; return what went wrong, empty if nothing did."""
    deadline = time.monotonic() + seconds
    while not answers(f"{url.rstrip('/')}/health"):
        if not is_running(pid):
            return f"the server at {url} ended before it answered"
        if time.monotonic() > deadline:
            return f"the server at {url} did not answer within {seconds:g} s"
        time.sleep(0.3)
    return ""


def answers(url: str) -> bool:
    """Return True if the server says yes; a proxy from the environment is not asked for it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=2).close()
    except (OSError, http.client.HTTPException):
        return False
    return True


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
