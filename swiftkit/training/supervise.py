"""Run one command, pass signals on to all of it, and leave nothing of it behind.

    python -m swiftkit.training.supervise [--terminal] [--record] [--last-words TEXT] COMMAND...

`swift VERB` is a wrapper: it starts the real process and waits. SIGTERM ends the wrapper alone, and
the real process goes on without a parent; at SIGINT the wrapper kills the real one after a quarter
of a second, checkpoint or not; torchrun puts each rank into a session of its own. So a signal goes
to what the wrapper started, the wrapper is told to end, and we wait for the whole family. To know
the family we adopt orphans (prctl(2), PR_SET_CHILD_SUBREAPER).

Exit status: the command's; 130, 143 or 129 when we were told to stop. SWIFTKIT_STOP_SECONDS (20) is
how long a stopped process may take to save and end; a second Ctrl-C, a second later, kills at once.
`--terminal` keeps the command in the terminal's own process group: a chat could not read from it
otherwise. `--record` writes what was run, and how it ended, into the output folder of a training
(training/record_run.py). `--last-words` are said when the command has failed by itself.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import takewhile
from types import FrameType

import psutil

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_CHILD_SUBREAPER = 36


class Supervisor:
    def __init__(self, command: list[str], terminal: bool) -> None:
        self._told: list[psutil.Process] = []
        self._stopped_by: int = 0
        self._stopped_at = 0.0
        self._grace = float(os.environ.get("SWIFTKIT_STOP_SECONDS", "20"))
        for number in STOPPING:
            signal.signal(number, self._stop)
        self._wrapper = subprocess.Popen(command, start_new_session=not terminal)  # noqa: S603 - the caller's command
        self._watcher = _watch_over(self._wrapper.pid)
        if self._stopped_by:  # the signal came before there was anybody to tell
            self._tell(self._stopped_by)

    def wait(self) -> int:
        """Until the whole family has ended; the exit status."""
        while self._wrapper.poll() is None or any(
            process in self._family() for process in self._told
        ):
            if self._is_late():
                break
            time.sleep(0.05)
        self._stopped_at = self._stopped_at or time.monotonic()
        # those who outlive their parents: nobody else will tell them
        _signal(self._family(), signal.SIGTERM)
        while family := self._family():
            if self._is_late():
                _signal(family, signal.SIGKILL)
            psutil.wait_procs(family, timeout=0.1)
        self._watcher.kill()
        return 128 + self._stopped_by if self._stopped_by else _shell_status(self._wrapper.wait())

    def _is_late(self) -> bool:
        return bool(self._stopped_at) and time.monotonic() > self._stopped_at + self._grace

    def _stop(self, number: int, _: FrameType | None) -> None:
        if self._stopped_by:
            # not the same key press
            if number == signal.SIGINT and time.monotonic() > self._stopped_at + 1:
                self._grace = 0
            return
        self._stopped_by, self._stopped_at = number, time.monotonic()
        if hasattr(self, "_watcher"):
            self._tell(number)

    def _tell(self, number: int) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            wrapper = psutil.Process(self._wrapper.pid)
            listeners = [] if _is_supervisor(wrapper) else list(_listeners(wrapper))
            self._told = listeners or [wrapper]
            _signal(self._told, number)
            _signal([wrapper] if listeners else [], signal.SIGTERM)

    def _family(self) -> list[psutil.Process]:
        """All that descends from us, but the watcher; ended children are reaped."""
        self._wrapper.poll()
        members = psutil.Process().children(recursive=True)
        return [
            member
            for member in members
            if member.pid != self._watcher.pid and not _is_reaped(member)
        ]


def _watch_over(pid: int) -> subprocess.Popen[bytes]:
    """A process that ends the family should we be killed by SIGKILL, which cannot be caught."""
    command = [sys.executable, "-m", "swiftkit.training.supervise", "--watch", str(pid)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603


def _watch(pid: int) -> None:
    """Our standard input closes when the supervisor is gone; had it ended in order, it would have
    killed us first."""
    sys.stdin.read()
    with contextlib.suppress(psutil.NoSuchProcess):
        wrapper = psutil.Process(pid)
        _signal([*wrapper.children(recursive=True), wrapper], signal.SIGKILL)


def _is_supervisor(process: psutil.Process) -> bool:
    return "swiftkit.training.supervise" in process.cmdline()


def _listeners(process: psutil.Process) -> Iterator[psutil.Process]:
    """The children, which look after their own; but a shell passes no signal on to what it runs."""
    for child in process.children():
        yield child
        if child.name() in ("bash", "sh", "dash"):
            yield from _listeners(child)


def _signal(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _is_reaped(process: psutil.Process) -> bool:
    """Take the exit status of an adopted child that has ended, which would else stay as a
    zombie."""
    with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
        if process.status() != psutil.STATUS_ZOMBIE:
            return False
        os.waitpid(process.pid, os.WNOHANG)
    return True


def _shell_status(returncode: int) -> int:
    return 128 - returncode if returncode < 0 else returncode


def main(arguments: list[str]) -> int:
    if arguments[0] == "--watch":
        _watch(int(arguments[1]))
        return 0
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    flags = list(takewhile(lambda word: word in ("--terminal", "--record"), arguments))
    command, last_words = arguments[len(flags) :], ""
    if command[0] == "--last-words":
        _, last_words, *command = command
    run = _recorded if "--record" in flags else _supervised
    status = run(command, "--terminal" in flags)
    if last_words and status not in (0, *(128 + number for number in STOPPING)):
        print(last_words, file=sys.stderr, flush=True)
    return status


def _supervised(command: list[str], terminal: bool) -> int:
    return Supervisor(command, terminal).wait()


def _recorded(command: list[str], terminal: bool) -> int:
    """With a record of how it was run and how it ended; until it runs, Ctrl-C ends us at once,
    without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from swiftkit.training import record_run as run_record

    record = run_record.begin(command)
    os.environ.update(run_record.variables_of(record) if record else {})
    status = _supervised(command, terminal)
    if record:
        run_record.end(record, status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
