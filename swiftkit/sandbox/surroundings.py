"""What of a process a function may change for all that comes after it."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from swiftkit.sandbox.family import children


def surroundings() -> dict[str, Any]:
    """Return what a call might change for the training around it."""
    numpy = sys.modules.get("numpy")
    folder = Path("/proc/self/fd")
    descriptors = len(list(folder.iterdir())) if folder.exists() else 0
    return {
        "environment variables": dict(os.environ),
        "the working directory": os.getcwd(),  # noqa: PTH109 - a plain value
        "the recursion limit": sys.getrecursionlimit(),
        "the module search path": list(sys.path),
        "sys.stdout": id(sys.stdout),
        "the alarm signal": str(signal.getsignal(signal.SIGALRM)),
        "numpy's error handling": numpy.geterr() if numpy else None,
        "threads": threading.active_count(),
        "processes": len(children()),
        "open files": descriptors // 8,  # a few are Python's own affair
    }


def changes_between(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return in words what is not as it was."""
    changes = []
    for name, value in after.items():
        if name in ("threads", "processes", "open files"):
            if value > before[name]:
                changes.append(f"{name} are left behind")
        elif value != before[name] and before[name] is not None:
            changes.append(f"{name} changed")
    return changes
