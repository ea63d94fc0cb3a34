"""The handler that runs the tool functions of a user's Python file, each call in a fork.

sandbox/tool_pool.py starts it, by worker_process.py; it needs the standard library alone. The file
is the user's own and trusted; the name and the arguments of a call are not: a model wrote them. The
file is loaded once, then each request is one call:

    {"name": "get_order", "arguments": {"order_id": "K4051"}, "state": {}}
    {"result": {"status": "sent"}, "state": {}}      or {"error": "why there is no result"}

Each call runs in a fork, which costs a millisecond: a call that hangs, exits or fills the memory
ends alone, and what it changes in the module is gone afterwards, so that a reward does not depend
on what ran before. What is to last through a conversation is the `state`: a function with a
parameter of that name gets it as a dict, and what it changes there the next call sees.

A tool is a public function that is defined in the file itself, not one that it imports; or, if the
file has a dict `TOOLS`, what stands there, under names that need not be Python's.
"""

import inspect
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

Tools = Mapping[str, Callable[..., Any]]
RESULT = 65_536  # characters that a tool may answer: more would be most of a model's context
_OUTCOME = 64 * 2**20  # bytes of result and state together
_REASON = 300  # characters of an exception's own text


class Limits(NamedTuple):
    """Limits of one call: seconds of wall time, megabytes beside what the loaded file takes."""

    seconds: float = 5.0
    megabytes: int = 512


def start(file: str, seconds: str, megabytes: str) -> tuple[dict[str, Any], Callable[..., Any]]:
    """Load the tools of a file: what worker_process.py calls."""
    tools = load_tools(Path(file))
    limits = Limits(float(seconds), int(megabytes))
    return {"tools": sorted(tools)}, partial(run_isolated, tools, limits)


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


def run_isolated(tools: Tools, limits: Limits, call: dict[str, Any]) -> dict[str, Any]:
    """Run a call in a fork and return its outcome; nothing that the fork does is raised here."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run_and_exit(tools, limits, call, writer)
    os.close(writer)
    try:
        text = _read_all(reader, limits.seconds)
        outcome = json.loads(text) if text else {"error": "the function ended its process"}
    except TimeoutError:
        outcome = {"error": f"no result within {limits.seconds:g} s", "timed_out": True}
    except OverflowError:
        outcome = {"error": "a state of more than 64 MB"}
    except (ValueError, RecursionError):
        outcome = {"error": "a result that cannot be read"}
    finally:
        os.close(reader)
        _kill_group(child)
    return outcome if isinstance(outcome, dict) else {"error": "a result that cannot be read"}


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


def _run_and_exit(tools: Tools, limits: Limits, call: dict[str, Any], writer: int) -> NoReturn:
    """The whole life of the fork: write the outcome and exit."""
    try:
        os.setpgid(0, 0)
        _confine(limits)
        text = json.dumps(call_function(tools, call), allow_nan=False)
    except MemoryError:
        text = json.dumps({"error": f"more than {limits.megabytes} MB of memory"})
    except BaseException as error:  # SystemExit too: nothing may leave the fork but its outcome
        text = json.dumps({"error": f"{type(error).__name__}: {error}"[:_REASON]})
    try:
        data = text.encode()
        while data:
            data = data[os.write(writer, data) :]
    finally:
        os._exit(0)


def _confine(limits: Limits) -> None:
    """Take away the standard streams, and memory beyond the limit."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    used = 0
    statm = Path("/proc/self/statm")
    if statm.exists():
        pages = int(statm.read_text().split()[0])
        used = pages * resource.getpagesize()
    most = used + limits.megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _read_all(reader: int, seconds: float) -> bytes:
    """Return all until the other end closes. Raises TimeoutError, or OverflowError above 64 MB."""
    deadline = time.monotonic() + seconds
    data = bytearray()
    while len(data) <= _OUTCOME:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        piece = os.read(reader, 65_536)
        if not piece:
            return bytes(data)
        data += piece
    raise OverflowError


def _kill_group(child: int) -> None:
    """Kill the fork and all that the function started; it may not have a group of its own yet."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
    os.waitpid(child, 0)
