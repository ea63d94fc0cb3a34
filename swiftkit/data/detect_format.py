"""The source format of a record: which converter matches, and the files that it takes beside the
input."""

import importlib
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

from swiftkit.data import converters
from swiftkit.errors import DataError
from swiftkit.files.inputs import STDIN, companion
from swiftkit.files.jsonl import read_objects
from swiftkit.records import Row


class Converter(Protocol):
    """What each file in converters/ offers."""

    def matches(self, record: dict[str, Any]) -> bool: ...
    def convert(self, record: dict[str, Any]) -> Iterable[Row]: ...


@cache
def names() -> list[str]:
    """The converters' names. Cheap: none of them is imported."""
    return sorted(file.stem for file in Path(converters.__path__[0]).glob("[!_]*.py"))


def title(name: str) -> str:
    """What the format is: the first sentence of the converter's docstring."""
    return " ".join((converter_of(name).__doc__ or name).partition("\n\n")[0].split()).rstrip(".")


def detect_format(record: dict[str, Any], path: Path, forced: str) -> tuple[str, dict[str, Any]]:
    """The format's name, and the record with what the files beside the input add to it, if the
    format has such."""
    for name in [forced] if forced else names():
        converter = converter_of(name)
        if forced or converter.matches(record):
            return name, with_files_beside(name, record, path)
    fix = f"known formats: {', '.join(names())}; --from forces one"
    raise DataError(
        f"no known format: the columns are {', '.join(record)[:200]}", "unknown_format", fix
    )


def with_files_beside(name: str, record: dict[str, Any], path: Path) -> dict[str, Any]:
    """The record with the columns that files beside its own hold, where the converter knows of such
    files."""
    converter = converter_of(name)
    beside = _companion_row(converter, record, path) | _columns_beside(converter, record, path)
    return record | beside if beside else record


def _companion_row(converter: Converter, record: dict[str, Any], path: Path) -> dict[str, Any]:
    folder = getattr(converter, "COMPANION", None)
    if folder is None or path == STDIN:
        return {}
    return companion(path, folder).get(str(record.get("id")), {})


def _columns_beside(converter: Converter, record: dict[str, Any], path: Path) -> dict[str, Any]:
    """The columns whose values are all the objects of some files beside the input, if all these
    files are there."""
    files_of = getattr(converter, "files_beside", None)
    if files_of is None or path == STDIN:
        return {}
    columns = (
        (column, [path.parent / file for file in files])
        for column, files in files_of(record).items()
    )
    return {
        column: [row for file in files for row in _objects(file)]
        for column, files in columns
        if _exist(files)
    }


def _exist(files: list[Path]) -> bool:
    return bool(files) and all(file.is_file() for file in files)


@lru_cache(maxsize=64)
def _objects(file: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_objects(file)]


@cache
def converter_of(name: str) -> Converter:
    return cast(Converter, importlib.import_module(f"swiftkit.data.converters.{name}"))
