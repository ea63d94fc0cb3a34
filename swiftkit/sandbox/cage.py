"""The cage: what a machine has of namespaces, Landlock, seccomp and limits, around two processes.

    worker (enter)
      zygote
        judge (before_fork, close_on_judge)
          candidate (close_on_candidate)

The worker enters once; each check pays for its own processes, scratch folder and filters alone.
"""

import contextlib
import os
import resource
import sys
from pathlib import Path
from typing import NamedTuple

from swiftkit.sandbox import landlock, linux, namespaces, seccomp

COMPUTE = "seccomp-compute"  # neither files nor modules that are not loaded yet
# From the most to the least. Without seccomp nothing holds: a namespace alone lets a program make
# further ones, and mounts in them, io_uring and keys.
ISOLATIONS = (
    "namespaces+landlock+seccomp",
    "namespaces+seccomp",
    "landlock+seccomp",
    COMPUTE,
)
UNSAFE = "none"
LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120 - a venv's sysconfig would name the venv
HIDDEN = ("site-packages", "dist-packages", "test", "idlelib")
_NOTHING_MORE = ("CORE", "MSGQUEUE", "MEMLOCK")
_THREADS, _FILES, _STACK, _FILE_SIZE = 64, 64, 8 << 20, 1 << 20
_JUDGE_MEGABYTES = 1024


class CheckLimits(NamedTuple):
    """Limits of one check: seconds of wall time, memory beside the interpreter, scratch folder."""

    seconds: float = 3.0
    megabytes: int = 256
    scratch_megabytes: int = 16

    def text(self) -> str:
        """The limits as a report names them."""
        return (
            f"{self.seconds:g} s, {self.megabytes} MB, {_THREADS} threads, {_FILES} descriptors, "
            f"files of 1 MB and {self.scratch_megabytes} MB together, 1 MB of output"
        )


