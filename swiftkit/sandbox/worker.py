"""Our side of a worker process: send a request, wait for its answer, never longer than allowed.

    worker = Worker(Path(bfcl_worker.__file__))
    answer = worker.request({"calls": [...]}, seconds=60)

Requests and answers are JSON objects (worker_process.py). Whatever goes wrong is a WorkerError.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swiftkit.sandbox import worker_process

START_SECONDS = 120.0  # until the handler has loaded what it runs, on a busy machine
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
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [*wrapper, *script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            env=environment,
            cwd=folder,
        )
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 - they are pipes
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._in_use = threading.Lock()
        self._readable = select.poll()  # select() takes no descriptor above 1023
        self._readable.register(self._stdout, select.POLLIN)
        self._received = bytearray()
        self._last_id = 0
        try:
            self.hello = self._answer(START_SECONDS)
        except WorkerError:
            self.kill()
            raise

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def request(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the answer. Raises WorkerError; ValueError or RecursionError for what is no JSON.

        A worker that did not answer in time is killed: its answer could be taken for the next one.
        """
        with self._in_use:
            self._last_id += 1
            line = json.dumps({"id": self._last_id, "request": request}) + "\n"
            try:
                self._stdin.write(line.encode())
                self._stdin.flush()
            except (OSError, ValueError):  # ValueError: closed
                raise WorkerError("the worker has ended") from None
            return self._answer(seconds)

    def close(self) -> None:
        """Let the process end by itself, and wait for it."""
        with self._in_use:
            with contextlib.suppress(OSError):  # what could not be written is lost
                self._stdin.close()
            self._process.wait()
            self._stdout.close()

    def kill(self) -> None:
        """End the process at once; a request that waits in another thread fails."""
        self._process.kill()
        self.close()

    def _answer(self, seconds: float) -> dict[str, Any]:
        try:
            message = json.loads(self._line(time.monotonic() + seconds))
        except TimeoutError:
            self._process.kill()
            raise WorkerError(f"no answer within {seconds:g} s") from None
        except RecursionError:
            raise WorkerError("a result nested too deeply") from None
        if "failed" in message:
            raise WorkerError(message["failed"])
        if message["id"] != self._last_id:
            raise WorkerError("an answer to another request")
        answer: dict[str, Any] = message["answer"]
        return answer

    def _line(self, deadline: float) -> bytes:
        """Return the next line of the process. Raises TimeoutError, WorkerError."""
        searched = 0  # bytes of `_received` that hold no line end
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > _LONGEST_ANSWER:
                self._process.kill()
                raise WorkerError(f"an answer of more than {_LONGEST_ANSWER >> 20} MB")
            ready, _, _ = select.select(
                [self._stdout], [], [], max(0.0, deadline - time.monotonic())
            )
            if not ready:
                raise TimeoutError
            piece = os.read(self._stdout.fileno(), 1 << 16)
            if not piece:
                self._process.wait()
                raise WorkerError("the worker has ended")
            self._received += piece
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line
