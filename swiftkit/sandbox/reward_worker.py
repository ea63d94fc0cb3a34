"""The handler that calls an ms-swift reward, each list of batches in a fork.

evals/audit/reward_process.py starts it, by worker_process.py. The reward is the user's own code and
trusted as such, but it may hang, exit, fork or fill the memory; so it is loaded once, and each
request is run by a fork with limits, from the state in which the loading left the process:

    {"rows": [{column: value}, ...]}           the data; before anything else
    {"batches": [{"rows": [0, 0], "texts": ["...", "..."]}], "batch_seconds": 2, "seconds": 20}
    {"batches": [{"values": [1.0, "nan"], "seconds": 0.01, "cpu": 0.01}, ...],
     "changes": ["what it changed around it", ...], "printed": "...",
     "ended": "" or why not all batches are there}

A value is a number, null, or the text nan, inf, -inf or `type:NAME`. A batch that raised has
`error` and `place` in their stead. `ended` is "late" where a batch took longer than allowed.

It is called as ms-swift 4.6 does (swift/rl_core/grpo_algorithm.py): the completions, then by name
each column as a list and what a rollout leaves behind; a coroutine is run to its end.
"""

import asyncio
import contextlib
import copy
import importlib
import inspect
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import IO, Any, NoReturn

from swiftkit.sandbox import reward_source
from swiftkit.sandbox.family import adopt_orphans, children, end_children
from swiftkit.sandbox.reward_batch import Rows, columns_of, plain
from swiftkit.sandbox.secret_values import hide_secrets, secret_values
from swiftkit.sandbox.surroundings import changes_between, surroundings
from swiftkit.sandbox.tool_worker import memory_in_use

_SHOWN = 400  # characters of an exception, and of what was printed


def start(
    file: str, name: str, settings: str, megabytes: str
) -> tuple[dict[str, Any], Callable[..., Any]]:
    """Load the reward `name` of a file, or without a file one that ms-swift registers.

    settings: JSON text, what the reward finds in its `args`.
    """
    adopt_orphans()
    factory, name = reward_source.find_reward(file, name)
    args = SimpleNamespace(**json.loads(settings))
    runner = RewardRunner(factory, args, int(megabytes))
    described = reward_source.describe_reward(factory, runner.reward, file)
    return {"name": name, **described}, runner.handle


class RewardRunner:
    """A reward, and what is there before its first call."""

    def __init__(self, factory: Any, args: Any, megabytes: int) -> None:
        self.reward: Any = factory
        if inspect.isclass(factory):
            make: Any = factory
            self.reward = make(args=args)
        self.rows: Rows = []
        self._megabytes = megabytes
        self._knows_of_seeds = False
        self._spared = children()  # what the file itself has started

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        if "rows" in request:
            self.rows = request["rows"]
            return {}
        return self.run(request)

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run the batches in a fork; what it had finished when it ended is kept."""
        with tempfile.TemporaryFile() as results, tempfile.TemporaryFile() as prints:
            child = os.fork()
            if child == 0:
                self._run_and_exit(request, results, prints)
            ended = _watch(child, results, request["batch_seconds"], request["seconds"])
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError):
                    kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
            end_children(self._spared)
            results.seek(0)
            batches, changes, is_whole = [], [], False
            for line in results.read().split(b"\n")[:-1]:
                result = json.loads(line)
                if "changes" in result:
                    changes, is_whole = result["changes"], True
                    self._import(result["imported"])
                else:
                    batches.append(result)
            prints.seek(0)
            printed = _shown(prints.read(10 * _SHOWN).decode(errors="replace"))
        ended = "" if is_whole else ended or "it ended the process"
        return {"batches": batches, "changes": changes, "ended": ended, "printed": printed}

    def _import(self, names: list[str]) -> None:
        """Import what a fork has imported, or each fork to come would do so again."""
        for name in names:
            with contextlib.suppress(Exception):
                importlib.import_module(name)

    def _run_and_exit(
        self, request: dict[str, Any], results: IO[bytes], out: IO[bytes]
    ) -> NoReturn:
        """The whole life of the fork."""
        try:
            process = os.getpid()
            os.setpgid(0, 0)
            for stream in (1, 2):
                os.dup2(out.fileno(), stream)
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            memory = memory_in_use() + self._megabytes * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (memory, most))
            before, loaded = surroundings(), set(sys.modules)
            deadline = time.monotonic() + request["seconds"]
            for batch in request["batches"]:
                if time.monotonic() > deadline:
                    break
                result = self.call(batch)
                if os.getpid() != process:  # a fork of the reward's own returns here, too
                    os._exit(0)
                results.write(json.dumps(result).encode() + b"\n")
                results.flush()
            for stream_file in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream_file.flush()
            changes = changes_between(before, surroundings())
            end = {"changes": changes, "imported": [*set(sys.modules) - loaded]}
            results.write(json.dumps(end).encode() + b"\n")
            results.flush()
        finally:
            os._exit(0)

    def call(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Call the reward with one batch and return its values, or what it raised."""
        texts = list(batch["texts"])
        columns = columns_of([self.rows[index] for index in batch["rows"]], texts)
        given = copy.deepcopy((texts, columns))
        state = random.getstate()
        begin, cpu = time.perf_counter(), time.process_time()
        try:
            output = self.reward(texts, trainer_state=None, **columns)
            if inspect.isawaitable(output):
                output = asyncio.run(_awaited(output))
            values = [plain(value) for value in output]
        except MemoryError:
            return {"error": "MemoryError: more memory than it may take", "place": ""}
        except BaseException as error:  # SystemExit too
            return {"error": _described(error), "place": reward_source.place_of(error)}
        spent = {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu}
        result: dict[str, Any] = {"values": values, **spent}
        if (texts, columns) != given:
            result["changed"] = True
        if random.getstate() != state and not self._knows_of_seeds:
            self._knows_of_seeds = True  # in this fork
            if _is_seeded(self.reward, given):
                result["seeded"] = True
        return result


async def _awaited(output: Any) -> Any:
    return await output


def _is_seeded(reward: Any, given: tuple[list[str], dict[str, list[Any]]]) -> bool:
    """Return True if two calls from different states of `random` leave the same state behind."""
    states = []
    for seed in (1, 2):
        texts, columns = copy.deepcopy(given)
        random.seed(seed)
        with contextlib.suppress(Exception):
            output = reward(texts, trainer_state=None, **columns)
            if inspect.isawaitable(output):
                asyncio.run(_awaited(output))
        states.append(random.getstate())
    return states[0] == states[1]


def _described(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # whatever the exception's own code raises
        text = ""
    return _shown(f"{type(error).__name__}: {text}")


def _shown(text: str) -> str:
    """Return a text of the user's code as a report may hold it: short, and without secrets."""
    return hide_secrets(text[: 10 * _SHOWN], secret_values(os.environ))[:_SHOWN]


def _watch(child: int, results: IO[bytes], batch_seconds: float, seconds: float) -> str:
    """Wait until the fork ends; "late" if a batch, or all of them, took too long."""
    descriptor = os.dup(results.fileno())
    begin = last = time.monotonic()
    size = 0
    pause = 0.001
    try:
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            now = time.monotonic()
            if os.fstat(descriptor).st_size != size:
                size, last = os.fstat(descriptor).st_size, now
            if now - last > batch_seconds or now - begin > seconds + batch_seconds:
                return "late"
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
    except ChildProcessError:
        pass
    finally:
        os.close(descriptor)
    return ""
