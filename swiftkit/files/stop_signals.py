"""Let SIGTERM and SIGHUP end a command that writes files as Ctrl-C does: what is begun goes."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedBySignal(BaseException):
    """Raised in the main thread, wherever it is, when a signal asks the process to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_status = 128 + number  # as a shell has it for a process that the signal ended


class SignalStop:
    """The handler of the signals of STOPPING: it raises once, or after `hold` not before the end.

    While what was begun is cleaned up, further signals are ignored.
    """

    def __init__(self) -> None:
        self._is_held = False
        self.pending = 0

    def hold(self) -> None:
        """From now on nothing is raised until the block of stopped_by_signals ends."""
        self._is_held = True

    def stop(self, number: int, _: FrameType | None = None) -> None:
        if self._is_held:
            self.pending = self.pending or number
            return
        for other in STOPPING:
            signal.signal(other, signal.SIG_IGN)
        raise_stop(number)


def raise_stop(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise StoppedBySignal(number)


@contextmanager
def stopped_by_signals() -> Iterator[SignalStop]:
    """Raise KeyboardInterrupt or StoppedBySignal at the signals of STOPPING within the block.

    A signal that is ignored stays so, as nohup has it. Only the main thread can do this; in another
    one nothing changes.
    """
    stop = SignalStop()
    before = {}
    if current_thread() is main_thread():
        for number in STOPPING:
            handler = signal.getsignal(number)
            if handler != signal.SIG_IGN:
                before[number] = handler
                signal.signal(number, stop.stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.pending:
        raise_stop(stop.pending)
