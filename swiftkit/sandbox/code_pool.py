"""A pool of workers that check programs which a model wrote, each in processes of its own.

    with CodePool() as pool:
        verdict = pool.check(Program(prompt, completion, "has_close_elements", test))
    pool.isolation            "namespaces+landlock+seccomp"

The most that this machine gives is taken (cage.py), and is tried first with programs that want out
(self_test.py). Where nothing isolates, UsageError; `allow_unsafe` then goes on with limits alone.
docs/sandbox.md says what each isolation holds.
"""

import functools
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Literal, Self

import msgspec

from swiftkit.errors import UsageError
from swiftkit.json_text import without_surrogates
from swiftkit.sandbox import code_worker, self_test
from swiftkit.sandbox.cage import ISOLATIONS, UNSAFE, CheckLimits
from swiftkit.sandbox.worker import Worker, WorkerError
from swiftkit.terminal import say

CHECKS = 2000  # of a worker, before another one takes its place
_GRACE_SECONDS = 5.0  # beyond a check's own limit, which the worker itself watches
_PACKAGE = Path(__file__).parents[2]
# numpy's threads take address space, which the limit of memory counts
_ENVIRONMENT = {
    "PYTHONPATH": str(_PACKAGE),
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LANG": "C.UTF-8",
}
_PLACES = ("LD_LIBRARY_PATH", "PYTHONHOME")


class Program(msgspec.Struct, frozen=True):
    """A completion and its test, as HumanEval has them: `prompt + completion` defines the function.

    `test` defines `check(candidate)`, or is lines that call the function by its name, as MBPP's.
    """

    prompt: str
    completion: str
    entry_point: str
    test: str


class CodeVerdict(msgspec.Struct, frozen=True):
    """What a check came to.

    pass: the test came to its end. fail: by the program's fault, of `kind` wrong, exception, load,
    exit, value (no data), answer, output or disk. timeout. error: no fault of the program's (the
    machine, or the test itself), so that it is no 0: leave it out, or ask again. `reason` may hold
    what the program wrote: print it by terminal.printable.
    """

    outcome: Literal["pass", "fail", "timeout", "error"]
    kind: str = ""
    reason: str = ""
    seconds: float = 0.0
    isolation: str = ""


class _Seat:
    """A worker's place in the pool: one check at a time, by the worker that has what it needs.

    numpy is in a worker of its own, which starts with the first program that names it: each check
    forks twice what its worker has loaded, and numpy doubles that.
    """

    def __init__(self) -> None:
        self.workers: dict[str, _CodeWorker] = {}

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()
        self.workers.clear()


class _CodeWorker:
    """A worker, its scratch folder, and the number of checks that it may still do."""

    def __init__(self, worker: Worker, scratch: tempfile.TemporaryDirectory[str] | None) -> None:
        self.worker, self.scratch = worker, scratch
        self.left = CHECKS

    def close(self) -> None:
        self.worker.close()
        if self.scratch:
            self.scratch.cleanup()


