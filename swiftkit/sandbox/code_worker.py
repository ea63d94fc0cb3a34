"""The handler that checks programs, each in processes of its own inside a cage.

sandbox/code_pool.py starts it, by worker_process.py; the standard library is all it needs. It
confines itself first, then forks the zygote, which has never seen a program and forks the judge of
each check (judge.py). A request is one check:

    {"prompt": "...", "completion": "...", "entry_point": "f", "test": "...", "seed": 7}
    {"outcome": "fail", "kind": "wrong", "reason": "AssertionError: , line 2 of the test: ..."}

Program and test go straight to the judge, by a pair of sockets made for this check: nothing of one
check is in the memory of another one's processes.
"""

import atexit
import contextlib
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import struct
import sys
import time
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from pathlib import Path
from typing import Any

from swiftkit.sandbox import frames, judge
from swiftkit.sandbox.cage import COMPUTE, LIBRARY, Cage, CheckLimits, die_with_parent
from swiftkit.sandbox.family import adopt_orphans, end_children

# A shared library must be loaded before it is out of sight. Some are not in every Python.
_LIBRARIES = "_bz2 _ctypes _decimal _hashlib _lzma _sqlite3 _uuid pyexpat unicodedata zlib"
# Few: each fork pays for what is loaded, and a program can import the rest itself.
_USUAL = (
    "_strptime bisect collections copy dataclasses datetime decimal fractions functools hashlib "
    "heapq itertools json math operator random re statistics string types typing"
)
# Without paths (seccomp-compute) what is here is all there is.
_OTHERS = (
    "argparse array asyncio bz2 calendar cmath concurrent.futures.thread csv difflib fnmatch glob "
    "hmac html importlib.util locale logging lzma multiprocessing numbers pickle pprint queue "
    "sched secrets shutil sqlite3 subprocess tempfile textwrap threading timeit unittest uuid "
    "weakref xml.etree.ElementTree zoneinfo encodings.ascii encodings.idna encodings.latin_1 "
    "encodings.utf_16 encodings.utf_32 _md5 _sha1 _sha256 _sha512 _sha3 _blake2"
)
NUMPY = "numpy numpy.fft numpy.linalg numpy.ma numpy.polynomial numpy.random"
_GRACE_SECONDS = 1.0  # beyond a check's own limit, which the judge watches
_END_SECONDS = 5.0  # until nothing of a check is left
_LOOK_SECONDS = 0.05  # between two looks at a scratch folder without a quota
_MOST_FILES = 512


def start(
    isolation: str, modules: str, scratch: str, seconds: str, megabytes: str, scratch_megabytes: str
) -> tuple[dict[str, Any], Any]:
    """Enter the cage and make the zygote: what worker_process.py calls. Raises OSError.

    `modules` are loaded beside Python's own, if they are installed.
    """
    limits = CheckLimits(float(seconds), int(megabytes), int(scratch_megabytes))
    has_paths = isolation != COMPUTE
    _preload(f"{_LIBRARIES} {_USUAL} {modules} {'' if has_paths else _OTHERS}")
    cage = Cage(isolation, limits, scratch)
    cage.enter()
    ours, its = socket.socketpair()
    gc.freeze()  # or the collector of each fork would copy all that is loaded
    if os.fork() == 0:
        try:
            ours.close()
            _be_zygote(its, cage)
        finally:
            os._exit(0)
    its.close()
    if scratch:  # the pool removes it, unless it was killed
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    hello = {"isolation": isolation, "landlock": cage.landlock_version, "uid": os.getuid()}
    return hello, Keeper(ours, cage).check


def _preload(names: str) -> None:
    """Import what programs may use, and leave of the import system what finds Python's own."""
    for name in names.split():
        with contextlib.suppress(Exception):  # a broken numpy is one that is not there
            importlib.import_module(name)
    sys.path[:] = [LIBRARY, f"{LIBRARY}/lib-dynload"]
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, PathFinder]


