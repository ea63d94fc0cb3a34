"""Convert in worker processes. Plain files the workers read themselves: they are told where.

The pipes of a process pool would copy them six times, a third of the cost of converting them.
"""

import os
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from threading import Thread

from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.errors import SwiftkitError
from swiftkit.files.inputs import Chunk, Span, read_span

_AHEAD = 3  # pieces in flight for each worker: enough to keep it busy, and memory flat


def convert_in_workers(
    pieces: Iterator[Span | Chunk], options: ConvertOptions
) -> Generator[ConvertOutcome, None, None]:
    """Yield the outcomes of all records, in order. Raises SwiftkitError if a worker is killed."""
    # spawn, because the fork of a threaded parent may hang
    pool = ProcessPoolExecutor(options.workers, get_context("spawn"), _end_with_parent)
    try:
        yield from convert_in(pool, pieces, options, _AHEAD * options.workers)
    except BrokenExecutor as error:
        # before Python 3.11.5 the pool waits for ever to fill a pipe without a reader (gh-94777)
        queue = getattr(pool, "_call_queue", None)
        if queue is not None:
            queue._reader.close()
        reason = "a worker process was killed (out of memory?); run again with --workers 1"
        raise SwiftkitError(reason) from error
    finally:
        pool.shutdown(cancel_futures=True)


def convert_in(
    pool: Executor, pieces: Iterator[Span | Chunk], options: ConvertOptions, most: int
) -> Iterator[ConvertOutcome]:
    """Yield the outcomes of all pieces, in their order; the pool has at most `most` at a time."""
    waiting: deque[Future[list[ConvertOutcome]]] = deque()
    for piece in pieces:
        if len(waiting) == most:
            yield from waiting.popleft().result()
        with _interrupts_blocked():
            waiting.append(pool.submit(_convert, piece, options))
    while waiting:
        yield from waiting.popleft().result()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Hold back Ctrl-C: a worker that is started here never hears of it, we do afterwards."""
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def _convert(piece: Span | Chunk, options: ConvertOptions) -> list[ConvertOutcome]:
    return convert_chunk(read_span(piece) if isinstance(piece, Span) else piece, options)


def _end_with_parent() -> None:
    """Let this worker end when its parent is killed, instead of waiting for ever."""

    def wait_for_parent() -> None:
        parent = parent_process()
        if parent:
            parent.join()
            os._exit(1)

    Thread(target=wait_for_parent, daemon=True).start()
