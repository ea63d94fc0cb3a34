"""Convert in worker processes. Plain files the workers read themselves: they are told where.

Each worker has a pipe of its own, so that one that is killed while it writes breaks no other's: the
pool of concurrent.futures has one pipe for all results, and waits for ever then.
"""

import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from signal import SIG_BLOCK, SIG_SETMASK, pthread_sigmask

from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.errors import SwiftkitError
from swiftkit.files.inputs import Chunk, Span, read_span
from swiftkit.files.stop_signals import STOPPING

_AHEAD = 3  # pieces in flight for each worker: enough to keep it busy, and memory flat
Piece = Span | Chunk
Outcomes = list[ConvertOutcome]


def convert_in_workers(
    pieces: Iterator[Piece], options: ConvertOptions
) -> Generator[ConvertOutcome, None, None]:
    """Yield the outcomes of all records, in order. Raises SwiftkitError if a worker is killed."""
    context = get_context("spawn")  # the fork of a threaded parent may hang
    idle: SimpleQueue[Connection] = SimpleQueue()
    processes: list[BaseProcess] = []
    # A thread waits for each worker, and one more is ready with its next piece.
    threads = ThreadPoolExecutor(2 * options.workers)

    def ask(piece: Piece) -> Outcomes:
        worker = idle.get()
        try:
            worker.send(piece)
            answer = worker.recv_bytes()
        except (EOFError, OSError) as error:
            reason = "a worker process was killed (out of memory?); run again with --workers 1"
            raise SwiftkitError(reason) from error
        finally:
            idle.put(worker)  # a dead one too: nobody shall wait for it in vain
        outcomes = pickle.loads(answer)  # noqa: S301 - from our own worker
        if isinstance(outcomes, Exception):
            raise outcomes
        return outcomes  # type: ignore[no-any-return]

    def submit(piece: Piece) -> Future[Outcomes]:
        if len(processes) < options.workers:  # no more of them than pieces
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, options), daemon=True)
            with _signals_blocked():
                process.start()
            theirs.close()  # so that the pipe ends with the worker
            processes.append(process)
            idle.put(ours)
        return threads.submit(ask, piece)

    resource_tracker.ensure_running()  # here, because starting it would let Ctrl-C in again
    try:
        yield from in_order(submit, pieces, _AHEAD * options.workers)
    finally:
        for process in processes:
            process.kill()  # it holds back what would only ask it to stop, and has nothing to lose
        threads.shutdown(cancel_futures=True)
        for process in processes:
            process.join()


def in_order(
    submit: Callable[[Piece], Future[Outcomes]], pieces: Iterator[Piece], most: int
) -> Iterator[ConvertOutcome]:
    """Yield the outcomes of all pieces, in their order; at most `most` are under way at a time."""
    waiting: deque[Future[Outcomes]] = deque()
    for piece in pieces:
        if len(waiting) == most:
            yield from waiting.popleft().result()
        waiting.append(submit(piece))
    while waiting:
        yield from waiting.popleft().result()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Hold back Ctrl-C and its like: a worker that is started here never hears of them, we do
    afterwards. Sent to all processes at once, they are ours to answer."""
    before = pthread_sigmask(SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def _serve(pipe: Connection, options: ConvertOptions) -> None:
    """Answer pieces with their outcomes, or with the error, until the other side has gone."""
    try:
        while True:
            piece = pipe.recv()
            answer: Outcomes | Exception
            try:
                chunk = read_span(piece) if isinstance(piece, Span) else piece
                answer = convert_chunk(chunk, options)
            except Exception as error:
                answer = error
            pipe.send(answer)
    except (EOFError, OSError):
        return
