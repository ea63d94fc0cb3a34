"""Look through a finished file of swift rows before it is trained on or evaluated with.

The file is streamed. What is kept of a row are numbers: its length, its digest, a sketch of 256
bytes. So memory grows by some 300 bytes a row, whatever the rows hold. No row can stop a check: one
that cannot be read is a finding.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit.data.checks import answers, calls, contamination, lengths, structure
from swiftkit.data.checks.contamination import Questions
from swiftkit.data.checks.duplicates import Duplicates
from swiftkit.data.checks.entry import Entry, Fault, entry_from
from swiftkit.data.checks.ledger import Finding, Ledger, failed
from swiftkit.data.checks.lengths import Lengths
from swiftkit.data.checks.scripts import language
from swiftkit.errors import DataError, UsageError
from swiftkit.files.inputs import STDIN, Chunk, find_files, read_chunks
from swiftkit.files.jsonl import decode_record

_FAULTS: tuple[Callable[[Entry], Iterator[Fault]], ...] = (
    structure.faults,
    calls.faults,
    answers.faults,
)


class Options(msgspec.Struct, frozen=True):
    """What to check; see `swiftkit check --help`."""

    tokenizer: Path | None = None
    max_length: int | None = None
    against: Path | None = None


class Report(msgspec.Struct):
    """What `--json` prints. `findings` is empty for a file without a fault; `languages` sums up to
    `rows_read`.

    `rows` = `rows_read` + those that are no JSON object.
    """

    file: str
    rows: int
    rows_read: int
    findings: list[Finding]
    lengths: lengths.Summary | None
    languages: dict[str, int]
    contamination: contamination.Summary | None
    elapsed_s: float

    @property
    def exit_status(self) -> int:
        return int(failed(self.findings))


class _Checks(NamedTuple):
    """What is gathered over the whole file."""

    ledger: Ledger
    lengths: Lengths
    duplicates: Duplicates
    questions: Questions | None
    languages: Counter[str]


def check_file(data: Path, options: Options) -> Report:
    """Raises UsageError for a wrong setting, DataError for a file that cannot be read or has no
    rows."""
    began = time.monotonic()
    _check_usage(data, options)
    checks = _Checks(
        Ledger(_name(data)),
        Lengths(options.tokenizer, options.max_length),
        Duplicates(),
        Questions() if options.against else None,
        Counter(),
    )
    rows = sum(_check_chunk(chunk, checks) for chunk in _chunks(data))
    if not rows:
        raise DataError(f"{data}: no rows", "no_rows", "give a file with at least one row")
    _add_duplicates(checks)
    compared = _compared(options.against, checks) if options.against else None
    read = checks.languages.total()
    measured = checks.lengths.summary()
    elapsed = round(time.monotonic() - began, 3)
    return Report(
        _name(data),
        rows,
        read,
        checks.ledger.findings(),
        measured,
        dict(checks.languages),
        compared,
        elapsed,
    )


def _check_usage(data: Path, options: Options) -> None:
    for path in (data, options.against):
        if path is not None:
            find_files([path], [])
            if path.is_dir():
                raise UsageError(f"{path} is a folder; give one file of rows")
    if options.max_length and not options.tokenizer:
        raise UsageError("--max-length is a number of tokens: give --tokenizer DIR too")
    if options.against and options.against.resolve() == data.resolve():
        raise UsageError(
            f"--against {options.against}: that is the file itself; give the training data"
        )


def _name(data: Path) -> str:
    return "stdin" if data == STDIN else str(data)


def _chunks(path: Path) -> Iterator[Chunk]:
    """The file's chunks, with a bar on a terminal's stderr: a large file takes a minute."""
    if not sys.stderr.isatty() or not path.is_file():
        yield from read_chunks([path])
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=path.stat().st_size)
        yield from read_chunks([path], lambda count: bar.advance(task, count))


def _check_chunk(chunk: Chunk, checks: _Checks) -> int:
    """The number of its rows."""
    entries = list(_entries(chunk, checks.ledger))
    for entry, length in zip(entries, checks.lengths.add(entries), strict=True):
        checks.ledger.add(
            entry.line, [*_faults(entry), *_too_long(length, checks.lengths.max_length)]
        )
        checks.languages[language(entry)] += 1
        checks.duplicates.add(entry)
        if checks.questions:
            checks.questions.add(entry)
    return len(chunk.records)


def _entries(chunk: Chunk, ledger: Ledger, code: str = "") -> Iterator[Entry]:
    """The rows; one that is no JSON object goes into the ledger, under its own code or `code`."""
    for number, line in chunk.records:
        try:
            yield entry_from(number, _object(line))
        except DataError as error:
            ledger.add(
                number, [Fault(code or error.code, error.reason, error.fix)], _name(chunk.path)
            )


def _object(line: bytes) -> dict[str, Any]:
    record = decode_record(line, "this row")
    if not isinstance(record, dict):
        raise DataError(
            f"a JSON {type(record).__name__}, not an object",
            "not_an_object",
            "write one object a line",
        )
    return record


def _faults(entry: Entry) -> Iterator[Fault]:
    for faults in _FAULTS:
        yield from faults(entry)


def _too_long(length: int, max_length: int | None) -> Iterator[Fault]:
    if max_length and length > max_length:
        yield Fault("too_long", f"{length} tokens of text")


def _add_duplicates(checks: _Checks) -> None:
    for pair in checks.duplicates.exact():
        checks.ledger.add(pair.line, [Fault("duplicate", f"as line {pair.earlier}")])
    for pair in checks.duplicates.near():
        checks.ledger.add(
            pair.line, [Fault("near_duplicate", f"{pair.similarity:.2f} like line {pair.earlier}")]
        )


def _compared(training: Path, checks: _Checks) -> contamination.Summary:
    questions = checks.questions or Questions()
    rows = 0
    for chunk in _chunks(training):
        rows += len(chunk.records)
        entries = list(_entries(chunk, checks.ledger, "unread_training_row"))
        questions.compare(entries)
        for entry in entries:
            if not any(turn.role == "user" for turn in entry.turns):
                fault = Fault("unread_training_row", "no user message in it")
                checks.ledger.add(entry.line, [fault], _name(training))
    leaks = questions.leaks()
    for leak in leaks:
        code = "contaminated" if leak.share >= contamination.DIRTY else "overlap"
        detail = f"{leak.share:.0%} of the question's words, first at {_name(training)}:{leak.training_line}"
        checks.ledger.add(leak.line, [Fault(code, detail)])
    dirty = sum(leak.share >= contamination.DIRTY for leak in leaks)
    return contamination.Summary(str(training), rows, len(leaks), dirty)