class Cage:
    """An isolation of ISOLATIONS, or UNSAFE: limits alone. Raises OSError where it cannot be had.

    `scratch` is a folder for all checks, one after the other; namespaces make their own.
    """

    def __init__(self, isolation: str, limits: CheckLimits, scratch: str) -> None:
        self.limits = limits
        self.has_namespaces = "namespaces" in isolation
        self._has_landlock = "landlock" in isolation
        self.is_unsafe = isolation == UNSAFE
        self.has_paths = isolation != COMPUTE
        self.scratch = namespaces.SCRATCH if self.has_namespaces else scratch
        self._filter: seccomp.Filter | None = None
        if not self.is_unsafe:
            has_paths, has_modes = self.has_paths, self.has_namespaces
            self._filter = seccomp.build(has_paths=has_paths, has_modes=has_modes)
        self.landlock_version = landlock.version() if self._has_landlock else 0
        if self._has_landlock and self.landlock_version < landlock.LEAST:
            found = self.landlock_version or "none"
            raise OSError(f"Landlock {landlock.LEAST} is needed, and here is {found}")
        self._memory = _address_space()

    def enter(self) -> None:
        """Bind the worker itself, once. Raises OSError."""
        if self.has_namespaces:
            namespaces.enter(LIBRARY, HIDDEN)
        elif not self.is_unsafe:
            _become_nobody_with(self.scratch)
        self._rules: list[landlock.Rule] = []
        if self._has_landlock:
            if self.has_namespaces:
                self._rules.append((LIBRARY, landlock.READ))
            else:
                self._rules += landlock.library_rules(LIBRARY, HIDDEN)
            for device in namespaces.DEVICES:
                if Path(device).exists():
                    self._rules.append((device, landlock.WRITE))
            if Path(namespaces.TIME_ZONES).exists():
                self._rules.append((namespaces.TIME_ZONES, landlock.READ))
            self._judge_rules = landlock.ruleset(self._rules, may_signal=True)
            if not self.has_namespaces:
                scratch = (self.scratch, landlock.SCRATCH)
                self._candidate_rules = landlock.ruleset([*self._rules, scratch])

    def before_fork(self) -> None:
        """Called by the judge before it makes the candidate."""
        if not self.is_unsafe:
            linux.prctl(linux.PR_SET_DUMPABLE, 0)  # nobody traces it, nor reads its memory
        if self.has_namespaces:
            namespaces.processes_of_one_check()

    def close_on_candidate(self) -> None:
        """Bind the candidate."""
        limits = self.limits
        if self.has_namespaces:
            namespaces.scratch_of_one_check(limits.scratch_megabytes)
        if self.scratch:
            os.chdir(self.scratch)
        seconds = int(limits.seconds) + 1
        _limit("CPU", seconds, seconds + 1)
        _limit("FSIZE", _FILE_SIZE)
        _limit("NOFILE", _FILES)
        if not self.is_unsafe:
            _limit("NPROC", self._most_threads())
        self._limit_memory(limits.megabytes)
        if self._has_landlock and self.has_namespaces:
            scratch = (self.scratch, landlock.SCRATCH_TREE)
            landlock.restrict(landlock.ruleset([*self._rules, scratch]))
        elif self._has_landlock:
            landlock.restrict(self._candidate_rules)
        self._close()

    def close_on_judge(self) -> None:
        """Bind the judge: the test is foreign, too, and its values are the candidate's."""
        seconds = int(self.limits.seconds) + 1
        _limit("CPU", seconds, seconds + 1)
        _limit("FSIZE", 0)
        self._limit_memory(_JUDGE_MEGABYTES)
        if self._has_landlock:
            landlock.restrict(self._judge_rules)
        self._close()

    def _most_threads(self) -> int:
        """Return RLIMIT_NPROC for a candidate.

        It counts what runs in our user namespace (Linux 5.14), else all that our user runs, the
        trainer's threads too: that is at most all that run.
        """
        if self.has_namespaces and _kernel() >= (5, 14):
            return _THREADS
        if self.has_namespaces:
            return 1 << 20  # there is no /proc to look into; memory bounds threads
        try:
            running = Path("/proc/loadavg").read_text().split()[3].partition("/")[2]
        except OSError:
            return 1 << 20
        return int(running) + _THREADS

    def _limit_memory(self, megabytes: int) -> None:
        for name in ("AS", "DATA"):
            _limit(name, self._memory + (megabytes << 20))
        for name in _NOTHING_MORE:
            _limit(name, 0)
        _limit("STACK", _STACK)

    def _close(self) -> None:
        if self._filter:
            linux.drop_capabilities()
            self._filter.load(os.getpid())


def _limit(name: str, soft: int, hard: int | None = None) -> None:
    """Set a limit, but never above the one we have; a system may not know it."""
    number = getattr(resource, f"RLIMIT_{name}", None)
    if number is None:
        return
    hard = soft if hard is None else hard
    _, most = resource.getrlimit(number)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    try:
        resource.setrlimit(number, (soft, hard))
    except (ValueError, OSError):
        if sys.platform == "linux":  # macOS has no limit of the address space
            raise


def _address_space() -> int:
    """Return the bytes of the worker's address space, which every fork begins with."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    return int(statm.read_text().split()[0]) * resource.getpagesize()


def _become_nobody_with(scratch: str) -> None:
    """Be nobody, who owns the scratch folder, if we are root and nobody can do our work."""
    places = [LIBRARY, *([str(Path(scratch).parent)] if scratch else [])]
    if not namespaces.may_become_nobody() or not all(map(_others_may_read, places)):
        return
    try:
        if scratch:
            os.chown(scratch, namespaces.NOBODY, namespaces.NOBODY)
        namespaces.become_nobody()
    except PermissionError:  # root of a container with fewer rights
        if scratch:
            with contextlib.suppress(PermissionError):
                os.chown(scratch, 0, 0)


def _kernel() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(filter(str.isdigit, minor)) or 0)


def _others_may_read(folder: str) -> bool:
    """Return True if every user may enter a folder and all above it."""
    path = Path(folder)
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def die_with_parent() -> None:
    """End when the process that made us does; a change of the uid would undo it."""
    if sys.platform == "linux":
        linux.prctl(linux.PR_SET_PDEATHSIG, 9)
