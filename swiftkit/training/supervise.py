"""Run one command, pass signals on to all of it, and leave nothing of it behind.

    python -m swiftkit.training.supervise [--record] COMMAND...

`swift VERB` is a wrapper: it starts the real process and waits. SIGTERM ends the wrapper alone, and
the real process goes on without a parent; at SIGINT the wrapper kills the real one after a quarter
of a second, checkpoint or not; torchrun puts each rank into a session of its own. So a signal goes
to what the wrapper started, the wrapper is told to end, and we wait for the whole family. To know
the family we adopt orphans (prctl(2), PR_SET_CHILD_SUBREAPER). Should we be killed by SIGKILL, a
watcher kills the family. It knows it by a variable of its environment, SWIFTKIT_FAMILY: orphans are
nobody's children then.

Exit status: the command's; 130, 143 or 129 when we were told to stop. SWIFTKIT_STOP_SECONDS (20) is
how long a stopped process may take to save and end; a second Ctrl-C, a second later, kills at once.
`--record` writes what was run, and how it ended, into the output folder of a training
(training/record_run.py); rerun.sh asks for it. Recipes call the functions (training/launch.py).
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import PIPE, Popen
from types import FrameType
from typing import IO, TYPE_CHECKING

import psutil

from swiftkit.errors import SwiftkitError, UsageError
from swiftkit.sandbox.family import (
    adopt_orphans,
    end_marked,
    has_ended,
    new_mark,
    send_signal,
    with_mark,
)
from swiftkit.terminal import say
from swiftkit.training.machine_settings import stop_seconds
from swiftkit.training.signals import STOPPING, end_at_ctrl_c

if TYPE_CHECKING:
    from swiftkit.recipe.machine import Gpu

# Modules whose processes look after their own children, as a command line names them. The last one
# is what a rerun.sh of an older swiftkit starts.
SUPERVISORS = {"swiftkit.training.supervise", "swiftkit.cli.launch", "swiftkit.supervise"}


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--watch"] and len(arguments) == 2:
        watch(arguments[1])
        return 0
    end_at_ctrl_c()
    try:
        if arguments[:1] == ["--record"]:
            return supervise_rerun(arguments[1:])
        if not arguments:
            raise UsageError("give the command: swiftkit.training.supervise [--record] COMMAND...")
        return supervise(arguments)
    except SwiftkitError as error:
        say(f"swiftkit: {error}")
        return error.exit_status


def supervise(
    command: Sequence[str],
    in_terminal: bool = False,
    output: IO[bytes] | None = None,
    inherited: Sequence[int] = (),
) -> int:
    """Run the command to its end, or to ours, and return the exit status.

    `in_terminal` keeps the command in the terminal's own process group: a chat could not read from
    it otherwise. `output` takes its stdout and stderr. `inherited` are descriptors that the command
    and the watcher hold, too: those of locks.
    """
    adopt_orphans()
    return Supervisor(command, in_terminal, output, inherited).wait()


def supervise_training(
    command: Sequence[str],
    inherited: Sequence[int],
    gpus: "Sequence[Gpu] | None" = None,
    is_rerun: bool = False,
) -> int:
    """Supervise `swift VERB FILE FLAGS...` with a record; `gpus` are this machine's, if known.

    `inherited` are the descriptors of the output folder's lock (training/folder_lock.py).
    """
    from swiftkit.training import record_run

    record = record_run.begin(command, os.environ, gpus)
    if record:
        os.environ.update(record_run.variables_for_swift(record, os.environ))
    status = supervise(command, inherited=inherited)
    if record:
        record_run.end(record, status, is_rerun)
    return status


def supervise_rerun(words: Sequence[str]) -> int:
    """Supervise what a rerun.sh starts, alone in its output folder, which holds no other run."""
    from swiftkit.training.checkpoints import check_unused
    from swiftkit.training.folder_lock import lock_output
    from swiftkit.training.run_record import SwiftCommand

    stop_seconds(os.environ)  # before anything is written
    command = SwiftCommand.parse(words)
    variables = {**os.environ, **command.variables}
    with lock_output(command.verb, Path(command.file), command.flags, variables) as lock:
        check_unused(command.verb, Path(command.file), command.flags, variables)
        return supervise_training(words, lock, is_rerun=True)


class Supervisor:
    """A command that runs, and all that descends from it."""

    def __init__(
        self,
        command: Sequence[str],
        in_terminal: bool,
        output: IO[bytes] | None,
        inherited: Sequence[int],
    ) -> None:
        self._told: list[psutil.Process] = []
        self._stopped_by = 0
        self._stopped_at = 0.0
        self._grace = stop_seconds(os.environ)
        for number in STOPPING:
            # What nohup has made deaf to the end of a terminal stays so.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._stop)
        mark = new_mark()
        watch = [sys.executable, "-P", "-m", "swiftkit.training.supervise", "--watch", mark]
        self._watcher = Popen(  # noqa: S603 - first, so that the command is never without it
            watch, stdin=PIPE, start_new_session=True, pass_fds=inherited
        )
        try:
            self._wrapper = Popen(  # noqa: S603
                command,
                start_new_session=not in_terminal,
                stdout=output,
                stderr=output,
                pass_fds=inherited,
                env=with_mark(os.environ, mark),
            )
        except OSError as error:  # no such program, too many words, ...
            self._watcher.kill()
            raise UsageError(f"{command[0]} cannot be started: {error.strerror}") from error
        if self._stopped_by:  # the signal came before there was anybody to tell
            self._tell(self._stopped_by)

    def wait(self) -> int:
        """Wait until the whole family has ended, and return the exit status."""
        while self._wrapper.poll() is None or self._told_are_running():
            if self._is_late():
                break
            time.sleep(0.05)
        self._stopped_at = self._stopped_at or time.monotonic()
        # Those who outlive their parents: nobody else will tell them.
        send_signal(self._family(), signal.SIGTERM)
        while family := self._family():
            if self._is_late():
                send_signal(family, signal.SIGKILL)
            psutil.wait_procs(family, timeout=0.1)
        self._watcher.kill()
        if self._stopped_by:
            return 128 + self._stopped_by
        status = self._wrapper.wait()
        return 128 - status if status < 0 else status  # -9 is 137 to a shell

    def _told_are_running(self) -> bool:
        if not self._told:
            return False
        family = self._family()
        return any(process in family for process in self._told)

    def _is_late(self) -> bool:
        return bool(self._stopped_at) and time.monotonic() > self._stopped_at + self._grace

    def _stop(self, number: int, _: FrameType | None) -> None:
        if self._stopped_by:
            # A second Ctrl-C, not the same key press.
            if number == signal.SIGINT and time.monotonic() > self._stopped_at + 1:
                self._grace = 0
            return
        self._stopped_by, self._stopped_at = number, time.monotonic()
        if hasattr(self, "_wrapper"):
            self._tell(number)

    def _tell(self, number: int) -> None:
        """Tell the wrapper to end, and pass the signal on to its children."""
        with contextlib.suppress(psutil.NoSuchProcess):
            wrapper = psutil.Process(self._wrapper.pid)
            is_supervisor = not SUPERVISORS.isdisjoint(wrapper.cmdline())
            listeners = [] if is_supervisor else list(listeners_of(wrapper))
            self._told = listeners or [wrapper]
            if listeners:  # first, or a shell would go on with its next command
                send_signal([wrapper], signal.SIGTERM)
            send_signal(self._told, number)

    def _family(self) -> list[psutil.Process]:
        """All that descends from us, but the watcher; ended children are reaped."""
        self._wrapper.poll()
        family = []
        for process in psutil.Process().children(recursive=True):
            if process.pid != self._watcher.pid and not reap(process):
                family.append(process)
        return family


def watch(mark: str) -> None:
    """Wait for the supervisor's end, and kill all that bear its mark, until nobody is left.

    Our standard input closes when the supervisor is gone; had it ended in order, it would have
    killed us first. Until we end we hold what we inherited: the output folder's lock.
    """
    sys.stdin.read()
    end_marked(mark)


def listeners_of(process: psutil.Process) -> Iterator[psutil.Process]:
    """Yield the children, and what children that are shells run: a shell passes no signal on."""
    for child in process.children():
        yield child
        if child.name() in ("bash", "sh", "dash"):
            yield from listeners_of(child)


def reap(process: psutil.Process) -> bool:
    """Return True if an adopted child has ended, which would stay as a zombie but for this."""
    if not has_ended(process):
        return False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
