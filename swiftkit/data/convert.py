"""Raw data files to one file of swift rows, with a full report: rows in = accepted + rejected.

A record is a line, an item of a .json list, or a row of a table; blank lines are none. A fault
makes a record a reject, with its place, code, reason and fix, and never stops the run; a file that
cannot be read to its end does. Records that --sample-type filters out are counted apart
(`rows_filtered`), before `rows_in`, and so are answers that the data calls bad, where the target is
to learn from good ones (targets.py).
"""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Any

import msgspec

from swiftkit.data.account import (
    ConvertReport,
    TemplateReport,
    changes_notes,
    count,
    first_place,
    old_rows_note,
)
from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.data.detect_format import names
from swiftkit.data.progress import RowProgress
from swiftkit.data.workers import convert_in_workers
from swiftkit.errors import DataError, UsageError
from swiftkit.files.drafts import clear_drafts
from swiftkit.files.inputs import (
    PACKINGS,
    STDIN,
    TABLES,
    find_files,
    kind_of,
    left_alone,
    read_chunks,
    read_spans,
)
from swiftkit.files.jsonl import encode, put_first, write_atomically
from swiftkit.files.stop_signals import SignalStop, stopped_by_signals

PIECE_BYTES = 1 << 20  # what is converted at a time
_SEEN_BY_LOADER = 8 << 20  # bytes; `datasets` looks at 10 << 20 to learn a file's columns


def convert_files(
    inputs: Sequence[Path], output: Path, rejects_file: Path | None, options: ConvertOptions
) -> ConvertReport:
    """Write `output` and, only if there are rejects, `rejects_file` (default: OUT.rejects.jsonl).

    Raises UsageError for a missing input or an unknown format, DataError for a file that cannot be
    read or written, and for an input without any row, StoppedBySignal at SIGTERM and SIGHUP: then
    there is no output.
    """
    with stopped_by_signals() as stop:
        return _convert_files(inputs, output, rejects_file, options, stop)


def _convert_files(
    inputs: Sequence[Path],
    output: Path,
    rejects_file: Path | None,
    options: ConvertOptions,
    stop: SignalStop,
) -> ConvertReport:
    """Convert; once the outputs are being put in their places, no signal comes between."""
    rejects_path = rejects_file or output.with_suffix(".rejects.jsonl")
    _check_usage(output, rejects_path, options)
    written = (output, rejects_path)
    report = ConvertReport(str(output))
    files = find_files(inputs, written, report.notes.append)
    report.notes += _notes(inputs, files, written)
    if options.template_of:
        report.template = _template_report(options, report.notes)
    with ExitStack() as stack:
        progress = stack.enter_context(closing(RowProgress(files)))
        out = stack.enter_context(write_atomically(output))
        rejects: IO[bytes] | None = None  # made at its first line
        pieces = _outcomes(files, progress.add_bytes, report.notes.append, options)
        outcomes = stack.enter_context(closing(pieces))
        writer = _RowWriter(out, report, options)
        old_rows, first_old_row = 0, ""
        seen: set[str] = set()  # columns, with --columns
        report.columns = {f"{old}={new}": 0 for old, new in options.columns}
        for outcome in outcomes:
            count(outcome, report, options)
            seen |= outcome.seen
            if outcome.is_old_row:
                old_rows += 1
                first_old_row = first_old_row or first_place(outcome)
            if outcome.reject:
                rejects = rejects or stack.enter_context(write_atomically(rejects_path))
                rejects.write(encode(outcome.reject) + b"\n")
            writer.write(outcome)
            if report.rows_out == options.max_samples:
                break
            progress.update(report.rows_in)
        _check_filtered(report, files, options)
        stop.hold()
    report.notes += changes_notes(report, seen, options)
    if old_rows:
        report.notes.append(old_rows_note(old_rows, first_old_row))
    if writer.late and output.is_file():
        put_first(output, writer.late)
        report.notes.append(
            f"{len(writer.late)} rows with columns that no earlier row has stand first, in front of"
            " the input's order: ms-swift's loader learns the columns from the file's first 10 MB,"
            " and stops at others"
        )
    if report.rows_rejected:
        report.rejects_file = str(rejects_path)
    elif rejects_path.is_file():
        rejects_path.unlink()  # of an earlier run: it tells of faults that are mended
    return report


def _template_report(options: ConvertOptions, notes: list[str]) -> TemplateReport:
    """Return the account of a model's chat template. Raises UsageError for a wrong folder."""
    from swiftkit.data.model_template import model_template  # which imports Jinja

    model = model_template(options.template_of)
    if not model.encoder:
        notes.append(
            "token seams were not looked for: that takes a tokenizer.json in the model's folder"
            " and the package tokenizers (pip install 'swiftkit[tokenizers]')"
        )
    return TemplateReport(options.template_of, model.sha256, options.thinking)


