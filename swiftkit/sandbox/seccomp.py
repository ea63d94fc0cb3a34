"""A filter of system calls (seccomp(2)): a list of what may be called, EPERM for all else.

An error rather than death: `try: os.fork() except OSError` is honest code. There is no call to make
a process, a socket with an address, a link, a mount, a namespace or a key, to look into another
process, or to run a program; prctl(2) is none either, or the code could outlive its judge.
"""

import ctypes
import errno
import struct
from collections.abc import Sequence
from typing import NamedTuple

from swiftkit.sandbox import linux

_ALLOW, _ERROR = 0x7FFF0000, 0x00050000  # SECCOMP_RET_*
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_RET|K
_EQUAL, _AT_LEAST, _JUMP = 0x15, 0x35, 0x05  # BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_JMP|JA
_LEAF = 4  # calls that are compared one by one
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000  # x86_64's other calls, with other numbers
_OWN_PID = 0x7FFFFFFF  # stands in a built filter where the process that loads it is meant

_CLONE_THREAD, _CLONE_NEW = 0x10000, 0x7E020000
_AT_EMPTY_PATH = 0x1000
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE = 1, 1, 0xF
# Duplicates, flags and locks. F_SETOWN and F_SETSIG send signals, F_SETPIPE_SZ takes memory.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032)
# TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


class Filter(NamedTuple):
    """Instructions as the kernel reads them, and where the number of the process stands."""

    code: bytes
    own_pid: Sequence[int]  # offsets in bytes

    def load(self, pid: int) -> None:
        """Bind this process, whose number is `pid`, and whatever it starts. Raises OSError."""
        code = bytearray(self.code)
        for offset in self.own_pid:
            struct.pack_into("=I", code, offset, pid)
        buffer = ctypes.create_string_buffer(bytes(code), len(code))
        program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        linux.system_call("seccomp", 1, 0, ctypes.create_string_buffer(program, len(program)))


def build(*, has_paths: bool, has_modes: bool) -> Filter:
    """Return the filter; without paths a file can neither be opened nor be asked for.

    Raises UnknownMachineError.
    """
    head: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, linux.ARCHITECTURES[linux.architecture()]),
        _error(errno.ENOSYS),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        _error(errno.ENOSYS),
    ]
    rules: dict[int, list[Instruction]] = {}
    allowed = f"{linux.FILES} {linux.MEMORY} {linux.PROCESS} {linux.CLOCKS}"
    for number in linux.numbers(allowed).values():
        rules[number] = [(_RETURN, 0, 0, _ALLOW)]
    # ENOENT: `import` takes it for a module that is not there, and EPERM for a fault
    path_rule = [(_RETURN, 0, 0, _ALLOW) if has_paths else _error(errno.ENOENT)]
    for number in linux.numbers(linux.PATHS).values():
        rules[number] = path_rule
    if has_modes:
        for number in linux.numbers(linux.MODES).values():
            rules[number] = [(_RETURN, 0, 0, _ALLOW)]
    call = linux.numbers(linux.OTHERS)
    # fstat() of the C library is a newfstatat() without a path
    by_path = path_rule if has_paths else _masked(3, _AT_EMPTY_PATH, _AT_EMPTY_PATH, errno.ENOENT)
    rules[call["newfstatat"]] = by_path
    rules[call["kill"]] = rules[call["tgkill"]] = _one_of(0, (_OWN_PID,))
    # Threads alone. clone3's flags lie in memory, out of a filter's sight: without it the C
    # library makes threads by clone.
    rules[call["clone"]] = _masked(0, _CLONE_NEW | _CLONE_THREAD, _CLONE_THREAD)
    rules[call["clone3"]] = [_error(errno.ENOSYS)]
    # asyncio needs a pair. Streams alone: a datagram may be sent to any address from a pair, too
    rules[call["socketpair"]] = [
        *_unless_equal(0, _AF_UNIX),
        *_masked(1, _SOCK_TYPE, _SOCK_STREAM),
    ]
    rules[call["sendto"]] = [*_unless_null(4), (_RETURN, 0, 0, _ALLOW)]
    rules[call["fcntl"]] = _one_of(1, _FCNTL)
    rules[call["ioctl"]] = _one_of(1, _IOCTL)
    # its own limits, to read
    rules[call["prlimit64"]] = [
        *_unless_equal(0, 0),
        *_unless_null(2),
        (_RETURN, 0, 0, _ALLOW),
    ]
    program = [*head, *_tree(sorted(rules.items()))]
    offsets = []
    for index, (code, _, _, constant) in enumerate(program):
        if (code, constant) == (_EQUAL, _OWN_PID):
            offsets.append(index * 8 + 4)
    return Filter(b"".join(struct.pack("=HBBI", *step) for step in program), offsets)


def _tree(rules: Sequence[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """Return the rules as a search by halves: with each filter the kernel tries every call once."""
    if len(rules) > _LEAF:
        middle = len(rules) // 2
        below, above = _tree(rules[:middle]), _tree(rules[middle:])
        # a conditional jump reaches 255 instructions, _JUMP any number
        fork = [(_AT_LEAST, 0, 1, rules[middle][0]), (_JUMP, 0, 0, len(below))]
        return [*fork, *below, *above]
    leaf: list[Instruction] = []
    for number, block in rules:
        leaf += [(_EQUAL, 0, len(block), number), *block]
    return [*leaf, _error(errno.EPERM)]


def _error(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERROR | number)


def _low(argument: int) -> Instruction:
    """Load the half of an argument that the kernel reads of an int."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)


def _one_of(argument: int, values: Sequence[int]) -> list[Instruction]:
    block = [_low(argument)]
    for value in values:
        block += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*block, _error(errno.EPERM)]


def _masked(
    argument: int, mask: int, value: int, otherwise: int = errno.EPERM
) -> list[Instruction]:
    return [
        _low(argument),
        (_AND, 0, 0, mask),
        (_EQUAL, 0, 1, value),
        (_RETURN, 0, 0, _ALLOW),
        _error(otherwise),
    ]


def _unless_equal(argument: int, value: int) -> list[Instruction]:
    """EPERM unless the argument is the value; else go on."""
    return [_low(argument), (_EQUAL, 1, 0, value), _error(errno.EPERM)]


def _unless_null(argument: int) -> list[Instruction]:
    """EPERM unless a pointer is NULL, in both its halves; else go on."""
    high = (_LOAD, 0, 0, _ARGUMENTS + 8 * argument + 4)
    refuse = [(_EQUAL, 1, 0, 0), _error(errno.EPERM)]
    return [high, *refuse, _low(argument), *refuse]
