"""BFCL's multi_turn conversations: the simulators of bfcl-eval answer, and its checker judges.

Config of a task: {"entry": {...}, "truth": [[...], ...]}, BFCL's row and the calls that it wants in
each turn. The row holds the user's questions; some bring tools that were held back. The simulators
run in a process of their own (sandbox/bfcl_worker.py), by SWIFTKIT_BFCL_PYTHON or this Python.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from swiftkit.data.to_openai import parse_tools
from swiftkit.environments.environment import (
    AgentTask,
    Domain,
    EnvironmentFailedError,
    Message,
    Reward,
    Side,
    Tool,
    Turn,
)
from swiftkit.errors import UsageError
from swiftkit.sandbox import bfcl_worker
from swiftkit.sandbox.worker import Worker, WorkerError
from swiftkit.toolcall.call import Parsed

PYTHON = "SWIFTKIT_BFCL_PYTHON"
VALID, TOO_MANY_ANSWERS = "valid", "multi_turn:force_terminated"
_MOST_ANSWERS = 21  # to one question; whoever still calls then has failed, as in BFCL
_SECONDS = 60.0  # for one request to the simulators


class BfclEnvironment:
    def __init__(self, task: AgentTask, seed: int) -> None:  # noqa: ARG002 - nothing is random
        self.tools: list[Tool] = []
        self._task_id = task.id
        self._entry = task.config["entry"]
        self._truth = task.config["truth"]
        self._folder = tempfile.TemporaryDirectory(prefix="swiftkit-bfcl-")
        self._worker: Worker | None = None
        self._held: dict[str, list[Any]] = {}  # tools to come, by the number of the question
        self._held_prompt = ""
        self._questions = iter(enumerate(self._entry["question"]))
        self._turns: list[list[list[dict[str, Any]]]] = []  # questions > answers > calls
        self._answers = 0  # to the question of now
        self._verdict = ""

    def reset(self) -> Turn:
        try:
            self._worker = Worker(
                Path(bfcl_worker.__file__),
                python=os.environ.get(PYTHON) or sys.executable,
                wrapper=_without_network(),
                environment={"HOME": self._folder.name, "PYTHONDONTWRITEBYTECODE": "1"},
                folder=Path(self._folder.name),
                quiet=True,
            )
        except (OSError, WorkerError) as error:
            raise EnvironmentFailedError(f"BFCL's simulators: {error}") from error
        begin = self._request({"entry": self._entry, "truth": self._truth})
        self.tools = parse_tools(begin["tools"], self._task_id)
        self._held = begin["held"]
        self._held_prompt = begin["more"]
        return self._ask_next_question()

    def step(self, parsed: Parsed, by: Side = "agent") -> Turn:  # noqa: ARG002 - the row is the user
        if parsed.malformed or not parsed.calls:
            return self._ask_next_question()
        calls = [{"name": call.name, "arguments": call.arguments} for call in parsed.calls]
        self._turns[-1].append(calls)
        self._answers += 1
        results = self._request({"calls": calls})["results"]
        messages = [{"role": "tool", "content": result} for result in results]
        if self._answers == _MOST_ANSWERS:
            self._verdict = TOO_MANY_ANSWERS
            return Turn(messages, "end", TOO_MANY_ANSWERS)
        return Turn(messages, "agent")

    def reward(self) -> Reward:
        """Return BFCL's verdict, once the conversation has ended."""
        if not self._verdict:
            return Reward()
        return Reward(float(self._verdict == VALID), self._verdict)

    def close(self) -> None:
        if self._worker:
            self._worker.kill()
        self._folder.cleanup()

    def _ask_next_question(self) -> Turn:
        number, question = next(self._questions, (0, None))
        if question is None:
            error = self._request({"check": self._turns})["error"]
            self._verdict = error or VALID
            return Turn([], "end", self._verdict)
        self._turns.append([])
        self._answers = 0
        messages: list[Message] = question
        held = self._held.get(str(number))
        if held:
            self.tools = self.tools + parse_tools(held, self._task_id)
            messages = [{"role": "user", "content": self._held_prompt}]
        return Turn(messages, "agent")

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._worker is None:
            raise EnvironmentFailedError("BFCL's simulators were not started")
        try:
            return self._worker.request(request, _SECONDS)
        except (WorkerError, ValueError, RecursionError) as error:
            raise EnvironmentFailedError(f"BFCL's simulators: {error}") from error


def check_installed() -> None:
    """Raise UsageError unless there is a Python that has bfcl-eval."""
    python = os.environ.get(PYTHON)
    if python and not Path(python).is_file():
        raise UsageError(f"{PYTHON}: there is no file {python}")
    if not python and importlib.util.find_spec("bfcl_eval") is None:
        reason = "multi_turn questions of BFCL run in the simulators of bfcl-eval"
        fix = f"pip install --no-deps bfcl-eval, or name a Python that has it by {PYTHON}"
        raise UsageError(f"{reason}, which is not installed: {fix}")


@cache
def _without_network() -> list[str]:
    """Return the command that takes the network away from a process, if the system has one."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    wrapper = [unshare, "-rn"]
    probe = subprocess.run([*wrapper, "true"], capture_output=True, check=False)  # noqa: S603
    return wrapper if probe.returncode == 0 else []


DOMAIN = Domain(BfclEnvironment, blocks=True)