def _check_usage(output: Path, rejects_path: Path, options: ConvertOptions) -> None:
    if rejects_path.resolve() == output.resolve():
        fix = "choose another name for one of them"
        raise UsageError(f"{output} is both output and rejects file; {fix}")
    if options.source_format and options.source_format not in names():
        known = ", ".join(names())
        raise UsageError(f"unknown format {options.source_format!r}; known: {known}")
    if output == STDIN:
        raise UsageError("-o -: give a file, or /dev/stdout")
    if output.suffix in PACKINGS or kind_of(output) in TABLES:
        raise UsageError(f"{output}: the output is plain JSON Lines; give it the ending .jsonl")


def _notes(inputs: Iterable[Path], files: Iterable[Path], written: Sequence[Path]) -> list[str]:
    notes = []
    own = set(map(os.path.realpath, written))  # resolve() raises for a link that leads to itself
    others = [path.name for path in left_alone(inputs) if os.path.realpath(path) not in own]
    if others:
        more = " ..." if len(others) > 10 else ""
        notes.append(f"left alone in the folder: {', '.join(others[:10])}{more}")
    kinds = set(map(kind_of, files))
    for what, columnar in (("a Parquet", (".parquet",)), ("an Arrow", (".arrow", ".feather"))):
        if not kinds.isdisjoint(columnar):
            rule = f"a null inside {what} row counts as absent"
            notes.append(f"{rule}: {what.split()[1]} cannot tell the two apart")
    drafts = clear_drafts(written)
    if drafts:
        names = ", ".join(draft.name for draft in drafts)
        notes.append(f"deleted, the drafts of runs that were killed: {names}")
    return notes


def _check_filtered(report: ConvertReport, files: list[Path], options: ConvertOptions) -> None:
    """Say why rows were filtered out; raise DataError if that leaves none, or if there was none."""
    reason = "marked as a bad answer"
    if options.sample_types:
        reason += ", or not of the sample_type asked for"
    if report.rows_filtered:
        report.notes.append(f"filtered out: {report.rows_filtered}, {reason}")
    if not report.rows_in:
        problem = f"{', '.join(map(str, files))}: no rows"
        if report.rows_filtered:
            problem += f" but {report.rows_filtered} that are filtered out: {reason}"
        raise DataError(problem, "no_rows", "give a file with at least one row")


class _RowWriter:
    """Writes rows, up to --max-samples. `late`: (start, size) of rows whose column comes late."""

    def __init__(self, out: IO[bytes], report: ConvertReport, options: ConvertOptions) -> None:
        self._out, self._report, self._options = out, report, options
        self._identities: Counter[int] = Counter()  # of records, by the hash of their id
        self._columns: set[str] = set()  # of all rows before
        self._size = 0
        self.late: list[tuple[int, int]] = []

    def write(self, outcome: ConvertOutcome) -> None:
        rows = outcome.rows
        # An evaluation keeps its answers by id. Rows of sft are not told apart by it.
        if rows and self._options.target != "sft":
            rows = self._with_unique_id(outcome)
        if self._options.max_samples is not None:
            rows = rows[: self._options.max_samples - self._report.rows_out]
        if self._report.template:
            self._report.template.count(outcome.kinds[: len(rows)])
        is_new = not self._columns.issuperset(outcome.columns)
        for row in rows:
            self._out.write(row)
            self._out.write(b"\n")
            if is_new and self._size > _SEEN_BY_LOADER:
                # of several rows in one text the first has all columns
                self.late.append((self._size, len(row.partition(b"\n")[0]) + 1))
            self._size += len(row) + 1
            self._report.rows_out += outcome.records
        self._columns |= outcome.columns

    def _with_unique_id(self, outcome: ConvertOutcome) -> tuple[bytes, ...]:
        """Return the rows, renamed where their id was there before."""
        old = outcome.identity
        self._identities[hash(old)] += 1
        times = self._identities[hash(old)]
        if times == 1:
            return outcome.rows
        new = f"{old}~{times}"
        renamed = []
        for encoded in outcome.rows:
            row: dict[str, Any] = msgspec.json.decode(encoded)
            row["id"] = new + row["id"].removeprefix(old)  # the step follows the record's id
            if "chain" in row:
                row["chain"] = new
            renamed.append(encode(row))
        return tuple(renamed)


def _outcomes(
    files: list[Path],
    seen: Callable[[int], None],
    note: Callable[[str], None],
    options: ConvertOptions,
) -> Generator[ConvertOutcome, None, None]:
    """Yield the outcomes of all records in input order, made here or by worker processes."""
    if options.workers > 1:
        yield from convert_in_workers(read_spans(files, seen, PIECE_BYTES, note), options)
        return
    for chunk in read_chunks(files, seen, PIECE_BYTES, note):
        yield from convert_chunk(chunk, options)
