"""Chunks to worker processes and rows back, through memory that both sides share.

Through the pipes of a process pool each byte is copied six times, which costs a third of what converting it costs.
"""

import shutil
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import cache
from itertools import accumulate, chain, pairwise
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, NamedTuple

from swiftkit.formats import Options, Outcome, convert_chunk
from swiftkit.jsonl import BrokenRecord
from swiftkit.sources import Chunk

_SLOT_BYTES = 2 << 20  # a chunk, with room to spare; what is longer goes through the pipe


class _Lent(NamedTuple):
    """A chunk whose records lie in the shared memory of this name, one after the other."""

    path: Path
    numbers: list[int]
    sizes: list[int]
    slot: str


class _Returned(NamedTuple):
    """Outcomes whose rows lie there: of each outcome the sizes of its rows."""

    outcomes: list[Outcome]
    sizes: list[list[int]]


_Slot = SharedMemory | None
_Waiting = deque[tuple[Future[list[Outcome] | _Returned], _Slot]]


def convert_in(pool: Executor, chunks: Iterator[Chunk], options: Options, ahead: int) -> Generator[Outcome, None, None]:
    """The outcomes of all chunks, in their order; `ahead` chunks are in the pool's hands at a time.

    To be closed when the pool is at rest.
    """
    slots = _slots(ahead)
    free = slots.copy()
    waiting: _Waiting = deque()
    try:
        for chunk in chunks:
            if not free:
                yield from _next(waiting, free)
            slot = free.pop()
            waiting.append((pool.submit(_convert, _lent(chunk, slot), options), slot))
        while waiting:
            yield from _next(waiting, free)
    finally:
        for slot in slots:  # of those the one too that a dying pool did not take
            if slot:
                slot.close()
                slot.unlink()


def _slots(count: int) -> list[_Slot]:
    """Memory to share; None in place of what there is no room for: to write there would end the process."""
    shared = Path("/dev/shm")  # noqa: S108 (where Linux keeps it)
    slots: list[_Slot] = []
    with suppress(OSError):
        room = shutil.disk_usage(shared).free // 2 // _SLOT_BYTES if shared.exists() else count
        slots += [SharedMemory(create=True, size=_SLOT_BYTES) for _ in range(min(room, count))]
    return slots + [None] * (count - len(slots))


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


def _lent(chunk: Chunk, slot: _Slot) -> Chunk | _Lent:
    records = [record for _, record in chunk.records]
    if not slot or any(isinstance(record, BrokenRecord) for record in records) or not _put(slot, records):
        return chunk
    return _Lent(chunk.path, [number for number, _ in chunk.records], list(map(len, records)), slot.name)


def _convert(lent: Chunk | _Lent, options: Options) -> list[Outcome] | _Returned:
    """In a worker: the rows take the records' place in the shared memory."""
    if isinstance(lent, Chunk):
        return convert_chunk(lent, options)
    slot = _attached(lent.slot)
    records = list(zip(lent.numbers, _cut(slot, lent.sizes), strict=True))
    outcomes = convert_chunk(Chunk(lent.path, records), options)
    if not _put(slot, [row for outcome in outcomes for row in outcome.rows]):
        return outcomes
    sizes = [list(map(len, outcome.rows)) for outcome in outcomes]
    return _Returned([outcome._replace(rows=()) for outcome in outcomes], sizes)


@cache
def _attached(name: str) -> SharedMemory:
    return SharedMemory(name)


def _put(slot: SharedMemory, pieces: list[bytes]) -> bool:
    """Whether there is room for these; then they lie there, one after the other."""
    content = b"".join(pieces)
    if len(content) > _SLOT_BYTES:
        return False
    memory: Any = slot.buf
    memory[: len(content)] = content
    return True


def _cut(slot: SharedMemory, sizes: list[int]) -> list[bytes]:
    memory: Any = slot.buf
    return [bytes(memory[start:stop]) for start, stop in pairwise(accumulate(sizes, initial=0))]
