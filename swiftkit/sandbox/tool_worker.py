"""Runs the tool functions of a user's Python file, each call in a process of its own.

    python sandbox/tool_worker.py TOOLS.py SECONDS MEGABYTES

is what sandbox/tool_pool.py starts; it needs the standard library alone. The file is the user's own
and trusted; the name and the arguments of a call are not: a model wrote them. The file is loaded
once, then one line of JSON on stdin is one call, one line on stdout its outcome:

    {"name": "get_order", "arguments": {"order_id": "K4051"}, "state": {}}
    {"result": {"status": "sent"}, "state": {}}      or {"error": "why there is no result", "timed_out": false}

Each call runs in a fork, which costs a millisecond and buys three things: a call that hangs, exits
or fills the memory ends alone; what it changes in the module is gone afterwards, so that a reward
does not depend on what ran before; and the file is not loaded again. What is to last through a
conversation is the `state`: a function with a parameter of that name gets it as a dict, and what it
changes there the next call sees.

A tool is a public function that is defined in the file itself, not one that it imports; or, if the
file has a dict `TOOLS`, what stands there, under names that need not be Python's.
"""

import importlib.util
import inspect
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

Tools = Mapping[str, Callable[..., Any]]
RESULT = 65_536  # characters that a tool may answer: more would be most of a model's context
_OUTCOME = 64 * 2**20  # bytes of result and state together
_REASON = 300  # characters of an exception's own text


class Limits(NamedTuple):
    """What one call may take: seconds of wall time, megabytes beside what the loaded file takes."""

    seconds: float = 5.0
    megabytes: int = 512


def load(file: Path) -> Tools:
    """The tools of a file. Whatever the file raises goes on to the caller."""
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(f"swiftkit_tools_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    given = getattr(module, "TOOLS", None)
    return given if isinstance(given, dict) else _public_functions(module)


def _public_functions(module: Any) -> Tools:
    own = {
        name: item
        for name, item in vars(module).items()
        if getattr(item, "__module__", "") == module.__name__
    }
    return {
        name: item
        for name, item in own.items()
        if inspect.isfunction(item) and not name.startswith("_")
    }


def outcome(tools: Tools, call: dict[str, Any]) -> dict[str, Any]:
    """What one call gives. Raises what the function raises."""
    function, arguments, state = tools.get(call["name"]), call["arguments"], call["state"]
    if function is None:
        return {"error": "there is no such function"}
    signature = inspect.signature(function)
    given = dict(arguments)
    if "state" in signature.parameters:
        if "state" in given:
            return {"error": "wrong arguments: got an unexpected keyword argument 'state'"}
        given["state"] = state
    try:
        signature.bind(**given)
    except TypeError as error:
        return {"error": f"wrong arguments: {error}"}
    result = function(**given)
    if len(json.dumps(result, allow_nan=False, ensure_ascii=False)) > RESULT:
        return {"error": f"a result of more than {RESULT} characters"}
    return {"result": result, "state": state}


def serve(tools: Tools, limits: Limits, output: int) -> None:
    """Answer each line of stdin until it ends."""
    for line in sys.stdin.buffer:
        _write(output, _isolated(tools, line, limits) + b"\n")


def _isolated(tools: Tools, line: bytes, limits: Limits) -> bytes:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _answer(tools, line, limits, writer)
    os.close(writer)
    try:
        return _read(reader, limits.seconds) or _error("the function ended its process")
    except TimeoutError:
        return json.dumps(
            {"error": f"no result within {limits.seconds:g} s", "timed_out": True}
        ).encode()
    except ValueError:
        return _error("a state of more than 64 MB")
    finally:
        os.close(reader)
        _end(child)


def _answer(tools: Tools, line: bytes, limits: Limits, writer: int) -> NoReturn:
    """The forked process: it writes its outcome and is gone."""
    try:
        os.setpgid(0, 0)
        _confine(limits)
        text = json.dumps(outcome(tools, json.loads(line)), allow_nan=False)
    except MemoryError:
        text = json.dumps({"error": f"more than {limits.megabytes} MB of memory"})
    # SystemExit too: nothing that a tool raises may reach the loop above
    except BaseException as error:
        text = json.dumps({"error": f"{type(error).__name__}: {error}"[:_REASON]})
    try:
        _write(writer, text.encode())
    finally:
        os._exit(0)


def _confine(limits: Limits) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    used = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        if _has_proc()
        else 0
    )
    most = used + limits.megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _has_proc() -> bool:
    return Path("/proc/self/statm").exists()


def _read(reader: int, seconds: float) -> bytes:
    """All that comes until the other end closes. Raises TimeoutError, or ValueError if it is too
    much."""
    deadline, data = time.monotonic() + seconds, bytearray()
    while len(data) <= _OUTCOME:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        if not (piece := os.read(reader, 65_536)):
            return bytes(data)
        data += piece
    raise ValueError


def _end(child: int) -> None:
    # the group, with all that the function started; or before it has one
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
    os.waitpid(child, 0)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _error(reason: str) -> bytes:
    return json.dumps({"error": reason}).encode()


def main(file: str, seconds: str, megabytes: str) -> None:
    """Say which tools there are, then serve them. The caller ends this by closing stdin, not by
    Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = os.dup(1)
    os.dup2(2, 1)  # what the file prints must not be taken for an outcome
    try:
        tools = load(Path(file))
    except BaseException as error:
        _write(output, _error(f"{type(error).__name__}: {error}") + b"\n")
        return
    _write(output, json.dumps({"tools": sorted(tools)}).encode() + b"\n")
    serve(tools, Limits(float(seconds), int(megabytes)), output)


if __name__ == "__main__":
    main(*sys.argv[1:])
