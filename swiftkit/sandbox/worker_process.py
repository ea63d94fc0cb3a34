"""The inside of every worker process: read requests, answer them, one JSON object a line.

    python -P worker_process.py HANDLER.py ARGUMENT...

HANDLER.py defines `start(*arguments) -> (hello, handle)`. `hello` is a dict that is sent first, and
`handle(request)` returns the answer to a request. On stdin and stdout:

    <- {"id": 0, "answer": hello}
    -> {"id": 1, "request": {...}}
    <- {"id": 1, "answer": {...}}     or {"id": 1, "failed": "ValueError: what went wrong"}

The process ends when its stdin is closed. It needs the standard library alone, so that any Python
can run it. What the handler's code prints goes to stderr, and it reads nothing: its text must not
stand among the answers, nor requests be lost to it. A fork has neither the one nor the other.
"""

import json
import os
import signal
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

_REASON = 300  # characters of an exception's own text


def load(file: Path) -> Any:
    """Import a file, whatever its name. What the file raises goes on to the caller."""
    loader = SourceFileLoader(f"swiftkit_worker_{file.stem}", str(file))
    module = ModuleType(loader.name)
    sys.modules[loader.name] = module  # dataclasses look their module up
    loader.exec_module(module)
    return module


def describe(error: BaseException) -> str:
    """Return an exception's type and text in one short line."""
    return f"{type(error).__name__}: {error}"[:_REASON]


def serve(handler: Path, arguments: list[str]) -> None:
    """Start the handler, then answer each line of stdin until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who closes our stdin
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    ours = [requests.fileno(), answers.fileno()]

    def close_ours() -> None:
        while ours:  # once: a number may be that of another file in a fork's own forks
            os.close(ours.pop())

    os.register_at_fork(after_in_child=close_ours)

    def send(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        hello, handle = load(handler).start(*arguments)
    except BaseException as error:  # SystemExit too
        send({"id": 0, "failed": describe(error)})
        return
    send({"id": 0, "answer": hello})
    for line in requests:
        message = json.loads(line)
        try:
            send({"id": message["id"], "answer": handle(message["request"])})
        except Exception as error:  # whatever the handler raises is an answer
            send({"id": message["id"], "failed": describe(error)})


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:])
