"""Our side of a worker process: send a request, wait for its answer, never longer than allowed.

    worker = Worker(Path(bfcl_worker.__file__))
    answer = worker.request({"calls": [...]}, seconds=60)

Requests and answers are JSON objects (worker_process.py). Whatever goes wrong is a WorkerError. If
the exchange itself goes wrong, the process is killed with all that it has started: no later request
shall get an answer that is not its own.

They pass through a pair of sockets. A pipe's end stands in /proc/ID/fd, where any process of the
same user may open it once more and write among the answers; a socket's cannot be opened there.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swiftkit.sandbox import worker_process
from swiftkit.sandbox.family import end_marked, new_mark, with_mark

START_SECONDS = 120.0  # until the handler has loaded what it runs, on a busy machine
_CLOSE_SECONDS = 5.0  # until a process whose input has ended has ended too
_LONGEST_ANSWER = 1 << 28  # bytes


class WorkerError(Exception):
    """There is no answer: the handler failed, the process has ended, or it took too long."""


class Worker:
    """A process of its own that answers requests, one after the other.

    `hello` is what the handler says once it is ready; `wrapper` (`unshare`) precedes the command.
    """

    def __init__(
        self,
        handler: Path,
        arguments: Sequence[str] = (),
        *,
        python: str = sys.executable,
        wrapper: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        quiet: bool = False,
    ) -> None:
        # -P: the folder of our own modules must not come before what the foreign code imports.
        script = [python, "-P", worker_process.__file__, str(handler), *arguments]
        self._mark = new_mark()
        environment = with_mark(os.environ if environment is None else environment, self._mark)
        self._channel, its_end = socket.socketpair()
        self._channel.setblocking(False)
        try:
            with its_end:
                self._process = subprocess.Popen(  # noqa: S603 - our own script
                    [*wrapper, *script],
                    stdin=its_end.fileno(),
                    stdout=its_end.fileno(),
                    stderr=subprocess.DEVNULL if quiet else None,
                    env=environment,
                    cwd=folder,
                )
        except OSError:
            self._channel.close()
            raise
        self._in_use = threading.Lock()
        self._received = bytearray()
        self._last_id = 0
        try:
            self.hello = self._exchange(b"", START_SECONDS)
        except WorkerError:
            self._end()
            raise

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def request(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the answer. Raises WorkerError; ValueError or RecursionError for what is no JSON.

        A worker that did not answer in time is killed: its answer could be taken for the next one.
        """
        with self._in_use:
            line = json.dumps({"id": self._last_id + 1, "request": request}) + "\n"
            self._last_id += 1
            return self._exchange(line.encode(), seconds)

    def close(self) -> None:
        """Let the process end by itself, and what it has started with it."""
        with self._in_use:
            with contextlib.suppress(OSError):  # it has ended already
                self._channel.shutdown(socket.SHUT_WR)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSE_SECONDS)
            self._end()

    def kill(self) -> None:
        """End the process at once; a request that waits in another thread fails."""
        self._process.kill()
        self.close()

    def _exchange(self, line: bytes, seconds: float) -> dict[str, Any]:
        """Send a line and return the answer to it."""
        deadline = time.monotonic() + seconds
        try:
            self._send(line, deadline)
            message = json.loads(self._receive(deadline))
        except TimeoutError:
            reason = f"no answer within {seconds:g} s"
        except RecursionError:
            reason = "a result nested too deeply"
        except (OSError, ValueError):  # its end is closed, or it sent what is no message
            reason = "the worker has ended"
        else:
            match message:
                case {"id": self._last_id, "answer": dict(answer)}:
                    return answer
                case {"id": self._last_id, "failed": str(failure)}:
                    raise WorkerError(failure)
            reason = "an answer to another request"
        self._end()
        raise WorkerError(reason)

    def _send(self, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        while left:
            self._wait(select.POLLOUT, deadline)
            left = left[self._channel.send(left) :]

    def _receive(self, deadline: float) -> bytes:
        """Return the next line of the process. Raises OSError, TimeoutError among them."""
        searched = 0  # bytes of `_received` that hold no line end
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > _LONGEST_ANSWER:
                raise OSError("an answer that does not end")
            self._wait(select.POLLIN, deadline)
            piece = self._channel.recv(1 << 16)
            if not piece:
                raise BrokenPipeError
            self._received += piece
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _wait(self, event: int, deadline: float) -> None:
        """Wait until the process reads or writes. Raises TimeoutError, BrokenPipeError."""
        ready = select.poll()  # select() takes no descriptor above 1023
        ready.register(self._channel, event)
        while True:
            has_ended = not self.alive
            left = deadline - time.monotonic()
            if ready.poll(max(0.0, min(left, 1.0)) * 1000):
                return
            if has_ended:  # and what it has started holds its end open
                raise BrokenPipeError
            if left <= 0:
                raise TimeoutError
            self._process.send_signal(signal.SIGCONT)  # for what has stopped it

    def _end(self) -> None:
        """Kill the process and all that it has started."""
        self._process.kill()
        self._process.wait()
        end_marked(self._mark, _CLOSE_SECONDS)
        self._channel.close()
