"""Raw data files to one file of swift rows, with a full account: rows in = accepted + rejected.

A record is a line, or an item of a .json list; blank lines are none. A fault makes a record a reject, with its place,
code, reason and fix, and never stops the run. Records that --sample-type filters out are counted apart
(`rows_filtered`), before `rows_in`.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from typing import IO, Any

import msgspec

from swiftkit.errors import DataError, SwiftkitError, UsageError
from swiftkit.formats import Options, Outcome, convert_chunk, names, title
from swiftkit.jsonl import encode, write_atomically
from swiftkit.sources import Chunk, find_files, read_chunks

_AHEAD = 4  # chunks in flight for each worker: enough to keep it busy, and memory flat


class Account(msgspec.Struct):
    """The books of a run, as `--json` prints them. `examples` tells the first reject of each code."""

    output: str
    rows_in: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    rows_filtered: int = 0
    rows_out: int = 0
    rejects: dict[str, int] = {}
    formats: dict[str, int] = {}
    examples: dict[str, str] = {}
    rejects_file: str = ""


def convert_files(inputs: Iterable[Path], output: Path, rejects_file: Path | None, options: Options) -> Account:
    """Convert, and write `output` and, only if there are rejects, `rejects_file` (default: OUT.rejects.jsonl).

    Raises UsageError for a missing input or an unknown format, DataError for a file that cannot be read or written,
    and for an input without any row.
    """
    rejects_path = rejects_file or output.with_suffix(".rejects.jsonl")
    _check_usage(output, rejects_path, options)
    files = find_files(inputs, (output, rejects_path))
    account = Account(str(output))
    with ExitStack() as stack:
        out = stack.enter_context(write_atomically(output))
        rejects = _LazyFile(stack, rejects_path)
        outcomes = stack.enter_context(_outcomes(read_chunks(files), options))
        _write(outcomes, out, rejects, account, options)
        _check_not_empty(account, files, options)
    if account.rows_rejected:
        account.rejects_file = str(rejects_path)
    elif rejects_path.is_file():
        rejects_path.unlink()  # of an earlier run: it tells of faults that are mended
    return account


def summary(account: Account) -> str:
    """The account for a person: a line of totals, then a line for each format and for each code of reject."""
    filtered = f", {account.rows_filtered} filtered out before" if account.rows_filtered else ""
    lines = [
        f"{account.rows_in} rows in = {account.rows_accepted} accepted + {account.rows_rejected} rejected{filtered}; "
        f"{account.rows_out} rows out: {account.output}"
    ]
    lines += [f"  read as {name}: {count} ({title(name)})" for name, count in account.formats.items()]
    for code, count in sorted(account.rejects.items(), key=lambda item: -item[1]):
        lines.append(f"  rejected, {code}: {count}, the first at {account.examples[code]}")
    return "\n".join(lines + ([f"  all rejects: {account.rejects_file}"] if account.rejects_file else []))


def _check_usage(output: Path, rejects_path: Path, options: Options) -> None:
    if rejects_path.resolve() == output.resolve():
        raise UsageError(f"{output} is both output and rejects file; choose another name for one of them")
    if options.source_format and options.source_format not in names():
        raise UsageError(f"unknown format {options.source_format!r}; known: {', '.join(names())}")


def _check_not_empty(account: Account, files: list[Path], options: Options) -> None:
    kind = f" of sample_type {', '.join(sorted(options.sample_types))}" if account.rows_filtered else ""
    if not account.rows_in:
        raise DataError(f"{', '.join(map(str, files))}: no rows{kind}", "no_rows", "give a file with at least one row")


class _LazyFile:
    """A file that is made at its first line."""

    def __init__(self, stack: ExitStack, path: Path) -> None:
        self._stack, self._path = stack, path
        self._file: IO[bytes] | None = None

    def write(self, line: bytes) -> None:
        if self._file is None:
            self._file = self._stack.enter_context(write_atomically(self._path))
        self._file.write(line)


def _write(outcomes: Iterable[Outcome], out: IO[bytes], rejects: _LazyFile, account: Account, options: Options) -> None:
    identities: Counter[int] = Counter()
    for outcome in outcomes:
        _count(outcome, account)
        if outcome.reject:
            rejects.write(encode(outcome.reject) + b"\n")
        rows = outcome.rows if options.target == "sft" else _unique(outcome, identities)
        left = len(rows) if options.max_samples is None else options.max_samples - account.rows_out
        for row in rows[:left]:
            out.write(row + b"\n")
            account.rows_out += 1
        if account.rows_out == options.max_samples:
            return


def _count(outcome: Outcome, account: Account) -> None:
    if reject := outcome.reject:
        account.rows_rejected += 1
        account.rejects[reject.code] = account.rejects.get(reject.code, 0) + 1
        account.examples.setdefault(reject.code, f"{reject.file}:{reject.line}: {reject.reason} ({reject.fix})")
    elif outcome.source_format:
        account.rows_accepted += 1
        account.formats[outcome.source_format] = account.formats.get(outcome.source_format, 0) + 1
    else:
        account.rows_filtered += 1
    account.rows_in = account.rows_accepted + account.rows_rejected


def _unique(outcome: Outcome, identities: Counter[int]) -> tuple[bytes, ...]:
    """The rows, renamed where their id was seen before: an evaluation keeps its answers by id."""
    if not outcome.rows:
        return ()
    key = hash(outcome.identity)
    identities[key] += 1
    if identities[key] == 1:
        return outcome.rows
    return tuple(_renamed(row, outcome.identity, f"{outcome.identity}~{identities[key]}") for row in outcome.rows)


def _renamed(encoded: bytes, old: str, new: str) -> bytes:
    row: dict[str, Any] = msgspec.json.decode(encoded)
    row["id"] = new + row["id"].removeprefix(old)  # what follows the record's id is the step
    if "chain" in row:
        row["chain"] = new
    return encode(row)


@contextmanager
def _outcomes(chunks: Iterator[Chunk], options: Options) -> Iterator[Iterator[Outcome]]:
    """The outcomes of all chunks in input order, made here or by worker processes."""
    if options.workers == 1:
        yield (outcome for chunk in chunks for outcome in convert_chunk(chunk, options))
        return
    # Ctrl-C is for the parent to handle; spawn, because the fork of a threaded parent may hang.
    pool = ProcessPoolExecutor(options.workers, get_context("spawn"), signal, (SIGINT, SIG_IGN))
    try:
        yield _in_order(pool, chunks, options)
    except BrokenExecutor as error:
        raise SwiftkitError("a worker process was killed (out of memory?); run again with --workers 1") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, chunks: Iterator[Chunk], options: Options) -> Iterator[Outcome]:
    waiting: deque[Future[list[Outcome]]] = deque()
    for chunk in chunks:
        waiting.append(pool.submit(convert_chunk, chunk, options))
        if len(waiting) > _AHEAD * options.workers:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()
