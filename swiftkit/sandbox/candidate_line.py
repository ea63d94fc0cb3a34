"""The judge's way to the candidate: calls out, values in, until something goes wrong.

What comes in is hostile. Each fault is remembered: a test that catches it does not undo it.
"""

import builtins
import os
import select
import socket
import time
from typing import Any, NoReturn

from swiftkit.sandbox import frames

_OUTPUT = 1 << 20  # bytes that a candidate may print
_REASON = 300  # characters


def verdict_of(outcome: str, kind: str, reason: str) -> dict[str, str]:
    return {"outcome": outcome, "kind": kind, "reason": reason[:_REASON]}


class AnswersEnded(BaseException):
    """There will be no more answers. No Exception: a test's `except Exception` must not hide it."""

    def __init__(self, outcome: str, kind: str, reason: str) -> None:
        self.verdict = verdict_of(outcome, kind, reason)


class CandidateLine:
    """The way to the candidate. Once something went wrong on it, it stays closed."""

    def __init__(self, channel: socket.socket, printed: int, process: int, deadline: float) -> None:
        self._channel, self._printed, self._process = channel, printed, process
        self._deadline = deadline
        self._output = 0
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._poll.register(printed, select.POLLIN)
        channel.setblocking(False)
        self.calls = 0
        self.raised: Exception | None = None  # the candidate's last exception
        self.ended: dict[str, str] | None = None

    def wait_until_loaded(self) -> None:
        try:
            answer = self._answer()
        except AnswersEnded as ended:  # no code of the program's has run yet
            self.ended = verdict_of("error", "cage", ended.verdict["reason"])
            raise AnswersEnded(**self.ended) from None
        if answer != ["ready"]:
            self._end("error", "cage", f"the candidate could not be confined: {answer}")
        match self._answer():
            case ["loaded"]:
                return
            case ["failed", str(name), str(text)]:
                self._end("fail", "load", f"{name}: {text}")
        self._end("fail", "answer", "no answer that can be read")

    def call(self, *arguments: Any, **named: Any) -> Any:
        """Call the candidate's function: what a test calls."""
        if self.ended:
            raise AnswersEnded(**self.ended)
        self.calls += 1
        try:
            data = frames.frame(frames.packed([list(arguments), named]))
        except frames.FrameError as error:
            self._end("error", "test", f"an argument of the test's: {error}")
        self._send(data)
        return self._value(self._answer())

    def _value(self, answer: Any) -> Any:
        match answer:
            case ["value", value]:
                pass
            case ["raised", str(name), str(text)]:
                self.raised = _exception(name, text)
                raise self.raised
            case ["refused", str(reason)]:
                self._end("fail", "value", reason)
            case ["failed", str(name), str(text)]:
                self._end("fail", "exit", f"{name}: {text}".rstrip(": "))
            case _:
                self._end("fail", "answer", "no answer that can be read")
        try:
            return frames.unpacked(value)
        except frames.FrameError as error:
            self._end("fail", "value", str(error))

    def _answer(self) -> Any:
        try:
            return frames.read_frame(self._receive)
        except frames.FrameError as error:
            self._end("fail", "answer", str(error))

    def _receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait(select.POLLIN)
            try:
                piece = self._channel.recv(size - len(data))
            except BlockingIOError:
                continue
            except ConnectionError:
                piece = b""
            if not piece:
                self._end("fail", "exit", f"the process {self._end_of_process()}")
            data += piece
        return bytes(data)

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._wait(select.POLLOUT)
            try:
                left = left[self._channel.send(left) :]
            except BlockingIOError:
                continue
            except ConnectionError:
                self._end("fail", "exit", f"the process {self._end_of_process()}")

    def _wait(self, event: int) -> None:
        """Wait for the channel, and count meanwhile what the candidate prints."""
        self._poll.modify(self._channel, event)
        while True:
            left = self._deadline - time.monotonic()
            ready = dict(self._poll.poll(left * 1000)) if left > 0 else {}
            if not ready:
                self._end("timeout", "time", "no answer in time")
            if self._printed in ready:
                piece = os.read(self._printed, 1 << 16)
                self._output += len(piece)
                if not piece:
                    self._poll.unregister(self._printed)
                if self._output > _OUTPUT:
                    self._end("fail", "output", "more than 1 MB of output")
            if self._channel.fileno() in ready:
                return

    def _end_of_process(self) -> str:
        """Return how the candidate ended, if it has."""
        for _ in range(20):  # its channel closes a moment before it has ended
            process, status = os.waitpid(self._process, os.WNOHANG)
            if process:
                code = os.waitstatus_to_exitcode(status)
                return f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
            time.sleep(0.001)
        return "has closed its channel"

    def _end(self, outcome: str, kind: str, reason: str) -> NoReturn:
        ended = AnswersEnded(outcome, kind, reason)
        self.ended = self.ended or ended.verdict
        raise ended


def _exception(name: str, text: str) -> Exception:
    """Return an exception of Python's own as the test sees it."""
    kind = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = Exception
    if issubclass(kind, StopIteration | StopAsyncIteration):
        # it would end a loop of the test's over map(candidate, ...) as if all were well
        kind, text = RuntimeError, f"{name}: {text}"
    try:
        return kind(text)
    except TypeError:  # UnicodeDecodeError and others take more
        return Exception(f"{name}: {text}")
