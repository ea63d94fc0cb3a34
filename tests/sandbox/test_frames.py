"""Values between judge and candidate: they arrive as they were, or not at all."""

import collections
import decimal
import fractions
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from swiftkit.sandbox.frames import FrameError, frame, packed, read_frame, unpacked

VALUES = [
    None, True, 0, -1, 2**53, -(2**70), 10**5000, 0.1, float("inf"), "grüße \ud800", b"\x00\xff",
    bytearray(b"x"), [1, [2]], (1, (2,)), {1: "a", (2, 3): [None]}, {1, 2}, frozenset({1}), 1j,
    range(3, 10, 2), collections.deque([1, 2], 5), decimal.Decimal("1.10"), fractions.Fraction(1, 3),
    [], (), {}, set(),
]  # fmt: skip


def sent(value: Any) -> Any:
    return unpacked(read_frame(reader(frame(packed(value)))))


def reader(data: bytes) -> Callable[[int], bytes]:
    rest = bytearray(data)

    def receive(size: int) -> bytes:
        piece = bytes(rest[:size])
        del rest[:size]
        return piece

    return receive


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_arrives_as_it_was(value: Any) -> None:
    got = sent(value)
    assert type(got) is type(value)
    assert got == value


def test_views_iterators_and_nan_arrive_as_such() -> None:
    assert list(sent(x for x in "ab")) == ["a", "b"]
    assert sent({1: 2}.keys()) == {1: 2}.keys()
    assert sent({1: 2}.items()) == {1: 2}.items()
    assert list(sent({1: 2}.values())) == [2]
    nan = sent(float("nan"))
    assert nan != nan


def test_numpy_arrives_as_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    array = sent(numpy.array([[1.5, 2], [3, 4]]))
    assert array.tolist() == [[1.5, 2], [3, 4]]
    assert type(sent(numpy.int32(7))) is numpy.int32
    with pytest.raises(FrameError):
        packed(numpy.array([object()]))


@pytest.mark.parametrize("base", [int, float, str, list, tuple, dict, set, bytes])
def test_a_subclass_arrives_as_its_base(base: type) -> None:
    same = type("Same", (base,), {"__eq__": lambda *_: True, "__hash__": base.__hash__})
    assert type(sent(same())) is base


@pytest.mark.parametrize("value", [object(), len, int, lambda: 1, Exception("x"), print, ...])
def test_anything_else_does_not_leave(value: object) -> None:
    with pytest.raises(FrameError):
        packed(value)


@pytest.mark.parametrize(
    "data",
    [
        {},
        ["list"],
        ["list", 1],
        ["int", "zz"],
        ["no such kind", 1],
        [[], []],
        ["array", "|O8", [1], "AAAAAAAAAAA="],
        ["array", "<f8", [1 << 60], ""],
        ["array", "<f8", [-1], "AAAAAAAAAAA="],
        ["range", [["int", "0x1"], 2]],
        ["Fraction", 1, 0],
        ["set", [["list", []]]],
        ["dict", [[["list", []], 1]]],
        ["bytes", "not base64!"],
        ["range", [1, 2, {}]],
    ],
)
def test_what_nobody_packed_is_refused(data: Any) -> None:
    with pytest.raises(FrameError):
        unpacked(data)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("=I", 1 << 31),
        struct.pack("=I", 5) + b"hello",
        struct.pack("=I", 100_000) + b"[" * 100_000,
        struct.pack("=I", 10_000) + b"9" * 10_000,
    ],
)
def test_bytes_that_are_no_frame_are_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        read_frame(reader(data))


def test_too_much_is_refused() -> None:
    with pytest.raises(FrameError):
        frame("x" * (1 << 20))
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(FrameError):
        packed(deep)
    nested = json.loads('["list",[' * 200 + "]]" * 200)
    with pytest.raises(FrameError):
        unpacked(nested)
