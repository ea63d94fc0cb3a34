"""Show what the model will see of each row of a file, and which part of it is trained.

Each record goes through our converters, then through swift's own template (data/encode.py). A row
with `expected_calls` (GRPO, evaluation) is built as the prompt that asks for its answer, so nothing
in it is trained.
"""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from swiftkit.data.convert_record import Options, convert_chunk
from swiftkit.data.detect_format import names
from swiftkit.data.encode import Settings, Shown, encoded, load_encoder
from swiftkit.errors import DataError, UsageError
from swiftkit.files.inputs import Chunk, find_files, read_chunks
from swiftkit.files.jsonl import encode
from swiftkit.records import Row
from swiftkit.terminal import printable

OPEN, CLOSE = "⟦⟧"
_TOKENIZERS = ("tokenizer*", "vocab.json", "*.tiktoken")
_BRACKETS = re.compile(f"[{OPEN}{CLOSE}]")


class Failure(msgspec.Struct):
    """A line of --json for a row that cannot be shown."""

    row: int
    error: str


def print_json(data: Path, row: int | None, settings: Settings) -> int:
    """One JSON object a row on stdout, the sums on stderr. Returns the exit status: 1 if a row
    failed."""
    counts: Counter[str] = Counter()
    first = ""
    for outcome in outcomes(data, chosen(data, row, settings), settings):
        click.echo(printable(encode(outcome).decode()).encode())
        counts["rows"] += 1
        counts["long"] += isinstance(outcome, Shown) and outcome.truncated
        if isinstance(outcome, Failure):
            counts["failed"] += 1
            first = first or f", the first: {data}:{outcome.row}: {outcome.error}"
    sums = (
        f"{counts['rows']} rows, {counts['long']} longer than max_length, {counts['failed']} failed"
    )
    click.echo(f"swiftkit: {printable(sums + first)}", err=True)
    return int(counts["failed"] > 0)


def print_row(data: Path, row: int | None, settings: Settings) -> int:
    """The text of one row (the first by default) on stdout, what there is to say of it on stderr;
    the exit status."""
    records = chosen(data, row, settings)
    coloured = _is_coloured()
    failed = False
    for outcome in outcomes(data, iter([next(records)]), settings):
        failed |= isinstance(outcome, Failure)
        click.echo(
            printable(f"swiftkit: {data}:{outcome.row}: {_remark(outcome, coloured)}"), err=True
        )
        if isinstance(outcome, Shown):
            click.echo(marked(outcome, coloured).encode())
    others = 0 if row else sum(1 for _ in records)
    if others:
        click.echo(
            f"swiftkit: the first of {others + 1} rows; another one: --row N, all of them: --json",
            err=True,
        )
    return int(failed)


def chosen(data: Path, row: int | None, settings: Settings) -> Iterator[tuple[int, bytes]]:
    """(line number, record) of row `row`, or of all rows, read as they are asked for.

    Raises UsageError at once for a file, folder or format that is not there, later for a row that
    is not there.
    """
    check_model(settings.model)
    if data.is_dir():
        raise UsageError(f"{data} is a folder; give one file of rows")
    if settings.source_format and settings.source_format not in names():
        raise UsageError(
            f"--from {settings.source_format}: unknown format; known: {', '.join(names())}"
        )
    records = (record for chunk in read_chunks(find_files([data], [])) for record in chunk.records)
    return _not_empty(records, data) if row is None else _only(records, data, row)


def check_model(folder: Path) -> None:
    """Raise UsageError unless there are a model's config and tokenizer; its weights are not
    needed."""
    if not folder.is_dir():
        raise UsageError(
            f"--model {folder}: no such folder; train, merge or download the model first"
        )
    if not (folder / "config.json").is_file():
        is_adapter = (folder / "adapter_config.json").is_file()
        fix = "it is a LoRA adapter: give its base model" if is_adapter else "give a model's folder"
        raise UsageError(f"--model {folder}: there is no config.json in it; {fix}")
    if not any(next(folder.glob(pattern), None) for pattern in _TOKENIZERS):
        raise UsageError(
            f"--model {folder}: there is no tokenizer in it; copy the model's whole folder"
        )


def outcomes(
    data: Path, records: Iterator[tuple[int, bytes]], settings: Settings
) -> Iterator[Shown | Failure]:
    """Each row that the records become, or why one cannot be shown."""
    for number, line in records:
        try:
            for row in _converted(data, number, line, settings):
                yield encoded(load_encoder(settings), row, number)
        except DataError as error:
            yield Failure(number, f"{error.code}: {error}")


def marked(shown: Shown, coloured: bool) -> str:
    """The text with its trained part in colour or between brackets; what could steer a terminal is
    written \\uXXXX."""
    parts, before = [], 0
    for start, end in shown.trained:
        trained = _plain(shown.text[start:end], coloured)
        parts.append(_plain(shown.text[before:start], coloured))
        parts.append(
            click.style(trained, fg="green", bold=True) if coloured else f"{OPEN}{trained}{CLOSE}"
        )
        before = end
    return "".join([*parts, _plain(shown.text[before:], coloured)])


def _converted(data: Path, number: int, line: bytes, settings: Settings) -> list[Row]:
    """The swift rows of a record. Raises DataError for what `swiftkit convert` rejects, but for a
    missing answer."""
    outcome = convert_chunk(
        Chunk(data, [(number, line)]), Options("whole", settings.source_format)
    )[0]
    if outcome.reject:
        raise DataError(outcome.reject.reason, outcome.reject.code, outcome.reject.fix)
    return [msgspec.json.decode(row) for row in outcome.rows]


def _only(
    records: Iterator[tuple[int, bytes]], data: Path, row: int
) -> Iterator[tuple[int, bytes]]:
    last = 0
    for number, line in records:
        if number == row:
            yield number, line
            return
        last = number
        if number > row:
            break
    where = (
        "the line is blank"
        if last > row
        else f"the last row is on line {last}"
        if last
        else "the file has no rows"
    )
    raise UsageError(f"{data}: --row {row}: {where}; give the line of a row, counted from 1")


def _not_empty(records: Iterator[tuple[int, bytes]], data: Path) -> Iterator[tuple[int, bytes]]:
    first = next(records, None)
    if first is None:
        raise DataError(f"{data}: no rows", "no_rows", "give a file with at least one row")
    yield first
    yield from records


def _remark(outcome: Shown | Failure, coloured: bool) -> str:
    """What a person should know of a row, beside its text."""
    if isinstance(outcome, Failure):
        return outcome.error
    where = "in green" if coloured else f"between {OPEN} and {CLOSE}"
    trained = (
        f"{outcome.n_trained} trained, {where}"
        if outcome.trained
        else "nothing trained: no answer with a loss"
    )
    return f"{outcome.n_tokens} tokens ({trained}); {_fate(outcome)}; template {outcome.template}"


def _fate(shown: Shown) -> str:
    if shown.max_length is None:
        return "no max_length"
    if not shown.truncated:
        return f"fits into max_length {shown.max_length}"
    fate = "swift deletes such a row, or stops under --strict: shorten it, or train with a larger --max_length"
    return f"longer than max_length {shown.max_length}, {fate}"


def _plain(text: str, coloured: bool) -> str:
    shown = printable(text)
    return shown if coloured else _BRACKETS.sub(lambda match: f"\\u{ord(match[0]):04x}", shown)


def _is_coloured() -> bool:
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
