"""Values between the judge and the candidate: data alone, in frames with a length.

A frame is four bytes of length and JSON. A reader builds values of Python's own types and no
others: a subclass arrives as its base, without its __eq__, and anything else does not arrive at
all. What the candidate writes is hostile: its reader bounds length, depth and types, and runs none
of its code (no pickle, no marshal).
"""

import base64
import itertools
import json
import math
import re
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

LONGEST = 1 << 20  # bytes of a frame that a program has a part in
LONGEST_TEST = 64 << 20  # a test may hold large inputs
_DEPTH = 100  # containers in each other
_ITEMS = 100_000  # of an iterator
_HEADER = struct.Struct("=I")
_EXACT_INTEGERS = 1 << 53  # larger ones go as hexadecimal digits, of which a reader may take many
_DTYPE = re.compile(r"[<>|=][biufc]\d{1,2}|[<>]U\d{1,5}|\|S\d{1,5}")
_CONTAINERS: tuple[Any, ...] = (
    list, tuple, set, frozenset, deque, type({}.keys()), type({}.values()), type({}.items())
)  # fmt: skip
_BUILDERS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "iterator": iter,
    "dict_keys": lambda items: dict.fromkeys(items).keys(),
    "dict_values": lambda items: dict(enumerate(items)).values(),
    "dict_items": lambda items: dict(items).items(),
}


class FrameError(Exception):
    """A value that cannot be handed over, or bytes that are no frame."""


def frame(message: Any, longest: int = LONGEST) -> bytes:
    """Return a JSON value as a frame. Raises FrameError if it is too long."""
    data = json.dumps(message).encode()
    if len(data) > longest:
        raise FrameError("more than 1 MB cannot leave the sandbox at once")
    return _HEADER.pack(len(data)) + data


def read_frame(receive: Callable[[int], bytes], longest: int = LONGEST) -> Any:
    """Return the next JSON value; `receive(n)` gives exactly n bytes. Raises FrameError."""
    (length,) = _HEADER.unpack(receive(_HEADER.size))
    if length > longest:
        raise FrameError("a frame of more than 1 MB")
    try:
        return json.loads(receive(length))
    except (ValueError, RecursionError):
        raise FrameError("a frame that is no JSON") from None


def packed(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON that `unpacked` reads. Raises FrameError for what is no data."""
    if depth > _DEPTH:
        raise FrameError(f"a value nested more than {_DEPTH} deep cannot leave the sandbox")
    # the methods of the base, whatever a subclass says
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            number = int.__int__(value)
            return number if abs(number) < _EXACT_INTEGERS else ["int", hex(number)]
    numpy_value = _packed_numpy(value)  # before float: numpy's is one
    if numpy_value:
        return numpy_value
    if isinstance(value, float):
        return float.__float__(value)
    return _packed_items(value, depth + 1) or _packed_leaf(value)


def _packed_items(value: Any, depth: int) -> list[Any] | None:
    """Return a container as JSON; None if the value is none."""
    items: Any
    if isinstance(value, dict):
        items = [[packed(key, depth), packed(item, depth)] for key, item in dict.items(value)]
        return ["dict", items]
    if isinstance(value, Iterator):
        items = list(itertools.islice(value, _ITEMS + 1))
        if len(items) > _ITEMS:
            raise FrameError(f"an iterator of more than {_ITEMS} items")
        return ["iterator", [packed(item, depth) for item in items]]
    for kind in _CONTAINERS:
        if isinstance(value, kind):
            items = [packed(item, depth) for item in kind.__iter__(value)]
            return [kind.__name__, items, *([value.maxlen] if kind is deque else [])]
    return None


def _packed_leaf(value: Any) -> list[Any]:
    match value:
        case bytes() | bytearray():
            kind = "bytes" if isinstance(value, bytes) else "bytearray"
            return [kind, base64.b64encode(value).decode()]
        case complex():
            return ["complex", value.real, value.imag]
        case range():
            return ["range", [packed(part) for part in (value.start, value.stop, value.step)]]
        case Decimal():
            return ["Decimal", str(value)]
        case Fraction():
            return ["Fraction", packed(value.numerator), packed(value.denominator)]
    raise FrameError(f"a value of type {type(value).__name__} cannot leave the sandbox")


def _packed_numpy(value: Any) -> list[Any] | None:
    """Return an array or a number of numpy as JSON, if numpy is there and the value is one."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray | numpy.generic):
        return None
    array = numpy.array(value, subok=False)
    if not _DTYPE.fullmatch(array.dtype.str):
        raise FrameError(f"an array of {array.dtype} cannot leave the sandbox")
    kind = "array" if isinstance(value, numpy.ndarray) else "number"
    data = base64.b64encode(array.tobytes()).decode()
    return [kind, array.dtype.str, list(array.shape), data]


def unpacked(data: Any) -> Any:
    """Return the value that `packed` has written. Raises FrameError for anything else."""
    try:
        return _unpacked(data, 0)
    except FrameError:
        raise
    except Exception as error:  # whatever a constructor says to values that nobody packed
        raise FrameError(f"a value that cannot be read ({type(error).__name__})") from None


def _unpacked(data: Any, depth: int) -> Any:
    if depth > _DEPTH:
        raise FrameError("a value nested too deeply")
    if not isinstance(data, list):
        if data is None or isinstance(data, bool | int | float | str):
            return data
        raise FrameError("an object where a value should stand")
    kind, *parts = data
    match kind, parts:
        case str(name), [list(items)] if name in _BUILDERS:
            return _BUILDERS[name]([_unpacked(item, depth + 1) for item in items])
        case "deque", [list(items), int() | None as most]:
            return deque([_unpacked(item, depth + 1) for item in items], most)
        case "dict", [list(items)]:
            return _pairs(items, depth)
    return _unpacked_leaf(kind, parts)


def _pairs(items: list[Any], depth: int) -> dict[Any, Any]:
    pairs = {}
    for key, value in items:
        pairs[_unpacked(key, depth + 1)] = _unpacked(value, depth + 1)
    return pairs


def _unpacked_leaf(kind: Any, parts: list[Any]) -> Any:
    match kind, parts:
        case "int", [str(digits)]:
            return int(digits, 16)
        case "bytes" | "bytearray", [str(text)]:
            value = base64.b64decode(text, validate=True)
            return value if kind == "bytes" else bytearray(value)
        case "complex", [float(real), float(imaginary)]:
            return complex(real, imaginary)
        case "range", [[first, stop, step]]:
            return range(*(_unpacked(part, 0) for part in (first, stop, step)))
        case "Decimal", [str(digits)]:
            return Decimal(digits)
        case "Fraction", [numerator, denominator]:
            return Fraction(_unpacked(numerator, 0), _unpacked(denominator, 0))
        case "array" | "number", [str(dtype), list(shape), str(text)]:
            numpy = sys.modules["numpy"]
            raw = base64.b64decode(text, validate=True)
            if not _DTYPE.fullmatch(dtype) or not all(type(size) is int for size in shape):
                raise FrameError("an array of another kind")
            if math.prod(shape) * numpy.dtype(dtype).itemsize != len(raw):
                raise FrameError("an array whose data has another size")
            array = numpy.frombuffer(raw, dtype).reshape(shape).copy()
            return array if kind == "array" else array[()]
    raise FrameError("a value of a kind that there is not")
