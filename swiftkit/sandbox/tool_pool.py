"""A pool of workers that run tool calls; it lasts as long as the training or the evaluation.

    pool = ToolPool(Path("tools.py"))
    outcomes, state = pool.run([ToolCall("get_order", {"order_id": "K4051"})], {"orders": {...}})

A worker is sandbox/tool_worker.py, which says what a tool is. Nothing that a model writes or a tool
does raises here: it is a ToolOutcome with an error. A wrong file raises UsageError at once.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from swiftkit.errors import UsageError
from swiftkit.json_text import without_surrogates
from swiftkit.sandbox import tool_worker
from swiftkit.sandbox.tool_worker import SHOWN, Limits
from swiftkit.sandbox.worker import Worker, WorkerError
from swiftkit.terminal import say
from swiftkit.toolcall.call import ToolCall

CALLS = 16  # of one answer that are run; a model that has lost its way writes hundreds
FILE, SECONDS, MEGABYTES = "SWIFTKIT_TOOLS", "SWIFTKIT_TOOL_SECONDS", "SWIFTKIT_TOOL_MEMORY_MB"
ERRORS = "SWIFTKIT_TOOL_ERRORS"
_GRACE_SECONDS = 30.0  # beyond a call's own limit, which the worker itself watches
State = dict[str, Any]


class ToolOutcome(msgspec.Struct, frozen=True):
    """The result of a call: any JSON value, or `error`, the reason why there is none."""

    result: Any = None
    error: str = ""

    @property
    def text(self) -> str:
        """The outcome as the model reads it: a text as it is, anything else as JSON."""
        if self.error:
            return json.dumps({"error": self.error}, ensure_ascii=False)
        if isinstance(self.result, str):
            return self.result
        return json.dumps(self.result, ensure_ascii=False)


class ToolPool:
    """Workers for one file of tools. `names` are the tools in it."""

    def __init__(
        self, file: Path, limits: Limits | None = None, workers: int | None = None
    ) -> None:
        if not file.is_file():
            fix = "give the Python file with the tool functions"
            raise UsageError(f"{FILE}: there is no file {file}; {fix}")
        self._file = file
        self._limits = limits or Limits()
        try:
            first = self._start_worker()
        except WorkerError as error:
            raise UsageError(f"{FILE}: {file} cannot be loaded: {error}") from None
        self.names: frozenset[str] = frozenset(first.hello["tools"])
        count = workers or min(4, os.cpu_count() or 1)
        self._idle: SimpleQueue[Worker | None] = SimpleQueue()
        for worker in (first, *[None] * (count - 1)):  # the others start when they are needed
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(count, "tools")

    def run(
        self, calls: Sequence[ToolCall], state: State, offered: Set[str] = frozenset()
    ) -> tuple[list[ToolOutcome], State]:
        """Run the calls of one answer in their order; return their outcomes and the state that they
        leave behind. `offered` are the tools that may be called, if not all of them."""
        offered = offered or self.names
        outcomes: list[ToolOutcome] = []
        worker = self._idle.get()
        try:
            for call in calls[:CALLS]:
                if call.name not in offered:
                    outcomes.append(ToolOutcome(error="no such tool is offered"))
                    continue
                if worker is None:
                    worker = self._start_worker()
                answer = self._call(worker, call, state)
                state = answer.get("state", state)
                outcomes.append(_outcome(answer))
                if answer.get("timed_out") or not worker.alive:
                    break
        except WorkerError as error:  # it did not start
            say(f"swiftkit: {FILE}: {self._file} cannot be loaded again: {error}")
            outcomes.append(ToolOutcome(error="the tools cannot be loaded"))
        finally:
            self._idle.put(worker if worker and worker.alive else None)
        reason = "a call before it did not come to an end"
        if len(outcomes) == CALLS:
            reason = f"only {CALLS} calls of one answer are"
        left = len(calls) - len(outcomes)
        return outcomes + [ToolOutcome(error=f"not run: {reason}")] * left, state

    def submit(
        self, calls: Sequence[ToolCall], state: State, offered: Set[str] = frozenset()
    ) -> "Future[tuple[list[ToolOutcome], State]]":
        """`run`, beside other answers."""
        return self._threads.submit(self.run, calls, state, offered)

    def close(self) -> None:
        self._threads.shutdown()
        while not self._idle.empty():
            worker = self._idle.get()
            if worker:
                worker.close()

    def _start_worker(self) -> Worker:
        limits = [str(limit) for limit in self._limits]
        return Worker(Path(tool_worker.__file__), [str(self._file), *limits])

    def _call(self, worker: Worker, call: ToolCall, state: State) -> dict[str, Any]:
        request = {"name": call.name, "arguments": call.arguments, "state": state}
        try:
            answer = worker.request(request, self._limits.seconds + _GRACE_SECONDS)
        except WorkerError as error:  # a worker that is whole does not fail
            answer = {"error": str(error), "spoiled": True}
        except (ValueError, RecursionError) as error:
            return {"error": f"the arguments cannot be handed over: {error}"}
        if answer.get("spoiled") and worker.alive:
            worker.kill()  # another one is started for the next call
        return answer


def _outcome(answer: dict[str, Any]) -> ToolOutcome:
    result, error = without_surrogates([answer.get("result"), answer.get("error", "")])
    return ToolOutcome(result, error)


def pool_from(environment: Mapping[str, str]) -> ToolPool:
    """Return the pool that a recipe's ENV block describes. Raises UsageError."""
    if not environment.get(FILE):
        fix = "name the Python file with the tool functions in the recipe's ENV block"
        raise UsageError(f"{FILE} is not set: {fix}")
    seconds, megabytes, shown = Limits()
    seconds = _number(SECONDS, environment, seconds, 0.1, 3600)
    megabytes = int(_number(MEGABYTES, environment, megabytes, 1, 1_000_000))
    shown = environment.get(ERRORS, "").strip() or shown
    if shown not in SHOWN:
        raise UsageError(f"{ERRORS} is {shown!r}: write one of {', '.join(SHOWN)}")
    return ToolPool(Path(environment[FILE]).expanduser(), Limits(seconds, megabytes, shown))


def _number(
    name: str, environment: Mapping[str, str], default: float, least: float, most: float
) -> float:
    """Return the value of a variable. Raises UsageError for what is no number between the two."""
    text = environment.get(name, "").strip()
    try:
        value = float(text or default)
    except ValueError:
        value = math.nan
    if not least <= value <= most:  # NaN is not
        raise UsageError(f"{name} is {text!r}: write a number from {least} to {most}")
    return value
