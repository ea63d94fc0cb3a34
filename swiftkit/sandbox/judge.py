"""The process that runs the test, and calls the candidate's function in another process.

It forks the candidate first and reads the test only then. A value of the candidate is data of
Python's own types when it arrives (frames.py), so nothing of the candidate's code runs here. The
verdict is `pass` only if the test has come to its end, has called the function, and each call was
answered: how a process exits, what it prints and what a test catches mean nothing.
"""

import linecache
import os
import random
import signal
import socket
import sys
import time
import traceback
from typing import Any, NoReturn

from swiftkit.sandbox import candidate, frames
from swiftkit.sandbox.cage import Cage, die_with_parent
from swiftkit.sandbox.candidate_line import AnswersEnded, CandidateLine, verdict_of

_GRACE_SECONDS = 0.3  # until the alarm ends a test that is busy itself
_TEST = "<test>"


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
        line = CandidateLine(ours, printed, process, deadline)
        verdict = _judge(line, program, test)
        connection.sendall(frames.frame(verdict))
    finally:
        os._exit(0)


def _judge(line: CandidateLine, program: dict[str, Any], test: dict[str, Any]) -> dict[str, str]:
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
    except AnswersEnded as ended:
        return ended.verdict
    except BaseException as error:
        return line.ended or _failure(error, line)
    if line.ended:  # the test has caught it
        return line.ended
    if not line.calls:
        return verdict_of("error", "test", f"the test never calls {program['entry_point']}")
    return verdict_of("pass", "", "")


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


def _failure(error: BaseException, line: CandidateLine) -> dict[str, str]:
    place = ""
    for step in traceback.extract_tb(error.__traceback__):
        if step.filename == _TEST:
            place = f"line {step.lineno} of the test: {(step.line or '').strip()}"
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    reason = f"{said}, {place}" if place else said
    if not line.calls:
        return verdict_of("error", "test", f"the test fails by itself: {reason}")
    if error is line.raised:
        return verdict_of("fail", "exception", reason)
    return verdict_of("fail", "wrong", reason)


def _exactly(connection: socket.socket, size: int) -> bytes:
    """Read so many bytes and no more: the test behind them is not for the candidate's memory."""
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            os._exit(0)  # the worker has ended
        data += piece
    return data
