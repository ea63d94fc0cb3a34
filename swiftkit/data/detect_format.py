"""The source format of a record: the first converter that matches, with the files beside the input.

The converters are the files of converters/, whose docstring says what each offers.
"""

import importlib
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol, cast

from swiftkit.data import converters
from swiftkit.data.known_foreign import check_foreign_chat, unknown_format
from swiftkit.data.unread_fields import Reads, known_names
from swiftkit.files.inputs import STDIN, companion, read_chunks
from swiftkit.files.jsonl import decode_object
from swiftkit.records import Row


class Converter(Protocol):
    """A module of converters/."""

    ORDER: int
    READS: Reads

    def matches(self, record: dict[str, Any]) -> bool: ...
    def convert(self, record: dict[str, Any]) -> Iterable[Row]: ...


@cache
def names() -> list[str]:
    """Return the converters' names, sorted. Cheap: none of them is imported."""
    return sorted(module.name for module in iter_modules(converters.__path__))


@cache
def converter_of(name: str) -> Converter:
    return cast(Converter, importlib.import_module(f"{converters.__name__}.{name}"))


@cache
def in_order() -> list[tuple[str, Converter]]:
    """Return the converters with their names, the most special format first."""
    pairs = [(name, converter_of(name)) for name in names()]
    return sorted(pairs, key=lambda pair: pair[1].ORDER)


@lru_cache(maxsize=256)
def _candidates(columns: frozenset[str], target: str) -> list[tuple[str, Converter]]:
    """Return the converters that read one of these columns, for a target, in their order."""
    found = []
    for name, converter in in_order():
        targets = getattr(converter, "TARGETS", (target,))
        known = known_names(converter.READS.get("", ""))
        if target in targets and not columns.isdisjoint(known):
            found.append((name, converter))
    return found


def title(name: str) -> str:
    """Return what the format is: the first sentence of the converter's docstring."""
    first, _, _ = (converter_of(name).__doc__ or name).partition("\n\n")
    return " ".join(first.split()).rstrip(".")


def detect_format(
    record: dict[str, Any], path: Path, forced: str, target: str = ""
) -> tuple[str, dict[str, Any]]:
    """Return the format (`forced` if given), and the record with_files_beside. Raises DataError.

    target: a key of targets.TARGETS. Some formats are read only for some of them.
    """
    if forced:
        return forced, with_files_beside(forced, record, path)
    check_foreign_chat(record)
    for name, converter in _candidates(frozenset(record), target):
        if converter.matches(record):
            return name, with_files_beside(name, record, path)
    raise unknown_format(record, names())


def records_in(record: dict[str, Any], path: Path, forced: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the records that one record of a file holds, with their places: "simulations[3]".

    Mostly that is the record itself, at no place (""). Raises DataError.
    """
    for name, column in _list_columns():
        if forced not in ("", name):
            continue
        converter: Any = converter_of(name)
        if column not in record and not converter.holds_list(record):
            continue
        record = with_files_beside(name, record, path)
        items = record.get(column)
        if isinstance(items, list) and items and converter.holds_list(record):
            records = []
            for number, item in enumerate(items):
                records.append((f"{column}[{number}]", converter.record_of(record, item)))
            return records
    return [("", record)]


@cache
def _list_columns() -> list[tuple[str, str]]:
    """Return (converter, column) of the formats of which one file is one object with a list."""
    columns = []
    for name, converter in in_order():
        column = getattr(converter, "LIST_COLUMN", "")
        if column:
            columns.append((name, column))
    return columns


def with_files_beside(name: str, record: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the record with the columns of the files beside its own that the converter knows."""
    if path == STDIN:
        return record
    converter = converter_of(name)
    columns: dict[str, Any] = {}
    folder = getattr(converter, "COMPANION", None)
    if folder is not None:
        key = getattr(converter, "COMPANION_ID", "id")
        columns |= companion(path, folder, key).get(str(record.get(key)), {})
    files_beside = getattr(converter, "files_beside", None)
    if files_beside is not None:
        for column, relative_paths in files_beside(record).items():
            files = [path.parent / relative for relative in relative_paths]
            if files and all(file.is_file() for file in files):
                columns[column] = list(chain.from_iterable(map(_objects, files)))
    return record | columns


@lru_cache(maxsize=64)
def _objects(file: Path) -> list[dict[str, Any]]:
    objects = []
    for chunk in read_chunks([file]):
        for number, record in chunk.records:
            objects.append(decode_object(record, f"{file}:{number}"))
    return objects
