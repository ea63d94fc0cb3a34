"""The handler that runs the tool functions of a user's Python file, each call in a fork.

sandbox/tool_pool.py starts it, by worker_process.py; it needs little beside the standard library:
it is forked for each call. The file is the user's own and trusted; the name and the arguments of a
call are not: a model wrote them. The file is loaded once, then each request is one call:

    {"name": "get_order", "arguments": {"order_id": "K4051"}, "state": {}}
    {"result": {"status": "sent"}, "state": {}}      or {"error": "why there is no result"}

`"spoiled": true` in an answer says that the worker is of no more use.

Each call runs in a fork, which costs a millisecond: a call that hangs, exits or fills the memory
ends alone, and what it changes in the module is gone afterwards, so that a reward does not depend
on what ran before. What is to last through a conversation is the `state`: a function with a
parameter of that name gets it as a dict, and what it changes there the next call sees.

A function runs with the descriptors that the loaded file has opened, and none of ours. Its outcome
comes back in memory that the fork shares with the worker, made for this call alone: nothing that a
function writes, closes or leaves running can forge, shift or hold back an outcome. It counts once
its length stands before it, which is written last. When the fork has ended, or its time is up, all
that the function has started is ended too (sandbox/family.py). While a function runs, the worker
can be traced by root alone. What still can be changed from outside, its limits, priority and cores,
is looked at after each call: later calls would inherit them.

A tool is a public function that is defined in the file itself, not one that it imports; or, if the
file has a dict `TOOLS`, what stands there, under names that need not be Python's.
"""

import contextlib
import gc
import inspect
import json
import mmap
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

from swiftkit.sandbox.family import adopt_orphans, allow_tracing, children, end_children
from swiftkit.sandbox.secret_values import hide_secrets, secret_values

Tools = Mapping[str, Callable[..., Any]]
RESULT = 65_536  # characters that a tool may answer: more would be most of a model's context
SHOWN = ("class", "line", "text")  # how much of an exception a model may see, from little to all
_OUTCOME = 64 * 2**20  # bytes of result and state together
_LENGTH = 8  # bytes of the length that stands before an outcome
_REASON = 300  # characters of an exception, unless its whole text is shown
_DEPTH = 500  # calls and nested values together while a result is encoded
_RESOURCES = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


class Limits(NamedTuple):
    """Limits of one call.

    seconds: of wall time; megabytes: beside what the loaded file takes; shown: how much of an
    exception the model may see, its class, its first line too (300 characters), or its whole text.
    """

    seconds: float = 5.0
    megabytes: int = 512
    shown: str = "line"


def start(
    file: str, seconds: str, megabytes: str, shown: str
) -> tuple[dict[str, Any], Callable[..., Any]]:
    """Load the tools of a file: what worker_process.py calls."""
    adopt_orphans()
    runner = ToolRunner(Path(file), Limits(float(seconds), int(megabytes), shown))
    return {"tools": sorted(runner.tools)}, runner.run


def load_tools(file: Path) -> Tools:
    """Return the tools of a file by name. Whatever the file raises goes on to the caller."""
    sys.path.insert(0, str(file.parent))
    loader = SourceFileLoader(f"swiftkit_tools_{file.stem}", str(file))
    module = ModuleType(loader.name)
    sys.modules[loader.name] = module  # dataclasses look their module up
    loader.exec_module(module)
    tools = getattr(module, "TOOLS", None)
    if isinstance(tools, dict):
        return tools
    tools = {}
    for name, value in vars(module).items():
        is_own = getattr(value, "__module__", "") == module.__name__
        if is_own and inspect.isfunction(value) and not name.startswith("_"):
            tools[name] = value
    return tools


