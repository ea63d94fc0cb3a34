"""One raw record to swift rows: decode, find its converter, convert, check, cut to the target."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit.data.check_row import check_row
from swiftkit.data.cut_messages import cut_row
from swiftkit.data.detect_format import converter_of, detect_format, records_in
from swiftkit.data.fast_path import Kind, convert_line
from swiftkit.data.from_openai import unfolded
from swiftkit.data.json_values import listed
from swiftkit.data.old_form import is_own_old_row
from swiftkit.data.renamed_columns import Renames, renamed
from swiftkit.data.targets import TARGETS
from swiftkit.data.unread_fields import unread_fields
from swiftkit.errors import DataError
from swiftkit.files.inputs import STDIN, Chunk
from swiftkit.files.jsonl import decode_object, encode
from swiftkit.records import Row
from swiftkit.scoring.options import with_wire_format

_MOST_MISSES = 16
RAW_CHARACTERS = 2000
NO_CALL = "no_call"  # a row of grpo without tools, whose gold is that nothing is called
_PLAIN_TEXT = "pretraining"  # the format whose rows are a text alone
_PLAIN_COLUMNS = frozenset(("messages.role", "messages.content"))


class ConvertOptions(msgspec.Struct, frozen=True):
    """The settings of a conversion; see `swiftkit convert --help`."""

    target: str = "sft"  # a key of targets.TARGETS
    source_format: str = ""  # a converter's name; "" detects it for each record
    sample_types: tuple[str, ...] = ()
    max_samples: int | None = None  # rows to write at most; what comes after them is not read
    workers: int = 1
    wire_format: str = ""  # the one in which calls are rewarded; "": the training's own
    template_of: str = ""  # a model's folder: rows as its chat template trains them
    thinking: bool | None = None  # of this template; None: its own default
    columns: Renames = ()
    cut_leading_assistant: bool = False
    cut_trailing_user: bool = False
    # whether a user message right after a tool's result is right without template_of too
    question_after_result: bool = False


class Reject(msgspec.Struct, frozen=True):
    """One line of the rejects file. `raw` is the record's beginning."""

    file: str
    line: int
    code: str
    reason: str
    fix: str
    raw: str


class ConvertOutcome(NamedTuple):
    """The outcome of one record: encoded rows, a reject, or neither (filtered out).

    Neighbours that went the short way have one outcome together: `records` rows, a line each in one
    text, without their identities. The first of them has all `columns`.
    """

    source_format: str = ""
    identity: str = ""
    rows: tuple[bytes, ...] = ()
    reject: Reject | None = None
    records: int = 1
    columns: frozenset[str] = frozenset()  # of the rows; those of messages as messages.loss
    is_old_row: bool = False  # whether an older `swiftkit convert` wrote the record
    # with a chat template: the kind of each row, and the number of turns by status
    kinds: tuple[str, ...] = ()
    turns: Counter[str] | None = None
    # what was not read, by its path: the number of records, and the place of the first
    unread: Mapping[str, tuple[int, str]] = {}
    seen: frozenset[str] = frozenset()  # the record's columns, where some are to be renamed
    cuts: tuple[str, ...] = ()  # of its messages (cut_messages.py), and NO_CALL


def convert_chunk(chunk: Chunk, options: ConvertOptions) -> list[ConvertOutcome]:
    """Return the outcomes of all records, in order."""
    is_selective = options.sample_types or options.max_samples is not None
    is_changed = options.columns or options.cut_leading_assistant or options.cut_trailing_user
    if options.target != "sft" or is_selective or options.template_of or is_changed:
        several = [_outcomes(chunk.path, *record, options) for record in chunk.records]
        return list(chain.from_iterable(several))
    outcomes: list[ConvertOutcome] = []
    rows: list[bytes] = []  # of neighbours that go the short way
    columns: frozenset[str] = frozenset()  # of the first of these rows
    # what records of a kind leave unread; None for a kind that may not go the short way
    short: dict[Kind, tuple[str, ...] | None] = {}
    unread: dict[str, tuple[int, str]] = {}  # of the rows
    name = _name(chunk.path)
    scratch = bytearray()
    misses = 0  # records in a row that did not go the short way: then most are not even tried
    for number, line in chunk.records:
        is_tried = misses < _MOST_MISSES or number % _MOST_MISSES == 0
        plain = convert_line(line, f"{name}:{number}", scratch) if is_tried else None
        if plain is not None and plain.kind not in short:
            # the first of a kind must become the same in the general way: its format may be another
            general = _outcomes(chunk.path, number, line, options)
            same = [("openai", (encode(plain.row),))]
            is_same = [(outcome.source_format, outcome.rows) for outcome in general] == same
            short[plain.kind] = tuple(general[0].unread) if is_same else None
        left = None if plain is None else short[plain.kind]
        misses = misses + 1 if left is None else 0
        if plain is None or left is None:
            outcomes += _joined(rows, columns, unread)
            outcomes += _outcomes(chunk.path, number, line, options)
            rows, columns, unread = [], frozenset(), {}
            continue
        if not (plain.row.keys() <= columns and plain.columns <= columns):
            outcomes += _joined(rows, columns, unread)
            rows, columns, unread = [], plain.columns.union(plain.row), {}
        rows.append(encode(plain.row))
        for path in left:
            count, first = unread.get(path, (0, plain.row["source"]))
            unread[path] = count + 1, first
    return outcomes + _joined(rows, columns, unread)


