"""The process that runs a completion: it answers calls, and knows neither test nor verdict.

It is forked from the judge before the judge reads the test. Its only channel is descriptor 3, which
carries arguments in and values out; whatever else is written there is a value, too, or nothing.
"""

import builtins
import os
import random
import sys
from types import ModuleType
from typing import Any

from swiftkit.sandbox import cage, frames, linux

CHANNEL = 3
_MODULE = "solution"  # no `__main__`: the main part of a script does not run
_TEXT = 300  # characters of an exception's own text


def run(program: dict[str, Any], channel: int, output: int, around: cage.Cage) -> None:
    """The whole life of the process; it does not return."""
    try:
        cage.die_with_parent()
        _place_descriptors(channel, output)
        try:
            around.close_on_candidate()
            linux.close_from(CHANNEL + 1)
            _forget_the_worker(around)
        except Exception as error:  # the machine's fault, not the program's
            _send(["broken", f"{type(error).__name__}: {error}"])
            return
        _send(["ready"])
        _serve(program)
    finally:
        os._exit(0)


def _place_descriptors(channel: int, output: int) -> None:
    """Leave the input empty, the output counted, and the channel."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    above = [os.dup(descriptor) for descriptor in (nothing, output, output, channel)]
    while min(above) <= CHANNEL:  # a descriptor that stands where another one is to go
        above = [os.dup(descriptor) for descriptor in above]
    for place, descriptor in enumerate(above):
        os.dup2(descriptor, place)


def _forget_the_worker(around: cage.Cage) -> None:
    """Be a fresh interpreter, as far as a program can see."""
    folder = around.scratch if around.has_paths else "/"
    os.environ.clear()
    os.environ.update({"HOME": folder, "TMPDIR": folder, "PATH": "", "LANG": "C.UTF-8"})
    sys.argv[:] = sys.orig_argv[:] = [f"{_MODULE}.py"]
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    # a fork has its parent's state of random: two candidates would draw the same numbers
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def _serve(program: dict[str, Any]) -> None:
    module = ModuleType(_MODULE)
    sys.modules[_MODULE] = module  # dataclasses look their module up
    try:
        source = program["prompt"] + program["completion"]
        exec(compile(source, f"{_MODULE}.py", "exec"), vars(module))  # noqa: S102 - what we are for
    except BaseException as error:  # SystemExit too
        _send(["failed", type(error).__name__, _text(error)])
        return
    function = vars(module).get(program["entry_point"])
    if not callable(function):
        _send(["failed", "NameError", f"there is no function {program['entry_point']}"])
        return
    _send(["loaded"])
    while True:
        arguments, named = frames.unpacked(frames.read_frame(_receive))
        try:
            answer = ["value", frames.packed(function(*arguments, **named))]
        except frames.FrameError as error:
            answer = ["refused", str(error)]
        except Exception as error:
            answer = ["raised", _builtin_name(error), _text(error)]
        except BaseException as error:  # sys.exit() in a call
            answer = ["failed", type(error).__name__, _text(error)]
        try:
            _send(answer)
        except frames.FrameError as error:
            _send(["refused", str(error)])


def _builtin_name(error: Exception) -> str:
    """Return the name of the exception's class, or of the nearest above it that is Python's."""
    for kind in type(error).__mro__:
        if getattr(builtins, kind.__name__, None) is kind:
            return str(kind.__name__)
    return "Exception"


def _text(error: BaseException) -> str:
    try:
        return str(error)[:_TEXT]
    except BaseException:  # whatever the exception's own code raises
        return ""


def _send(message: list[Any]) -> None:
    data = memoryview(frames.frame(message))
    while data:
        data = data[os.write(CHANNEL, data) :]


def _receive(size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(CHANNEL, size - len(data))
        if not piece:
            os._exit(0)  # the judge has ended
        data += piece
    return data