class ToolRunner:
    """The tools of a file, and what was there when it had been loaded."""

    def __init__(self, file: Path, limits: Limits) -> None:
        self._limits = limits
        self._secrets = dict(os.environ)  # a file may take its keys out once it has read them
        self.tools = load_tools(file)
        self._spared = children()  # a server, say, that the file itself has started
        self._memory = memory_in_use() + _OUTCOME + limits.megabytes * 2**20
        self._conditions = _conditions()
        gc.freeze()  # or the collector of each fork would copy all that is loaded

    def run(self, call: dict[str, Any]) -> dict[str, Any]:
        """Return the outcome of a call, and whether it has spoiled the worker."""
        outcome = self._run_in_fork(call)
        if _conditions() != self._conditions:
            outcome["spoiled"] = True
        return outcome

    def _run_in_fork(self, call: dict[str, Any]) -> dict[str, Any]:
        """Nothing that the fork does is raised here."""
        with mmap.mmap(-1, _LENGTH + _OUTCOME) as shared:
            allow_tracing(False)
            child = os.fork()
            if child == 0:
                self._run_and_exit(call, shared)
            has_ended = wait_for(child, self._limits.seconds)
            _kill_group(child)
            end_children(self._spared)
            allow_tracing(True)  # we are found by our environment (sandbox/family.py)
            length = int.from_bytes(shared[:_LENGTH])
            text = shared[_LENGTH : _LENGTH + length]
        if not has_ended:
            return {"error": f"no result within {self._limits.seconds:g} s", "timed_out": True}
        try:
            outcome = json.loads(text) if text else {"error": "the function ended its process"}
        except (ValueError, RecursionError):
            outcome = None
        return outcome if isinstance(outcome, dict) else {"error": "a result that cannot be read"}

    def _run_and_exit(self, call: dict[str, Any], shared: mmap.mmap) -> NoReturn:
        """The whole life of the fork: write the outcome and exit, whatever the function does."""
        try:
            allow_tracing(True)
            process = os.getpid()
            os.setpgid(0, 0)
            _confine(self._memory)
            try:
                outcome = call_function(self.tools, call)
                sys.setrecursionlimit(_DEPTH)  # what is encoded here can be decoded anywhere
                data = json.dumps(outcome, allow_nan=False).encode()
            except MemoryError:
                data = _error(f"more than {self._limits.megabytes} MB of memory")
            except BaseException as error:  # SystemExit too
                data = _error(self._describe(error))
            if len(data) > _OUTCOME:
                data = _error("a state of more than 64 MB")
            if os.getpid() == process:  # a fork of the function's own returns here, too
                shared[_LENGTH : _LENGTH + len(data)] = data
                shared[:_LENGTH] = len(data).to_bytes(_LENGTH)
        finally:
            os._exit(0)

    def _describe(self, error: BaseException) -> str:
        """Return as much of an exception as the model may see, without the user's secrets."""
        try:
            text = str(error).strip()
        except BaseException:  # whatever the exception's own code raises
            text = ""
        shown = type(error).__name__
        if text and self._limits.shown != "class":
            shown += f": {text}"
        shown = hide_secrets(shown, secret_values(self._secrets, os.environ)).strip()
        if not shown:  # a class may be called "", and no reason at all would be no error
            return "Exception"
        if self._limits.shown == "text":
            return shown[:RESULT]
        return shown.splitlines()[0][:_REASON]


def wait_for(child: int, seconds: float) -> bool:
    """Return True once the child has ended, False when time is up. It is not reaped."""
    try:
        descriptor = os.pidfd_open(child)
    except OSError:  # a kernel before 5.3, or the file makes the system reap children (SIGCHLD)
        return _poll_for(child, seconds)
    try:
        ended = select.poll()  # select() takes no descriptor above 1023
        ended.register(descriptor, select.POLLIN)
        return bool(ended.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def _poll_for(child: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    with contextlib.suppress(ChildProcessError):  # reaped: it has ended
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.001)
    return True


def call_function(tools: Tools, call: dict[str, Any]) -> dict[str, Any]:
    """Call a function and return its outcome. Raises what the function raises."""
    function = tools.get(call["name"])
    if function is None:
        return {"error": "there is no such function"}
    state = call["state"]
    arguments = dict(call["arguments"])
    signature = inspect.signature(function)
    if "state" in signature.parameters:
        if "state" in arguments:
            return {"error": "wrong arguments: got an unexpected keyword argument 'state'"}
        arguments["state"] = state
    try:
        signature.bind(**arguments)
    except TypeError as error:
        return {"error": f"wrong arguments: {error}"}
    result = function(**arguments)
    if len(json.dumps(result, allow_nan=False, ensure_ascii=False)) > RESULT:
        return {"error": f"a result of more than {RESULT} characters"}
    return {"result": result, "state": state}


def _error(reason: str) -> bytes:
    return json.dumps({"error": reason}).encode()


def memory_in_use() -> int:
    """Return the bytes of our address space; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    return int(statm.read_text().split()[0]) * resource.getpagesize()


def _conditions() -> list[Any]:
    """Return what any process of our user can change of ours, and a fork inherits."""
    limits = [resource.getrlimit(number) for number in _RESOURCES]
    priority = os.getpriority(os.PRIO_PROCESS, 0)
    return [limits, priority, os.sched_getscheduler(0), os.sched_getaffinity(0)]


def _confine(memory: int) -> None:
    """Take away the standard streams, and memory beyond the limit, in bytes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _kill_group(child: int) -> None:
    """Kill the fork and all that the function started; it may not have a group of its own yet."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