def _joined(
    rows: list[bytes], columns: frozenset[str], unread: Mapping[str, tuple[int, str]]
) -> list[ConvertOutcome]:
    """Return the one outcome of neighbours that went the short way, if there are any."""
    if not rows:
        return []
    text, all_columns = b"\n".join(rows), columns | _PLAIN_COLUMNS
    return [
        ConvertOutcome(
            "openai", rows=(text,), records=len(rows), columns=all_columns, unread=unread
        )
    ]


def _outcomes(
    path: Path, number: int, line: bytes, options: ConvertOptions
) -> list[ConvertOutcome]:
    """Return the outcomes of one line, in the general way: one for each record that it holds."""
    seen: frozenset[str] = frozenset()
    try:
        record = decode_object(line, "this record")
        if options.columns:
            seen = frozenset(record)
            record = renamed(record, options.columns)
        records = records_in(record, path, options.source_format)
    except (DataError, RecursionError) as error:
        return [_rejected(path, number, line, error)._replace(seen=seen)]
    outcomes: list[ConvertOutcome] = []
    for place, part in records:
        turns: Counter[str] = Counter()
        source = f"{_name(path)}:{number}:{place}" if place else f"{_name(path)}:{number}"
        try:
            outcomes.append(_convert(source, path, part, options, turns))
        except (DataError, RecursionError) as error:
            raw = encode(part) if place else line
            outcomes.append(_rejected(path, number, raw, error, place, turns))
    if seen and outcomes:
        outcomes[0] = outcomes[0]._replace(seen=seen)
    return outcomes


def _rejected(
    path: Path,
    number: int,
    line: bytes,
    error: DataError | RecursionError,
    place: str = "",
    turns: Counter[str] | None = None,
) -> ConvertOutcome:
    """Return the reject of a record, or of the one that stands at a place of it."""
    if isinstance(error, RecursionError):
        error = DataError("nested too deeply", "too_deep", "flatten this row")
    reason = f"{place}: {error.reason}" if place else error.reason
    raw = line[: RAW_CHARACTERS * 4].decode("utf-8", "replace")[:RAW_CHARACTERS]
    reject = Reject(str(path), number, error.code, reason, error.fix, raw)
    return ConvertOutcome(reject=reject, turns=turns or None)


def _convert(
    source: str, path: Path, record: dict[str, Any], options: ConvertOptions, turns: Counter[str]
) -> ConvertOutcome:
    """Return the outcome of one record, and add its turns to those by status. Raises DataError."""
    if options.sample_types and record.get("sample_type") not in options.sample_types:
        return ConvertOutcome()
    is_old = is_own_old_row(record)
    source_format, record = detect_format(
        unfolded(record), path, options.source_format, options.target
    )
    rows: list[Row] = []
    identity = ""
    converter = converter_of(source_format)
    converted = list(converter.convert(record))
    carried = set(chain.from_iterable(converted))
    unread = dict.fromkeys(unread_fields(record, converter.READS, carried), (1, source))
    cuts: list[str] = []
    takes_any_order = options.question_after_result or bool(options.template_of)
    for number, row in enumerate(converted):
        row["source"] = source
        own = row.setdefault("id", f"{source}~{number + 1}" if number else source)
        identity = identity or own  # of the record: that of its first row
        if options.cut_leading_assistant or options.cut_trailing_user:
            row, made = cut_row(
                row, leading=options.cut_leading_assistant, trailing=options.cut_trailing_user
            )
            cuts += made
        if source_format != _PLAIN_TEXT:
            check_row(row, question_after_result=takes_any_order)
        for cut in TARGETS[options.target](row):
            if options.wire_format and "expected_calls" in cut:
                cut["scoring"] = with_wire_format(cut.get("scoring"), options.wire_format)
            if cut.get("expected_calls") == "[]" and "tools" not in cut:
                cuts.append(NO_CALL)
            rows.append(cut)
    if not rows:
        return ConvertOutcome()
    kinds: list[str] = []
    if options.template_of and source_format != _PLAIN_TEXT:  # a text alone knows no template
        rows, kinds = _rows_for_template(rows, options, turns)
    columns = frozenset(chain.from_iterable(map(_columns, rows)))
    encoded = tuple(map(encode, rows))
    return ConvertOutcome(
        source_format,
        identity,
        encoded,
        columns=columns,
        is_old_row=is_old,
        kinds=tuple(kinds),
        turns=turns or None,
        unread=unread,
        cuts=tuple(cuts),
    )


def _rows_for_template(
    rows: list[Row], options: ConvertOptions, turns: Counter[str]
) -> tuple[list[Row], list[str]]:
    """Return the rows as the model's chat template trains them, and the kind of each."""
    # rendering brings Jinja, which no other conversion needs
    from swiftkit.data.model_template import model_template
    from swiftkit.data.template_rows import rows_for_template

    model = model_template(options.template_of)
    split: list[Row] = []
    kinds: list[str] = []
    for row in rows:
        for made in rows_for_template(row, model, options.thinking, options.target, turns):
            split.append(made.row)
            kinds.append(made.kind)
    return split, kinds


def _columns(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the row's columns, and the keys of the objects in them, which are columns to Arrow."""
    for name, value in row.items():
        yield name
        for item in listed(value):
            if isinstance(item, dict):
                for key in item:
                    yield f"{name}.{key}"


def _name(path: Path) -> str:
    return "stdin" if path == STDIN else path.name
