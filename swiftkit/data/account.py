"""The account of a conversion: what was read, written, refused, changed and left out."""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from swiftkit.data.convert_record import NO_CALL, ConvertOptions, ConvertOutcome
from swiftkit.data.cut_messages import LEADING, TRAILING
from swiftkit.data.detect_format import title
from swiftkit.data.renamed_columns import missing_columns_note

_SHOWN = 12  # keys that were not read


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


def count(outcome: ConvertOutcome, report: ConvertReport, options: ConvertOptions) -> None:
    """Add the outcome of a record, or of neighbours, to the account."""
    _count_changes(outcome, report, options)
    reject, name = outcome.reject, outcome.source_format
    if report.template:
        for status, turns in (outcome.turns or {}).items():
            report.template.turns[status] = report.template.turns.get(status, 0) + turns
    if reject:
        report.rows_rejected += 1
        report.rejects[reject.code] = report.rejects.get(reject.code, 0) + 1
        example = f"{reject.file}:{reject.line}: {reject.reason} ({reject.fix})"
        report.examples.setdefault(reject.code, example)
    elif name:
        report.rows_accepted += outcome.records
        if name not in report.formats:
            report.first_rows[name] = first_place(outcome)
        report.formats[name] = report.formats.get(name, 0) + outcome.records
        for path, (records, first) in outcome.unread.items():
            report.unread.setdefault(path, UnreadField(0, first)).rows += records
    else:
        report.rows_filtered += 1
    report.rows_in = report.rows_accepted + report.rows_rejected


def _count_changes(outcome: ConvertOutcome, report: ConvertReport, options: ConvertOptions) -> None:
    for old, new in options.columns:
        report.columns[f"{old}={new}"] += old in outcome.seen
    report.cut_leading_assistant += outcome.cuts.count(LEADING)
    report.cut_trailing_user += outcome.cuts.count(TRAILING)
    report.gold_without_call += outcome.cuts.count(NO_CALL)


def changes_notes(
    report: ConvertReport, seen: Collection[str], options: ConvertOptions
) -> list[str]:
    """Return notes on what was done to the records, or could not be."""
    notes = []
    for old, new in options.columns:
        if number := report.columns[f"{old}={new}"]:
            done = f"read as {new}" if new else "left out"
            notes.append(f"--columns: {old} {done} in {number} records")
    found = [old for old, new in options.columns if report.columns[f"{old}={new}"]]
    if missing := missing_columns_note(options.columns, found, seen):
        notes.append(missing)
    if number := report.cut_leading_assistant:
        notes.append(
            f"--cut-leading-assistant: {number} rows lost what stood before the first question"
        )
    if number := report.cut_trailing_user:
        notes.append(f"--cut-trailing-user: {number} rows lost what stood after the last answer")
    if number := report.gold_without_call:
        notes.append(
            f"{number} rows have no tools, and an answer in words: the gold of --to grpo is that"
            " nothing is called, which any words satisfy; for a reward that compares words give the"
            " answer as a gold: --columns response=solution"
        )
    if number := report.formats.get("pretraining", 0):
        notes.append(
            f"{number} rows are plain text, for swift pt: every token is learnt; swift sft would"
            " train them as answers to nothing"
        )
    return notes


def old_rows_note(rows: int, first: str) -> str:
    form = "reasoning inside the text, or a line break before calls that may not be the text's own"
    what = "were written by an older swiftkit convert, for one kind of chat template"
    fix = "convert the raw data again: the reasoning is taken apart here, the line breaks stay"
    return f"{rows} rows {what} ({form}), the first at {first}; {fix}"


def first_place(outcome: ConvertOutcome) -> str:
    first: dict[str, Any] = msgspec.json.decode(outcome.rows[0].partition(b"\n")[0])
    return str(first["source"])


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
