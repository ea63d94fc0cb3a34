"""Show what the model will see of each row of a file, and which part of it is trained.

Each record goes through our converters, then through the model's own chat template or that of
swift, as a training has it (encode.py). Nothing is trained in a row with `expected_calls`: it is
the prompt that asks for its answer.
"""

import os
import re
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
import msgspec

from swiftkit.data.convert_record import ConvertOptions, convert_chunk
from swiftkit.data.detect_format import names
from swiftkit.data.encode import EncodedRow, ShowSettings, encode_row, load_encoder
from swiftkit.errors import DataError, UsageError
from swiftkit.files import stdout
from swiftkit.files.inputs import Chunk, find_files, read_chunks
from swiftkit.files.jsonl import encode
from swiftkit.rendering.model_folder import template_sha256
from swiftkit.terminal import printable, say

OPEN, CLOSE = "⟦⟧"
_BRACKETS = re.compile(f"[{OPEN}{CLOSE}]")
_TOKENIZERS = ("tokenizer*", "vocab.json", "*.tiktoken")


class FailedRow(msgspec.Struct):
    """A line of --json for a row that cannot be encoded."""

    row: int
    error: str


def print_json(data: Path, row: int | None, settings: ShowSettings) -> int:
    """Print one JSON object a row on stdout, the sums on stderr. Return 1 if a row failed."""
    rows = long = failed = 0
    first = ""
    for encoded in encoded_rows(data, records_of(data, row, settings), settings):
        print(printable(encode(encoded).decode()), flush=True)
        if not stdout.has_reader():
            break
        rows += 1
        if isinstance(encoded, EncodedRow):
            long += encoded.truncated
        else:
            failed += 1
            first = first or f", the first: {data}:{encoded.row}: {encoded.error}"
    say(f"swiftkit: {rows} rows, {long} longer than max_length, {failed} failed{first}")
    return int(failed > 0)


def print_row(data: Path, row: int | None, settings: ShowSettings) -> int:
    """Print the text of one row on stdout, remarks on stderr. Return 1 if the row failed."""
    records = records_of(data, row, settings)
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    coloured = is_terminal and not os.environ.get("NO_COLOR")
    failed = False
    for encoded in encoded_rows(data, iter([next(records)]), settings):
        if isinstance(encoded, FailedRow):
            failed = True
            say(f"swiftkit: {data}:{encoded.row}: {encoded.error}")
        else:
            say(f"swiftkit: {data}:{encoded.row}: {_remark(encoded, coloured)}")
            print(marked_text(encoded, coloured), flush=True)
    others = 0 if row else sum(1 for _ in records)
    if others:
        more = "another one: --row N, all of them: --json"
        say(f"swiftkit: the first of {others + 1} rows; {more}")
    return int(failed)


def records_of(data: Path, row: int | None, settings: ShowSettings) -> Iterator[tuple[int, bytes]]:
    """Return (line number, record) of row `row`, or of all, lazily. Raises UsageError."""
    check_model(settings.model)
    if data.is_dir():
        raise UsageError(f"{data} is a folder; give one file of rows")
    if settings.source_format and settings.source_format not in names():
        known = ", ".join(names())
        raise UsageError(f"--from {settings.source_format}: unknown format; known: {known}")
    chunks = read_chunks(find_files([data], []))
    records = chain.from_iterable(chunk.records for chunk in chunks)
    return _all_records(records, data) if row is None else _one_record(records, data, row)


def check_model(folder: Path) -> None:
    """Raise UsageError unless there are a model's config and tokenizer; weights are not needed."""
    if not folder.is_dir():
        fix = "train, merge or download the model first"
        raise UsageError(f"--model {folder}: no such folder; {fix}")
    if not (folder / "config.json").is_file():
        is_adapter = (folder / "adapter_config.json").is_file()
        fix = "it is a LoRA adapter: give its base model" if is_adapter else "give a model's folder"
        raise UsageError(f"--model {folder}: there is no config.json in it; {fix}")
    if not any(next(folder.glob(pattern), None) for pattern in _TOKENIZERS):
        fix = "copy the model's whole folder"
        raise UsageError(f"--model {folder}: there is no tokenizer in it; {fix}")


def chosen_backend(folder: Path) -> str:
    """Return the template backend for a model: its own chat template, if there is one."""
    return "jinja" if template_sha256(folder) else "swift"


def encoded_rows(
    data: Path, records: Iterator[tuple[int, bytes]], settings: ShowSettings
) -> Iterator[EncodedRow | FailedRow]:
    """Yield each row that the records become (it may lack its answer), or why there is none."""
    # whether the template takes a question after a tool's result is what is to be shown
    options = ConvertOptions(
        "whole", settings.source_format, columns=settings.columns, question_after_result=True
    )
    for number, line in records:
        [outcome] = convert_chunk(Chunk(data, [(number, line)]), options)
        reject = outcome.reject
        if reject:
            yield FailedRow(number, f"{reject.code}: {reject.reason} ({reject.fix})")
        for row in outcome.rows:
            try:
                yield encode_row(load_encoder(settings), msgspec.json.decode(row), number)
            except DataError as error:
                yield FailedRow(number, f"{error.code}: {error}")
                break


def marked_text(encoded: EncodedRow, coloured: bool) -> str:
    """Return the text, printable, with its trained part in colour or between brackets."""
    parts = []
    before = 0
    for start, end in encoded.trained:
        text = _plain(encoded.text[start:end], coloured)
        marked = click.style(text, fg="green", bold=True) if coloured else f"{OPEN}{text}{CLOSE}"
        parts += [_plain(encoded.text[before:start], coloured), marked]
        before = end
    return "".join([*parts, _plain(encoded.text[before:], coloured)])


def _plain(text: str, coloured: bool) -> str:
    text = printable(text)
    return text if coloured else _BRACKETS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _one_record(
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
    if last > row:
        where = "the line is blank"
    elif last:
        where = f"the last row is on line {last}"
    else:
        where = "the file has no rows"
    raise UsageError(f"{data}: --row {row}: {where}; give the line of a row, counted from 1")


def _all_records(records: Iterator[tuple[int, bytes]], data: Path) -> Iterator[tuple[int, bytes]]:
    first = next(records, None)
    if first is None:
        raise DataError(f"{data}: no rows", "no_rows", "give a file with at least one row")
    yield first
    yield from records


def _remark(encoded: EncodedRow, coloured: bool) -> str:
    """Return what a person should know of a row, beside its text."""
    trained = "nothing trained: no answer with a loss"
    if encoded.trained:
        where = "in green" if coloured else f"between {OPEN} and {CLOSE}"
        trained = f"{encoded.n_trained} trained, {where}"
    if encoded.max_length is None:
        bound = "no max_length"
    elif not encoded.truncated:
        bound = f"fits into max_length {encoded.max_length}"
    else:
        bound = (
            f"longer than max_length {encoded.max_length}, swift deletes such a row, or stops under"
            " --strict: shorten it, or train with a larger --max_length"
        )
    return f"{encoded.n_tokens} tokens ({trained}); {bound}; template: {encoded.template}"
