"""Calls of tools, run by worker processes that last as long as the training: one pool, used again
at each step.

    runner = ToolRunner(Path("tools.py"))
    outcomes, state = runner.run([ToolCall("get_order", {"order_id": "K4051"})], {"orders": {...}})

A worker is sandbox/tool_worker.py, which says what a tool is and how a call is kept apart from the
others. Nothing that a model writes or a tool does raises here: it is an Outcome with an error. What
is wrong with the file itself raises UsageError at once.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from swiftkit.errors import UsageError
from swiftkit.sandbox import tool_worker as tool_functions
from swiftkit.sandbox.tool_worker import Limits
from swiftkit.toolcall.call import ToolCall

CALLS = 16  # of one answer that are run; a model that has lost its way writes hundreds
FILE, SECONDS, MEGABYTES = "SWIFTKIT_TOOLS", "SWIFTKIT_TOOL_SECONDS", "SWIFTKIT_TOOL_MEMORY_MB"
State = dict[str, Any]
_NOT_OFFERED: dict[str, Any] = {"error": "no such tool is offered"}


class Outcome(msgspec.Struct, frozen=True):
    """What a call gave: any JSON value, or `error`, the reason why there is none."""

    result: Any = None
    error: str = ""

    @property
    def text(self) -> str:
        """As the model reads it: a text as it is, else JSON."""
        if self.error:
            return json.dumps({"error": self.error}, ensure_ascii=False)
        return (
            self.result
            if isinstance(self.result, str)
            else json.dumps(self.result, ensure_ascii=False)
        )


class ToolRunner:
    """A pool of workers for one file. `names` are the tools in it."""

    def __init__(
        self, file: Path, limits: Limits | None = None, workers: int | None = None
    ) -> None:
        if not file.is_file():
            raise UsageError(
                f"{FILE}: there is no file {file}; give the Python file with the tool functions"
            )
        self._command = _command(file, limits or Limits())
        first = _Worker(self._command)
        self.names = first.names
        count = workers or min(4, os.cpu_count() or 1)
        self._idle: SimpleQueue[_Worker | None] = SimpleQueue()
        for worker in (first, *[None] * (count - 1)):  # the others start when they are needed
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(count, "tools")

    def run(
        self, calls: Sequence[ToolCall], state: State, offered: Set[str] = frozenset()
    ) -> tuple[list[Outcome], State]:
        """The calls of one answer, one after the other; the state that they leave behind. `offered`
        are the tools that may be called, if they are not all of them."""
        worker = self._idle.get() or _Worker(self._command)
        try:
            return _run(worker, calls, state, offered or self.names)
        finally:
            self._idle.put(worker if worker.alive else None)

    def submit(
        self, calls: Sequence[ToolCall], state: State, offered: Set[str] = frozenset()
    ) -> "Future[tuple[list[Outcome], State]]":
        """`run`, beside other answers."""
        return self._threads.submit(self.run, calls, state, offered)

    def close(self) -> None:
        self._threads.shutdown()
        while not self._idle.empty():
            if worker := self._idle.get():
                worker.end()


def runner_from(environment: Mapping[str, str]) -> ToolRunner:
    """The pool that the environment describes, which a recipe's ENV block sets. Raises
    UsageError."""
    if not environment.get(FILE):
        raise UsageError(
            f"{FILE} is not set: name the Python file with the tool functions in the recipe's ENV block"
        )
    try:
        seconds = float(environment.get(SECONDS) or Limits().seconds)
        megabytes = int(environment.get(MEGABYTES) or Limits().megabytes)
    except ValueError as error:
        raise UsageError(f"{SECONDS} and {MEGABYTES} are numbers: {error}") from error
    return ToolRunner(Path(environment[FILE]).expanduser(), Limits(seconds, megabytes))


class _Worker:
    """One process of sandbox/tool_worker.py."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own module
        hello = self._read()
        if "tools" not in hello:
            self.end()
            raise UsageError(f"{FILE}: {command[3]} cannot be loaded: {hello['error']}")
        self.names: frozenset[str] = frozenset(hello["tools"])

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def call(self, call: ToolCall, state: State) -> dict[str, Any]:
        try:
            request = json.dumps({"name": call.name, "arguments": call.arguments, "state": state})
        except (ValueError, RecursionError) as error:
            return {"error": f"the arguments cannot be handed over: {error}"}
        assert self._process.stdin  # noqa: S101 - for mypy: it is a pipe
        try:
            self._process.stdin.write(request.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return {"error": "the worker has ended"}
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout  # noqa: S101
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            return {"error": "the worker has ended"}
        try:
            answer: dict[str, Any] = json.loads(line)
        except RecursionError:
            return {"error": "a result nested too deeply"}
        return answer

    def end(self) -> None:
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _command(file: Path, limits: Limits) -> list[str]:
    # -P: the folder of our modules must not come before what the user's file imports.
    program = [sys.executable, "-P", tool_functions.__file__]
    return [*program, str(file), str(limits.seconds), str(limits.megabytes)]


def _run(
    worker: _Worker, calls: Sequence[ToolCall], state: State, offered: Set[str]
) -> tuple[list[Outcome], State]:
    outcomes: list[Outcome] = []
    for call in calls[:CALLS]:
        answer = worker.call(call, state) if call.name in offered else _NOT_OFFERED
        state = answer.get("state", state)
        outcomes.append(Outcome(answer.get("result"), answer.get("error", "")))
        if answer.get("timed_out") or not worker.alive:
            break
    left = len(calls) - len(outcomes)
    return outcomes + [Outcome(error="not run: " + _why(len(outcomes)))] * left, state


def _why(ran: int) -> str:
    return (
        f"only {CALLS} calls of one answer are"
        if ran == CALLS
        else "a call before it did not come to an end"
    )
