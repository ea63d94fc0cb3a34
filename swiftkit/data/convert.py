"""Raw data files to one file of swift rows, with a full account: rows in = accepted + rejected.

A record is a line, an item of a .json list, or a row of a table; blank lines are none. A fault
makes a record a reject, with its place, code, reason and fix, and never stops the run; a file that
cannot be read to its end does. Records that --sample-type filters out are counted apart
(`rows_filtered`), before `rows_in`, and so are answers that the data calls bad, where the target is
to learn from good ones (data/targets.py).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any

import msgspec

from swiftkit.data.convert_record import Options, Outcome, convert_chunk
from swiftkit.data.detect_format import names, title
from swiftkit.data.progress import Progress
from swiftkit.data.workers import convert_in, prepare_worker, shared
from swiftkit.errors import DataError, SwiftkitError, UsageError
from swiftkit.files.inputs import (
    PACKINGS,
    STDIN,
    find_files,
    kind_of,
    left_alone,
    read_chunks,
    read_spans,
)
from swiftkit.files.jsonl import encode, put_first, write_atomically

_AHEAD = 3  # pieces in flight for each worker: enough to keep it busy, and memory flat
# to send a piece costs as much as to convert some ten rows
_CHUNK_BYTES, _SENT_BYTES = 1 << 18, 1 << 20


_SEEN_BY_LOADER = 8 << 20  # bytes; `datasets` looks at 10 << 20 to learn a file's columns


class Account(msgspec.Struct):
    """The books of a run, as `--json` prints them. `examples` tells the first reject of each code,
    `first_rows` the first row of each format; `notes` what else a person should know."""

    output: str
    rows_in: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    rows_filtered: int = 0
    rows_out: int = 0
    rejects: dict[str, int] = {}
    formats: dict[str, int] = {}
    first_rows: dict[str, str] = {}
    examples: dict[str, str] = {}
    notes: list[str] = []
    rejects_file: str = ""


def convert_files(
    inputs: Sequence[Path], output: Path, rejects_file: Path | None, options: Options
) -> Account:
    """Convert, and write `output` and, only if there are rejects, `rejects_file` (default:
    OUT.rejects.jsonl).

    Raises UsageError for a missing input or an unknown format, DataError for a file that cannot be
    read or written, and for an input without any row.
    """
    rejects_path = rejects_file or output.with_suffix(".rejects.jsonl")
    _check_usage(output, rejects_path, options)
    files = find_files(inputs, (output, rejects_path))
    account = Account(str(output), notes=_notes(inputs, files, (output, rejects_path)))
    with ExitStack() as stack:
        progress = stack.enter_context(closing(Progress(files)))
        out = stack.enter_context(write_atomically(output))
        rejects = _LazyFile(stack, rejects_path)
        outcomes = stack.enter_context(_outcomes(files, progress.seen, options))
        late = _write(_watched(outcomes, account, progress), out, rejects, account, options)
        _check_filtered(account, files, options)
    if late and output.is_file():
        put_first(output, late)
        account.notes.append(
            f"{len(late)} rows with columns that no earlier row has stand first, in front of the input's order: "
            "ms-swift's loader learns the columns from the file's first 10 MB, and stops at others"
        )
    if account.rows_rejected:
        account.rejects_file = str(rejects_path)
    elif rejects_path.is_file():
        rejects_path.unlink()  # of an earlier run: it tells of faults that are mended
    return account


def summary(account: Account) -> str:
    """The account for a person: a line of totals, then a line for each format and for each code of
    reject."""
    filtered = f", {account.rows_filtered} filtered out" if account.rows_filtered else ""
    lines = [
        f"{account.rows_in} rows in = {account.rows_accepted} accepted + {account.rows_rejected} rejected{filtered}; "
        f"{account.rows_out} rows out: {account.output}"
    ]
    for name, count in account.formats.items():
        lines.append(
            f"  read as {name}: {count} ({title(name)}), the first at {account.first_rows[name]}"
        )
    for code, count in sorted(account.rejects.items(), key=lambda item: -item[1]):
        lines.append(f"  rejected, {code}: {count}, the first at {account.examples[code]}")
    lines += [f"  all rejects: {account.rejects_file}"] if account.rejects_file else []
    return "\n".join(lines + [f"  {note}" for note in account.notes])


def _check_usage(output: Path, rejects_path: Path, options: Options) -> None:
    if rejects_path.resolve() == output.resolve():
        raise UsageError(
            f"{output} is both output and rejects file; choose another name for one of them"
        )
    if options.source_format and options.source_format not in names():
        raise UsageError(f"unknown format {options.source_format!r}; known: {', '.join(names())}")
    if output == STDIN:
        raise UsageError("-o -: give a file, or /dev/stdout")
    if output.suffix in PACKINGS or kind_of(output) in (".parquet", ".csv"):
        raise UsageError(f"{output}: the output is plain JSON Lines; give it the ending .jsonl")


def _notes(inputs: Iterable[Path], files: Iterable[Path], written: Iterable[Path]) -> list[str]:
    own = {path.resolve() for path in written}
    others = [path.name for path in left_alone(inputs) if path.resolve() not in own]
    notes = (
        [f"left alone in the folder: {', '.join(others[:10])}{' ...' * (len(others) > 10)}"]
        if others
        else []
    )
    if any(kind_of(file) == ".parquet" for file in files):
        notes.append(
            "a null inside a Parquet row counts as absent: Parquet cannot tell the two apart"
        )
    return notes


def _check_filtered(account: Account, files: list[Path], options: Options) -> None:
    """Say why rows were filtered out; raise DataError if that leaves none, or if there was none."""
    why = "marked as a bad answer" + (
        ", or not of the sample_type asked for" if options.sample_types else ""
    )
    if account.rows_filtered:
        account.notes.append(f"filtered out: {account.rows_filtered}, {why}")
    if not account.rows_in:
        all_filtered = (
            f" but {account.rows_filtered} that are filtered out: {why}"
            if account.rows_filtered
            else ""
        )
        where = ", ".join(map(str, files))
        raise DataError(
            f"{where}: no rows{all_filtered}", "no_rows", "give a file with at least one row"
        )


class _LazyFile:
    """A file that is made at its first line."""

    def __init__(self, stack: ExitStack, path: Path) -> None:
        self._stack, self._path = stack, path
        self._file: IO[bytes] | None = None

    def write(self, line: bytes) -> None:
        if self._file is None:
            self._file = self._stack.enter_context(write_atomically(self._path))
        self._file.write(line)


def _write(
    outcomes: Iterable[Outcome],
    out: IO[bytes],
    rejects: _LazyFile,
    account: Account,
    options: Options,
) -> list[tuple[int, int]]:
    """The places, as (start, size), of rows that come late with a new column."""
    identities: Counter[int] = Counter()
    known: set[str] = set()
    late: list[tuple[int, int]] = []
    size = 0
    for outcome in outcomes:
        _count(outcome, account)
        if outcome.reject:
            rejects.write(encode(outcome.reject) + b"\n")
        rows = outcome.rows if options.target == "sft" else _unique(outcome, identities)
        left = len(rows) if options.max_samples is None else options.max_samples - account.rows_out
        for row in rows[:left]:
            out.write(row)
            out.write(b"\n")
            if not known.issuperset(outcome.columns) and size > _SEEN_BY_LOADER:
                late.append((size, len(row.partition(b"\n")[0]) + 1))
            size += len(row) + 1
            account.rows_out += outcome.records
        known |= outcome.columns
        if account.rows_out == options.max_samples:
            break
    return late


def _watched(
    outcomes: Iterable[Outcome], account: Account, progress: Progress
) -> Iterator[Outcome]:
    for outcome in outcomes:
        yield outcome
        progress.tick(account.rows_in)


def _count(outcome: Outcome, account: Account) -> None:
    if reject := outcome.reject:
        account.rows_rejected += 1
        account.rejects[reject.code] = account.rejects.get(reject.code, 0) + 1
        account.examples.setdefault(
            reject.code, f"{reject.file}:{reject.line}: {reject.reason} ({reject.fix})"
        )
    elif outcome.source_format:
        account.rows_accepted += outcome.records
        if outcome.source_format not in account.formats:
            account.first_rows[outcome.source_format] = _source_of(outcome.rows[0])
        account.formats[outcome.source_format] = (
            account.formats.get(outcome.source_format, 0) + outcome.records
        )
    else:
        account.rows_filtered += 1
    account.rows_in = account.rows_accepted + account.rows_rejected


def _source_of(rows: bytes) -> str:
    """Where the first of these rows comes from."""
    return str(msgspec.json.decode(rows.split(b"\n", 1)[0])["source"])


def _unique(outcome: Outcome, identities: Counter[int]) -> tuple[bytes, ...]:
    """The rows, renamed where their id was seen before: an evaluation keeps its answers by id."""
    if not outcome.rows:
        return ()
    key = hash(outcome.identity)
    identities[key] += 1
    if identities[key] == 1:
        return outcome.rows
    return tuple(
        _renamed(row, outcome.identity, f"{outcome.identity}~{identities[key]}")
        for row in outcome.rows
    )


def _renamed(encoded: bytes, old: str, new: str) -> bytes:
    row: dict[str, Any] = msgspec.json.decode(encoded)
    row["id"] = new + row["id"].removeprefix(old)  # what follows the record's id is the step
    if "chain" in row:
        row["chain"] = new
    return encode(row)


def _unblock(pool: ProcessPoolExecutor) -> None:
    """Before Python 3.11.5 a pool whose worker was killed waits for ever to fill a pipe without a
    reader (gh-94777)."""
    queue = getattr(pool, "_call_queue", None)
    if queue is not None:
        queue._reader.close()


@contextmanager
def _outcomes(
    files: list[Path], seen: Callable[[int], None], options: Options
) -> Iterator[Iterator[Outcome]]:
    """The outcomes of all records in input order, made here or by worker processes."""
    if options.workers == 1:
        chunks = read_chunks(files, seen, _CHUNK_BYTES)
        yield (outcome for chunk in chunks for outcome in convert_chunk(chunk, options))
        return
    # spawn, because the fork of a threaded parent may hang
    pool = ProcessPoolExecutor(options.workers, get_context("spawn"), prepare_worker)
    pieces = read_spans(files, seen, _SENT_BYTES)
    with shared(_AHEAD * options.workers) as slots:
        try:
            yield convert_in(pool, pieces, options, slots)
        except BrokenExecutor as error:
            _unblock(pool)
            raise SwiftkitError(
                "a worker process was killed (out of memory?); run again with --workers 1"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
