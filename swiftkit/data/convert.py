"""Raw data files to one file of swift rows, with a full report: rows in = accepted + rejected.

A record is a line, an item of a .json list, or a row of a table; blank lines are none. A fault
makes a record a reject, with its place, code, reason and fix, and never stops the run; a file that
cannot be read to its end does. Records that --sample-type filters out are counted apart
(`rows_filtered`), before `rows_in`, and so are answers that the data calls bad, where the target is
to learn from good ones (targets.py).
"""

import os
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Any

import msgspec

from swiftkit.data.convert_record import NO_CALL, ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.data.cut_messages import LEADING, TRAILING
from swiftkit.data.detect_format import names, title
from swiftkit.data.progress import RowProgress
from swiftkit.data.renamed_columns import missing_columns_note
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

_SHOWN = 12  # keys that were not read
PIECE_BYTES = 1 << 20  # what is converted at a time
_SEEN_BY_LOADER = 8 << 20  # bytes; `datasets` looks at 10 << 20 to learn a file's columns


class TemplateReport(msgspec.Struct):
    """The counts of a run with --template-of."""

    folder: str
    sha256: str  # of the chat template's text
    thinking: bool | None  # the switch that is written into the rows; None: the template's default
    rows_as_they_are: int = 0
    rows_with_turns_left_out: int = 0  # which are trained in rows of their own
    rows_of_one_turn: int = 0
    turns: dict[str, int] = {}  # those with a loss by status, rejects' too

    def count(self, kinds: Iterable[str]) -> None:
        """Count rows that are written, by their kinds."""
        for kind in kinds:
            self.rows_as_they_are += kind == "as_it_is"
            self.rows_with_turns_left_out += kind == "masked"
            self.rows_of_one_turn += kind == "own"


class UnreadField(msgspec.Struct):
    """A key that no converter read, and that is in no row."""

    rows: int  # records that have it
    first: str  # the place of the first


class ConvertReport(msgspec.Struct):
    """The counts of a run, as `--json` prints them."""

    output: str
    rows_in: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    rows_filtered: int = 0
    rows_out: int = 0
    rejects: dict[str, int] = {}
    formats: dict[str, int] = {}
    first_rows: dict[str, str] = {}  # by format
    examples: dict[str, str] = {}  # the first reject of each code
    unread: dict[str, UnreadField] = {}  # what was not read of accepted records, by its path
    notes: list[str] = []
    rejects_file: str = ""
    template: TemplateReport | None = None
    columns: dict[str, int] = {}  # by rename of --columns: the records that had the column
    cut_leading_assistant: int = 0  # rows
    cut_trailing_user: int = 0
    gold_without_call: int = 0  # rows of grpo without tools, whose answer is in words


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
            _count(outcome, report)
            _count_changes(outcome, report, options)
            seen |= outcome.seen
            if outcome.is_old_row:
                old_rows += 1
                first_old_row = first_old_row or _first_place(outcome)
            if outcome.reject:
                rejects = rejects or stack.enter_context(write_atomically(rejects_path))
                rejects.write(encode(outcome.reject) + b"\n")
            writer.write(outcome)
            if report.rows_out == options.max_samples:
                break
            progress.update(report.rows_in)
        _check_filtered(report, files, options)
        stop.hold()
    report.notes += _changes_notes(report, seen, options)
    if old_rows:
        report.notes.append(_old_rows_note(old_rows, first_old_row))
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


def summary(report: ConvertReport) -> str:
    """Return the report for a person: a line of totals, of each format, of each code of reject."""
    accepted, rejected = report.rows_accepted, report.rows_rejected
    totals = f"{report.rows_in} rows in = {accepted} accepted + {rejected} rejected"
    if report.rows_filtered:
        totals += f", {report.rows_filtered} filtered out"
    lines = [f"{totals}; {report.rows_out} rows out: {report.output}"]
    for name, count in report.formats.items():
        first = report.first_rows[name]
        lines.append(f"  read as {name}: {count} ({title(name)}), the first at {first}")
    for code, count in sorted(report.rejects.items(), key=lambda item: -item[1]):
        lines.append(f"  rejected, {code}: {count}, the first at {report.examples[code]}")
    for path, field in list(report.unread.items())[:_SHOWN]:
        lines.append(f"  not read, {path}: {field.rows} rows, the first at {field.first}")
    if len(report.unread) > _SHOWN:
        lines.append(f"  not read, and {len(report.unread) - _SHOWN} other keys: --json has all")
    if report.template:
        lines += _template_lines(report.template)
    if report.rejects_file:
        lines.append(f"  all rejects: {report.rejects_file}")
    lines += [f"  {note}" for note in report.notes]
    return "\n".join(lines)


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