class CodePool:
    """Workers that check programs. `isolation` is what holds them, `refusals` why it is not more.

    `isolations` are those that may be taken, the first that works is; `python` runs the checks.
    Raises UsageError if none works.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        allow_unsafe: bool = False,
        limits: CheckLimits | None = None,
        isolations: Sequence[str] = ISOLATIONS,
        python: str = sys.executable,
    ) -> None:
        self.limits = limits or CheckLimits()
        self._python = python
        self._seeds = random.SystemRandom()
        self.refusals: list[str] = []
        first = self._first(isolations, allow_unsafe)
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
        count = workers or cores or 1
        self._idle: SimpleQueue[_Seat] = SimpleQueue()
        for _ in range(count):  # the other workers start when they are needed
            self._idle.put(_Seat())
        seat = self._idle.get()
        seat.workers[""] = first
        self._idle.put(seat)
        self._threads = ThreadPoolExecutor(count, "code")

    @property
    def description(self) -> str:
        """The isolation and the limits as a report names them."""
        return f"isolation: {self.isolation} ({self.limits.text()} for each check)"

    def check(self, program: Program) -> CodeVerdict:
        """Return the verdict on a program. Nothing that a program or a test does raises here.

        A worker that fails is replaced, and the check is done once more.
        """
        verdict = self._check_once(program)
        if verdict.outcome == "error" and verdict.kind != "test":
            verdict = self._check_once(program)
        return verdict

    def submit(self, program: Program) -> "Future[CodeVerdict]":
        """`check`, beside others."""
        return self._threads.submit(self.check, program)

    def close(self) -> None:
        self._threads.shutdown()
        while not self._idle.empty():
            self._idle.get().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_once(self, program: Program) -> CodeVerdict:
        is_named = any("numpy" in text for text in msgspec.structs.astuple(program))
        modules = code_worker.NUMPY if is_named else ""
        seat = self._idle.get()
        try:
            if modules not in seat.workers:
                seat.workers[modules] = self._start(self.isolation, modules)
            worker = seat.workers[modules]
            worker.left -= 1
            verdict = self._verdict(worker.worker, program)
            is_spoiled = verdict.outcome == "error" and verdict.kind != "test"
            if is_spoiled or worker.left < 1:
                seat.workers.pop(modules).close()
        except (WorkerError, OSError) as error:
            if modules in seat.workers:
                seat.workers.pop(modules).close()
            verdict = CodeVerdict("error", "worker", str(error), isolation=self.isolation)
        finally:
            self._idle.put(seat)
        return verdict

    def _verdict(self, worker: Worker, program: Program) -> CodeVerdict:
        request = {**msgspec.structs.asdict(program), "seed": self._seeds.getrandbits(63)}
        answer = worker.request(request, self.limits.seconds + _GRACE_SECONDS)
        answer = without_surrogates(answer)
        return msgspec.convert({**answer, "isolation": self.isolation}, CodeVerdict)

    def _first(self, isolations: Sequence[str], allow_unsafe: bool) -> _CodeWorker:
        """Start a worker in the best isolation that works, and set `isolation`."""
        for isolation in (*isolations, *[UNSAFE] * allow_unsafe):
            self.isolation = isolation
            try:
                worker = self._start(isolation)
            except (WorkerError, OSError) as error:
                self.refusals.append(f"{isolation}: {error}")
                continue
            if isolation == UNSAFE:
                say("swiftkit: model-written code runs WITHOUT isolation (--allow-unsafe)")
                return worker
            hole = self_test.hole(functools.partial(self._tried, worker))
            if not hole:
                return worker
            worker.close()
            self.refusals.append(f"{isolation}: {hole}")
        reasons = "; ".join(self.refusals)
        fix = "`swiftkit doctor` says what would help; --allow-unsafe runs the code unprotected"
        raise UsageError(f"nothing isolates model-written code here: {reasons}; {fix}")

    def _tried(self, worker: _CodeWorker, source: str, test: str) -> tuple[str, str]:
        verdict = self._verdict(worker.worker, Program("", source, "attempt", test))
        return verdict.outcome, verdict.reason

    def _start(self, isolation: str, modules: str = "") -> _CodeWorker:
        scratch = None
        if isolation in ("landlock+seccomp", UNSAFE):
            scratch = tempfile.TemporaryDirectory(prefix="swiftkit-code-")
        limits = [str(limit) for limit in self.limits]
        arguments = [isolation, modules, scratch.name if scratch else "", *limits]
        try:
            worker = Worker(
                Path(code_worker.__file__),
                arguments,
                python=self._python,
                environment=_environment(),
                folder=Path("/"),
            )
        except (WorkerError, OSError):
            if scratch:
                scratch.cleanup()
            raise
        return _CodeWorker(worker, scratch)


def _environment() -> dict[str, str]:
    """Return the worker's environment: none of ours, but where its Python finds itself."""
    kept = {name: os.environ[name] for name in _PLACES if name in os.environ}
    return {**kept, **_ENVIRONMENT}
