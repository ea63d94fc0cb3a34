"""The process that runs the test, and calls the candidate's function in another process.

It forks the candidate first and reads the test only then. A value of the candidate is data of
Python's own types when it arrives (frames.py), so nothing of the candidate's code runs here. The
verdict is `pass` only if the test has come to its end, has called the function, and each call was
answered: how a process exits, what it prints and what a test catches mean nothing.
"""

import builtins
import linecache
import os
import random
import select
import signal
import socket
import sys
import time
import traceback
from typing import Any, NoReturn

from swiftkit.sandbox import candidate, frames
from swiftkit.sandbox.cage import Cage, die_with_parent

_OUTPUT = 1 << 20  # bytes that a candidate may print
_REASON = 300  # characters
_GRACE_SECONDS = 0.3  # until the alarm ends a test that is busy itself
_TEST = "<test>"


class _Ended(BaseException):
    """There will be no more answers. No Exception: a test's `except Exception` must not hide it."""

    def __init__(self, outcome: str, kind: str, reason: str) -> None:
        self.verdict = _verdict(outcome, kind, reason)


def run(connection: socket.socket, cage: Cage) -> NoReturn:
    """The whole life of the process: two frames in, the program and the test, one out."""
    try:
        die_with_parent()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        deadline = time.monotonic() + cage.limits.seconds
        program = frames.read_frame(lambda size: _exactly(connection, size))
        ours, its = socket.socketpair()
        printed, output = os.pipe()
        cage.before_fork()
        process = os.fork()
        if process == 0:
            candidate.run(program, its.fileno(), output, cage)
        its.close()
        os.close(output)
        test = frames.read_frame(lambda size: _exactly(connection, size), frames.LONGEST_TEST)
        # whatever the test does in C: the kernel ends it, and the worker finds no verdict
        signal.setitimer(signal.ITIMER_REAL, cage.limits.seconds + _GRACE_SECONDS)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        cage.close_on_judge()
        line = _Line(ours, printed, process, deadline)
        verdict = _judge(line, program, test)
        connection.sendall(frames.frame(verdict))
    finally:
        os._exit(0)


def _judge(line: "_Line", program: dict[str, Any], test: dict[str, Any]) -> dict[str, str]:
    """Run the test and return the verdict."""
    random.seed(test["seed"])
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(test["seed"] % 2**32)
    linecache.cache[_TEST] = (1, None, test["test"].splitlines(keepends=True), _TEST)
    try:
        line.wait_until_loaded()
        names = _trusted_names(program)
        names[program["entry_point"]] = line.call
        before = names.get("check")  # the function itself may be called so
        exec(compile(test["test"], _TEST, "exec"), names)  # noqa: S102 - the user's own test
        # HumanEval's tests are a function; MBPP's are lines that call the function by its name.
        check = names.get("check")
        if callable(check) and check is not before:
            check(line.call)
    except _Ended as ended:
        return ended.verdict
    except BaseException as error:
        return line.ended or _failure(error, line)
    if line.ended:  # the test has caught it
        return line.ended
    if not line.calls:
        return _verdict("error", "test", f"the test never calls {program['entry_point']}")
    return _verdict("pass", "", "")


def _trusted_names(program: dict[str, Any]) -> dict[str, Any]:
    """Return what the prompt defines: tests use its imports and helpers."""
    names: dict[str, Any] = {"__name__": "test"}
    for source in (program["prompt"], program["prompt"] + "\n    pass\n"):  # a prompt without body
        try:
            code = compile(source, "<prompt>", "exec")
        except (SyntaxError, ValueError):
            continue
        exec(code, names)  # noqa: S102 - the data set's own
        break
    return names


def _failure(error: BaseException, line: "_Line") -> dict[str, str]:
    place = ""
    for step in traceback.extract_tb(error.__traceback__):
        if step.filename == _TEST:
            place = f"line {step.lineno} of the test: {(step.line or '').strip()}"
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    reason = f"{said}, {place}" if place else said
    if not line.calls:
        return _verdict("error", "test", f"the test fails by itself: {reason}")
    if error is line.raised:
        return _verdict("fail", "exception", reason)
    return _verdict("fail", "wrong", reason)


def _verdict(outcome: str, kind: str, reason: str) -> dict[str, str]:
    return {"outcome": outcome, "kind": kind, "reason": reason[:_REASON]}


class _Line:
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
        except _Ended as ended:  # no code of the program's has run yet
            self.ended = _verdict("error", "cage", ended.verdict["reason"])
            raise _Ended(**self.ended) from None
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
            raise _Ended(**self.ended)
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
        ended = _Ended(outcome, kind, reason)
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


def _exactly(connection: socket.socket, size: int) -> bytes:
    """Read so many bytes and no more: the test behind them is not for the candidate's memory."""
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            os._exit(0)  # the worker has ended
        data += piece
    return data
