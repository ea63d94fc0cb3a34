"""A process and all that descends from it, to be found and ended wherever it has gone.

What calls setsid and forks twice leaves its parents and their group. Two things still tell it. We
adopt its orphans (prctl(2), PR_SET_CHILD_SUBREAPER), so that while we live it is a descendant. And
it bears a mark in its environment, SWIFTKIT_FAMILY, by which others find it when we are gone. Only
one that gave itself another environment after our end is lost.
"""

import contextlib
import ctypes
import math
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # else imported where it is needed: a tool worker is forked for each call
    import psutil

FAMILY = "SWIFTKIT_FAMILY"  # the marks of the families that a process belongs to, outermost first
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36
_C_LIBRARY = ctypes.CDLL(None)


def adopt_orphans() -> None:
    """Become the parent of each descendant that loses its own. Linux only, else nothing happens."""
    if sys.platform == "linux":
        _C_LIBRARY.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def allow_tracing(is_allowed: bool) -> None:
    """Open our memory, descriptors and environment to our user's other processes, or to root alone.

    Linux only, else nothing happens. A fork begins as its parent is.
    """
    if sys.platform == "linux":
        _C_LIBRARY.prctl(_PR_SET_DUMPABLE, int(is_allowed), 0, 0, 0)


def children() -> set[int]:
    """Return the ids of our own children, ended ones too; none without /proc."""
    found = set()
    parent = str(os.getpid())
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # ID (NAME) STATE PARENT ...: a name may hold anything
            if stat.read_text(errors="replace").rpartition(")")[2].split()[1] == parent:
                found.add(int(stat.parent.name))
    return found


def end_children(spared: Set[int] = frozenset()) -> None:
    """Kill and reap our children and, as they become ours (adopt_orphans), their children."""
    while _has_children():
        family = children() - spared
        if not family:
            return
        for child in family:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def _has_children() -> bool:
    """Return False if we have none, in one system call."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def new_mark() -> str:
    return f"{os.getpid()}-{time.time_ns()}"


def with_mark(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """Return the environment for a process that begins a family, inside the families we are in."""
    outer_marks = os.environ.get(FAMILY, "")
    return {**environment, FAMILY: f"{outer_marks} {mark}".strip()}


def end_marked(mark: str, seconds: float = math.inf) -> None:
    """Kill all that bear a mark, until nobody is left or time is up."""
    import psutil

    deadline = time.monotonic() + seconds
    while (family := marked(mark)) and time.monotonic() < deadline:
        send_signal(family, signal.SIGKILL)
        psutil.wait_procs(family, timeout=0.1)


def marked(mark: str) -> "list[psutil.Process]":
    """Return the processes that bear a mark, and their descendants.

    The descendants, because some processes lose their environment when they change their title.
    """
    import psutil

    family = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in process.environ().get(FAMILY, "").split():
                family |= {process, *process.children(recursive=True)}
    return [process for process in family if not has_ended(process)]


def send_signal(processes: "Sequence[psutil.Process]", number: int) -> None:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def has_ended(process: "psutil.Process") -> bool:
    """Return True also for a zombie, which waits only for its parent to look."""
    import psutil

    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
