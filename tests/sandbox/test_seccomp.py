"""The filter of system calls, run by an interpreter of BPF: each call ends as its list says."""

import errno
import platform
import struct
from collections.abc import Iterator

import pytest

from swiftkit.sandbox import linux, seccomp

ALLOW, ENOENT, EPERM, ENOSYS = 0x7FFF0000, 0x50000 | errno.ENOENT, 0x50001, 0x50000 | errno.ENOSYS


def verdict(code: bytes, number: int, *arguments: int, machine: str = "x86_64") -> int:
    """Return what the filter says to a call."""
    values = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, linux.ARCHITECTURES[machine], 0, *values)
    steps = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    position = accumulator = 0
    while True:
        operation, if_true, if_false, constant = steps[position]
        position += 1
        match operation:
            case 0x20:
                accumulator = struct.unpack_from("=I", data, constant)[0]
            case 0x54:
                accumulator &= constant
            case 0x15:
                position += if_true if accumulator == constant else if_false
            case 0x35:
                position += if_true if accumulator >= constant else if_false
            case 0x05:
                position += constant
            case 0x06:
                return constant


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(platform, "machine", lambda: request.param)
    linux.numbers.cache_clear()
    yield str(request.param)
    linux.numbers.cache_clear()


@pytest.mark.parametrize("has_paths", [True, False])
def test_each_call_ends_as_its_list_says(machine: str, has_paths: bool) -> None:
    code = seccomp.build(has_paths=has_paths, has_modes=False).code
    free = linux.numbers(f"{linux.FILES} {linux.MEMORY} {linux.PROCESS} {linux.CLOCKS}").values()
    paths = linux.numbers(linux.PATHS).values()
    by_argument = linux.numbers(linux.OTHERS)
    for number in range(700):
        if number in free:
            expected = ALLOW
        elif number in paths:
            expected = ALLOW if has_paths else ENOENT
        elif number == by_argument["clone3"]:
            expected = ENOSYS
        elif number in by_argument.values():
            continue
        else:
            expected = EPERM
        assert verdict(code, number, machine=machine) == expected, number
    assert verdict(code, 0x40000000 + 57, machine=machine) == ENOSYS
    other = "aarch64" if machine == "x86_64" else "x86_64"
    assert verdict(code, 57, machine=other) == ENOSYS


def test_calls_are_judged_by_their_arguments(machine: str) -> None:
    made = seccomp.build(has_paths=True, has_modes=False)
    call = linux.numbers(linux.OTHERS)
    thread = 0x3D0F00  # as the C library makes one
    own = 0x7FFFFFFF  # stands for the process itself until the filter is loaded
    for name, arguments, expected in (
        ("clone", (thread,), ALLOW),
        ("clone", (17,), EPERM),
        ("clone", (thread | 0x20000000,), EPERM),
        ("kill", (own, 9), ALLOW),
        ("kill", (1, 9), EPERM),
        ("kill", (0xFFFFFFFF, 9), EPERM),
        ("tgkill", (own, 5, 6), ALLOW),
        ("tgkill", (1, 1, 9), EPERM),
        ("socketpair", (1, 1 | 0o2000000), ALLOW),
        ("socketpair", (1, 2), EPERM),
        ("socketpair", (1, 5), EPERM),
        ("socketpair", (2, 1), EPERM),
        ("sendto", (3, 1, 1, 0, 0), ALLOW),
        ("sendto", (3, 1, 1, 0, 1), EPERM),
        ("sendto", (3, 1, 1, 0, 1 << 32), EPERM),
        ("fcntl", (3, 4), ALLOW),
        ("fcntl", (3, 8), EPERM),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), EPERM),
        ("prlimit64", (0, 7, 0), ALLOW),
        ("prlimit64", (0, 7, 1 << 40), EPERM),
        ("prlimit64", (1, 7, 0), EPERM),
        ("seccomp", (1,), EPERM),
        ("capset", (), EPERM),
        ("mount_setattr", (), EPERM),
    ):
        assert verdict(made.code, call[name], *arguments, machine=machine) == expected, name