def _be_zygote(channel: socket.socket, cage: Cage) -> None:
    """Fork a judge for each pair of sockets that comes in; tell how it ended, and that all has."""
    die_with_parent()
    adopt_orphans()  # a candidate whose judge has ended is ours to wait for
    judge_process = 0
    signal.signal(signal.SIGALRM, lambda *_: os.kill(judge_process, signal.SIGKILL))
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if not message:
            return
        with socket.socket(fileno=descriptors[0]) as connection:
            judge_process = os.fork()
            if judge_process == 0:
                channel.close()
                judge.run(connection, cage)
        # a test may have undone the judge's own alarm
        signal.setitimer(signal.ITIMER_REAL, cage.limits.seconds + _GRACE_SECONDS)
        _, status = os.waitpid(judge_process, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if cage.has_namespaces:  # we are process 1: all that we see is the check's
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        elif cage.is_unsafe:
            end_children()
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()
        channel.sendall(struct.pack("=i", status))


class Keeper:
    """Hands checks to the zygote, and watches that each of them ends and leaves nothing."""

    def __init__(self, zygote: socket.socket, cage: Cage) -> None:
        self._zygote, self._cage = zygote, cage
        zygote.settimeout(_END_SECONDS)
        # in namespaces the folder is the check's own, has a quota and goes with it
        self._scratch = "" if cage.has_namespaces else cage.scratch

    def check(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the verdict on a program. Raises OSError if the worker is of no more use."""
        began = time.monotonic()
        ours, its = socket.socketpair()
        with ours:
            with its:
                socket.send_fds(self._zygote, [b"c"], [its.fileno()])
            verdict = self._exchange(ours, request, began)
        status = struct.unpack("=i", self._zygote.recv(4, socket.MSG_WAITALL))[0]
        seconds = time.monotonic() - began
        if self._scratch and self._is_full():
            verdict = _verdict("fail", "disk", "more files than the scratch folder may hold")
        self._empty_scratch()
        if not verdict and seconds >= self._cage.limits.seconds:
            verdict = _verdict("timeout", "time", "the test did not come to its end in time")
        if not verdict:
            code = os.waitstatus_to_exitcode(status)
            verdict = _verdict("error", "judge", f"the judge ended ({code}) without a verdict")
        return {**verdict, "seconds": round(seconds, 6)}

    def _exchange(
        self, judge: socket.socket, request: dict[str, Any], began: float
    ) -> dict[str, Any]:
        """Hand the program and the test over; return the verdict, or nothing if there is none."""
        limit = self._cage.limits.seconds + _GRACE_SECONDS
        judge.settimeout(limit)
        program = {key: request[key] for key in ("prompt", "completion", "entry_point")}
        test = {key: request[key] for key in ("test", "seed")}
        try:
            messages = frames.frame(program)
        except frames.FrameError:
            return _verdict("fail", "load", "a program of more than 1 MB")
        try:
            messages += frames.frame(test, frames.LONGEST_TEST)
        except frames.FrameError:
            return _verdict("error", "test", "a test of more than 64 MB")

        def receive(size: int) -> bytes:
            data = bytearray()
            while len(data) < size:
                self._wait(judge, began + limit)
                piece = judge.recv(size - len(data))
                if not piece:
                    raise ConnectionError
                data += piece
            return bytes(data)

        try:
            judge.sendall(messages)
            return dict(frames.read_frame(receive))
        except (OSError, frames.FrameError):  # TimeoutError too; the judge sees our end close
            return {}

    def _wait(self, judge: socket.socket, deadline: float) -> None:
        """Wait for the judge. Raises TimeoutError, also for a scratch folder that is full."""
        ready = select.poll()
        ready.register(judge, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if self._scratch:
                left = min(left, _LOOK_SECONDS)
            if ready.poll(max(0.0, left) * 1000):
                return
            if time.monotonic() >= deadline or (self._scratch and self._is_full()):
                raise TimeoutError

    def _is_full(self) -> bool:
        """Return True if the scratch folder holds more than it may: it is flat (landlock.py)."""
        size = count = 0
        with os.scandir(self._scratch) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                count += 1
                if count > _MOST_FILES:
                    return True
        return size > self._cage.limits.scratch_megabytes << 20

    def _empty_scratch(self) -> None:
        if self._scratch:
            for entry in Path(self._scratch).iterdir():
                if entry.is_dir() and not entry.is_symlink():  # only where nothing isolates
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink()


def _verdict(outcome: str, kind: str, reason: str) -> dict[str, Any]:
    return {"outcome": outcome, "kind": kind, "reason": reason}
