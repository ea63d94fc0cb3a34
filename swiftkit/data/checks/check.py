"""Look through a finished file of swift rows before it is trained on or evaluated with.

The file is streamed. What is kept of a row is its length, its digest and a sketch, about 1 KB. No
row can stop a check: one that cannot be read is a finding.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from swiftkit.data.checks import calls, conversation, leaked_answers, structure, text_calls
from swiftkit.data.checks.contamination import DIRTY, ContaminationSummary, Questions
from swiftkit.data.checks.control_tokens import ControlTokenSearch
from swiftkit.data.checks.dropped_reasoning import DroppedReasoning
from swiftkit.data.checks.duplicates import Duplicates
from swiftkit.data.checks.findings import CheckFinding, CheckFindings
from swiftkit.data.checks.lengths import Lengths, LengthSummary, load_tokenizer, special_tokens
from swiftkit.data.checks.row_view import RowFinding, RowView, view_of
from swiftkit.data.checks.sample import RowSample, SampledRow
from swiftkit.data.progress import RowProgress
from swiftkit.errors import DataError, UsageError
from swiftkit.files.inputs import Chunk, find_files, name_of, read_chunks
from swiftkit.files.jsonl import decode_object
from swiftkit.findings import Level


class CheckOptions(msgspec.Struct, frozen=True):
    """The settings of a check; see `swiftkit check --help`."""

    tokenizer: Path | None = None
    max_length: int | None = None  # tokens
    against: Path | None = None
    sample: int = 0  # rows to show
    seed: int = 0  # of their choice


class CheckReport(msgspec.Struct):
    """The report that `--json` prints. `rows` = `rows_read` + those that are no JSON object;
    `rows_rendered` of them with the model's chat template, for `reasoning_dropped`."""

    file: str
    rows: int
    rows_read: int
    findings: list[CheckFinding]
    lengths: LengthSummary | None
    contamination: ContaminationSummary | None
    elapsed_s: float
    rows_rendered: int = 0
    sample: list[SampledRow] = []

    @property
    def exit_status(self) -> int:
        return int(any(finding.level is Level.FAIL for finding in self.findings))


def check_file(data: Path, options: CheckOptions) -> CheckReport:
    """Check a file. Raises UsageError, and DataError where it cannot be read or has no rows."""
    began = time.monotonic()
    _check_usage(data, options)
    name = name_of(data)
    findings = CheckFindings(name)
    tokenizer = load_tokenizer(options.tokenizer) if options.tokenizer else None
    lengths = Lengths(tokenizer, options.max_length)
    tokens = ControlTokenSearch(special_tokens(tokenizer))
    reasoning = DroppedReasoning(options.tokenizer)
    duplicates, questions = Duplicates(), Questions()
    sample = RowSample(options.sample, options.seed)
    rows = rows_read = 0
    for chunk in _read(data):
        views = list(_views(chunk, findings))
        rows += len(chunk.records)
        rows_read += len(views)
        for view, length in zip(views, lengths.add(views), strict=True):
            findings.add(view.line, _row_findings(view, length, options.max_length))
            findings.add(view.line, tokens.findings_in(view))
            findings.add(view.line, reasoning.findings_in(view))
            duplicates.add(view)
            sample.add(view)
            if options.against:
                questions.add(view)
    if not rows:
        raise DataError(f"{data}: no rows", "no_rows", "give a file with at least one row")
    for pair in duplicates.exact():
        findings.add(pair.line, [RowFinding("duplicate", f"as line {pair.earlier}")])
    for pair in duplicates.near():
        detail = f"{pair.similarity:.2f} like line {pair.earlier}"
        findings.add(pair.line, [RowFinding("near_duplicate", detail)])
    contamination = None
    if options.against:
        contamination = _compare(options.against, questions, findings)
    return CheckReport(
        file=name,
        rows=rows,
        rows_read=rows_read,
        findings=findings.sorted(),
        lengths=lengths.summary(),
        contamination=contamination,
        elapsed_s=round(time.monotonic() - began, 3),
        rows_rendered=reasoning.rows,
        sample=sample.rows(name),
    )


def _check_usage(data: Path, options: CheckOptions) -> None:
    for path in (data, options.against):
        if path is not None:
            find_files([path], [])
            if path.is_dir():
                raise UsageError(f"{path} is a folder; give one file of rows")
    if options.max_length and not options.tokenizer:
        raise UsageError("--max-length is a number of tokens: give --tokenizer DIR too")
    if options.against and options.against.resolve() == data.resolve():
        reason = f"--against {options.against}: that is the file itself"
        raise UsageError(f"{reason}; give the training data")


def _read(path: Path) -> Iterator[Chunk]:
    """Yield the file's chunks, with a bar on a terminal: a large file takes a minute."""
    rows = 0
    with closing(RowProgress([path])) as progress:
        for chunk in read_chunks([path], progress.add_bytes):
            yield chunk
            rows += len(chunk.records)
            progress.update(rows)


def _views(chunk: Chunk, findings: CheckFindings, code: str = "") -> Iterator[RowView]:
    """Yield the rows; one that is no JSON object is a finding, under its own code or `code`."""
    for number, line in chunk.records:
        try:
            row = decode_object(line, "this row")
        except DataError as error:
            finding = RowFinding(code or error.code, error.reason, error.fix)
            findings.add(number, [finding], name_of(chunk.path))
        else:
            yield view_of(number, row)


def _row_findings(view: RowView, length: int, max_length: int | None) -> Iterator[RowFinding]:
    yield from structure.findings_in(view)
    yield from conversation.findings_in(view)
    yield from calls.findings_in(view)
    yield from text_calls.findings_in(view)
    yield from leaked_answers.findings_in(view)
    if max_length and length > max_length:
        yield RowFinding("too_long", f"{length} tokens of text")


def _compare(training: Path, questions: Questions, findings: CheckFindings) -> ContaminationSummary:
    """Look for the questions in the training data."""
    rows = 0
    for chunk in _read(training):
        rows += len(chunk.records)
        for view in _views(chunk, findings, "unread_training_row"):
            questions.compare(view)
            if not any(turn.role == "user" for turn in view.turns):
                finding = RowFinding("unread_training_row", "no user message in it")
                findings.add(view.line, [finding], name_of(training))
    leaks = questions.leaks()
    contaminated = 0
    for leak in leaks:
        is_dirty = leak.share >= DIRTY
        contaminated += is_dirty
        place = f"{name_of(training)}:{leak.training_line}"
        detail = f"{leak.share:.0%} of the question's words, first at {place}"
        findings.add(leak.line, [RowFinding("contaminated" if is_dirty else "overlap", detail)])
    return ContaminationSummary(str(training), rows, len(leaks), contaminated)
