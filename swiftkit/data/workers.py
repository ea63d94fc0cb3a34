"""What is to be converted to worker processes, and rows back through memory that both sides share.

Plain files the workers read themselves: they are told where. Through the pipes of a process pool
each byte would be copied six times, which costs a third of what converting it costs.
"""

import ctypes
import os
import shutil
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from functools import cache
from itertools import accumulate, chain, pairwise
from multiprocessing import parent_process
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from threading import Thread
from typing import Any, NamedTuple
from uuid import uuid4

from swiftkit.data.convert_record import Options, Outcome, convert_chunk
from swiftkit.files.inputs import Chunk, Span, read_span

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
# the rows of a piece, with room to spare; what is longer goes through the pipe
_SLOT_BYTES = 2 << 20


class _Returned(NamedTuple):
    """Outcomes whose rows lie in shared memory, one after the other: of each outcome the sizes of
    its rows."""

    outcomes: list[Outcome]
    sizes: list[list[int]]


_Slot = SharedMemory | None
_Waiting = deque[tuple[Future[list[Outcome] | _Returned], _Slot]]


def convert_in(
    pool: Executor, pieces: Iterator[Span | Chunk], options: Options, slots: list[_Slot]
) -> Generator[Outcome, None, None]:
    """The outcomes of all pieces, in their order; the pool has as many pieces at a time as there
    are slots."""
    free = slots.copy()
    waiting: _Waiting = deque()
    for piece in pieces:
        if not free:
            yield from _next(waiting, free)
        slot = free.pop()
        with _no_interrupts():
            future = pool.submit(_convert, piece, options, slot.name if slot else None)
        waiting.append((future, slot))
    while waiting:
        yield from _next(waiting, free)


@contextmanager
def shared(count: int) -> Iterator[list[_Slot]]:
    """Memory for rows that come back; to be left when the pool is at rest, or a worker would take
    up what is gone."""
    slots = _slots(count)
    try:
        yield slots
    finally:
        for slot in slots:
            if slot:
                slot.close()
                slot.unlink()


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """A worker that is started here never hears of Ctrl-C, not even while it is still importing; we
    do afterwards."""
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def _slots(count: int) -> list[_Slot]:
    """Memory to share; None in place of what there is no room for: to write there would end the
    process."""
    shared = Path("/dev/shm")  # noqa: S108 (where Linux keeps it)
    slots: list[_Slot] = []
    with suppress(OSError):
        room = shutil.disk_usage(shared).free // 2 // _SLOT_BYTES if shared.exists() else count
        slots += [
            SharedMemory(_name(), create=True, size=_SLOT_BYTES) for _ in range(min(room, count))
        ]
    return slots + [None] * (count - len(slots))


def _name() -> str:
    """Whoever looks what fills the memory can see whose it is."""
    return f"swiftkit_{os.getpid()}_{uuid4().hex[:8]}"


def _next(waiting: _Waiting, free: list[_Slot]) -> Iterator[Outcome]:
    future, slot = waiting[0]
    result = future.result()
    if isinstance(result, _Returned) and slot:
        pieces = iter(_cut(slot, list(chain.from_iterable(result.sizes))))
        for outcome, sizes in zip(result.outcomes, result.sizes, strict=True):
            yield outcome._replace(rows=tuple(next(pieces) for _ in sizes))
    elif not isinstance(result, _Returned):
        yield from result
    free.append(waiting.popleft()[1])


def _convert(piece: Span | Chunk, options: Options, slot: str | None) -> list[Outcome] | _Returned:
    """In a worker."""
    outcomes = convert_chunk(read_span(piece) if isinstance(piece, Span) else piece, options)
    if slot is None or not _put(
        _attached(slot), [row for outcome in outcomes for row in outcome.rows]
    ):
        return outcomes
    sizes = [list(map(len, outcome.rows)) for outcome in outcomes]
    return _Returned([outcome._replace(rows=()) for outcome in outcomes], sizes)


@cache
def _attached(name: str) -> SharedMemory:
    return SharedMemory(name)


def _put(slot: SharedMemory, pieces: list[bytes]) -> bool:
    """Whether there is room for these; then they lie there, one after the other."""
    if sum(map(len, pieces)) > _SLOT_BYTES:
        return False
    memory: Any = slot.buf
    start = 0
    for piece in pieces:
        memory[start : start + len(piece)] = piece
        start += len(piece)
    return True


def _cut(slot: SharedMemory, sizes: list[int]) -> list[bytes]:
    memory: Any = slot.buf
    return [bytes(memory[start:stop]) for start, stop in pairwise(accumulate(sizes, initial=0))]


def prepare_worker() -> None:
    """A worker whose parent was killed ends too, instead of waiting for ever."""
    Thread(target=_end_with_parent, daemon=True).start()
    _keep_memory()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _keep_memory() -> None:
    """glibc gives the memory of each piece back to the kernel, only to ask for it again: a page
    fault for each row."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 16 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 32 << 20)