def _template_lines(template: TemplateReport) -> list[str]:
    thinking = {True: "on", False: "off", None: "as published"}[template.thinking]
    rows = (
        f"{template.rows_as_they_are} rows as they are, {template.rows_with_turns_left_out} without"
        f" the loss of some turns, {template.rows_of_one_turn} rows of one turn"
    )
    counts = [f"{status} {count}" for status, count in sorted(template.turns.items())]
    return [
        f"  chat template of {template.folder}, thinking {thinking}: {rows}",
        f"  its sha256: {template.sha256}; turns: {', '.join(counts) or 'none'}",
    ]


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


def _old_rows_note(count: int, first: str) -> str:
    form = "reasoning inside the text, or a line break before calls that may not be the text's own"
    what = "were written by an older swiftkit convert, for one kind of chat template"
    fix = "convert the raw data again: the reasoning is taken apart here, the line breaks stay"
    return f"{count} rows {what} ({form}), the first at {first}; {fix}"


def _first_place(outcome: ConvertOutcome) -> str:
    first: dict[str, Any] = msgspec.json.decode(outcome.rows[0].partition(b"\n")[0])
    return str(first["source"])


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


def _count(outcome: ConvertOutcome, report: ConvertReport) -> None:
    reject, name = outcome.reject, outcome.source_format
    if report.template:
        for status, count in (outcome.turns or {}).items():
            report.template.turns[status] = report.template.turns.get(status, 0) + count
    if reject:
        report.rows_rejected += 1
        report.rejects[reject.code] = report.rejects.get(reject.code, 0) + 1
        example = f"{reject.file}:{reject.line}: {reject.reason} ({reject.fix})"
        report.examples.setdefault(reject.code, example)
    elif name:
        report.rows_accepted += outcome.records
        if name not in report.formats:
            report.first_rows[name] = _first_place(outcome)
        report.formats[name] = report.formats.get(name, 0) + outcome.records
        for path, (count, first) in outcome.unread.items():
            report.unread.setdefault(path, UnreadField(0, first)).rows += count
    else:
        report.rows_filtered += 1
    report.rows_in = report.rows_accepted + report.rows_rejected


def _count_changes(outcome: ConvertOutcome, report: ConvertReport, options: ConvertOptions) -> None:
    for old, new in options.columns:
        report.columns[f"{old}={new}"] += old in outcome.seen
    report.cut_leading_assistant += outcome.cuts.count(LEADING)
    report.cut_trailing_user += outcome.cuts.count(TRAILING)
    report.gold_without_call += outcome.cuts.count(NO_CALL)


def _changes_notes(
    report: ConvertReport, seen: Collection[str], options: ConvertOptions
) -> list[str]:
    """Return notes on what was done to the records, or could not be."""
    notes = []
    for old, new in options.columns:
        if count := report.columns[f"{old}={new}"]:
            done = f"read as {new}" if new else "left out"
            notes.append(f"--columns: {old} {done} in {count} records")
    found = [old for old, new in options.columns if report.columns[f"{old}={new}"]]
    if missing := missing_columns_note(options.columns, found, seen):
        notes.append(missing)
    if count := report.cut_leading_assistant:
        notes.append(
            f"--cut-leading-assistant: {count} rows lost what stood before the first question"
        )
    if count := report.cut_trailing_user:
        notes.append(f"--cut-trailing-user: {count} rows lost what stood after the last answer")
    if count := report.gold_without_call:
        notes.append(
            f"{count} rows have no tools, and an answer in words: the gold of --to grpo is that"
            " nothing is called, which any words satisfy; for a reward that compares words give the"
            " answer as a gold: --columns response=solution"
        )
    if count := report.formats.get("pretraining", 0):
        notes.append(
            f"{count} rows are plain text, for swift pt: every token is learnt; swift sft would"
            " train them as answers to nothing"
        )
    return notes


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
