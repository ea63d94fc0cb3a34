"""Rows of a Parquet file as JSON records, {column: value}, with pyarrow, which is imported when
there is such a file.

Parquet cannot tell a key that an object lacks from one that is null: `[{"a": 1}, {"b": 2}]` comes
back as `[{"a": 1, "b": null}, {"a": null, "b": 2}]`, and would be trained so. So a null column, and
a key that is null in a nested object, count as absent; a null item of a list stays. Text that is
marked as bytes is text, other bytes are null.
"""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.files.jsonl import broken_record

_BATCH_BYTES = 4 << 20
_INFINITE = msgspec.Raw(b"Infinity")  # no JSON: its record is refused when it is decoded
_encode = msgspec.json.Encoder(enc_hook=str).encode


def parquet_records(path: Path, seen: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
    """(row number, record) of each row. Raises UsageError where pyarrow is not installed."""
    return enumerate(_parquet_rows(path, seen), 1)


def _parquet_rows(path: Path, seen: Callable[[int], None]) -> Iterator[bytes]:
    pyarrow, parquet = _pyarrow(path)
    with pyarrow.OSFile(str(path)) as file:
        # Without buffer_size a whole row group is in memory, which may be the whole file.
        table = parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        _check_columns(table.schema_arrow.names, path)
        rows, size = table.metadata.num_rows, path.stat().st_size
        for batch in table.iter_batches(_batch_size(table.metadata), use_threads=False):
            yield from map(_parquet_record, _values(batch.to_struct_array(), pyarrow))
            seen(size * batch.num_rows // rows)


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow.compute
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            f"{path}: to read Parquet, pyarrow is needed: pip install 'swiftkit[parquet]'"
        ) from error
    return pyarrow, parquet


def _check_columns(names: list[str], path: Path) -> None:
    if len(set(names)) < len(names):
        raise DataError(
            f"{path}: two columns of one name: {', '.join(names)[:200]}",
            "unreadable_file",
            "rename one",
        )


def _batch_size(metadata: Any) -> int:
    """Rows that take about _BATCH_BYTES."""
    size: int = sum(
        metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)
    )
    rows: int = metadata.num_rows
    return max(1, min(256, _BATCH_BYTES * rows // max(size, 1)))


def _parquet_record(record: dict[str, Any]) -> bytes:
    try:
        return _encode(record)
    except UnicodeEncodeError:
        return broken_record(
            repr(record).encode(), DataError("not UTF-8", "not_utf8", "mend the row's text")
        )
    except TypeError as error:
        return broken_record(
            repr(record).encode(), DataError(f"not JSON: {error}", "bad_cell", "mend the row")
        )


def _values(array: Any, pyarrow: Any) -> list[Any]:
    """The array as Python values, nulls as said above."""
    types, kind = pyarrow.types, array.type
    if types.is_struct(kind):
        return _objects(array, pyarrow)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        items = iter(_values(array.flatten(), pyarrow))
        lengths = pyarrow.compute.list_value_length(array).to_pylist()
        return [None if length is None else list(islice(items, length)) for length in lengths]
    return _leaves(array, pyarrow)


def _objects(array: Any, pyarrow: Any) -> list[dict[str, Any] | None]:
    objects: list[Any] = [{} for _ in range(len(array))]
    for field, column in zip(array.type, array.flatten(), strict=True):
        name = field.name
        for item, value in zip(objects, _values(column, pyarrow), strict=True):
            if value is not None:
                item[name] = value
    if not array.null_count:
        return objects
    return [
        item if valid else None
        for item, valid in zip(objects, array.is_valid().to_pylist(), strict=True)
    ]


def _leaves(array: Any, pyarrow: Any) -> list[Any]:
    types, kind = pyarrow.types, array.type
    if types.is_timestamp(kind) or types.is_date(kind) or types.is_time(kind):
        array = array.cast(pyarrow.string())
    try:
        values: list[Any] = array.to_pylist()
    except UnicodeDecodeError:
        values = array.cast(pyarrow.large_binary()).to_pylist()
        return [value and value.decode("utf-8", "surrogateescape") for value in values]
    if types.is_floating(kind):
        return [_number(value) for value in values]
    if types.is_map(kind):
        return [value if value is None else _dict(value) for value in values]
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return [value and _text(value) for value in values]
    return values


def _number(value: float | None) -> Any:
    """NaN is how pandas writes a missing number."""
    if value is None or math.isnan(value):
        return None
    return _INFINITE if math.isinf(value) else value


def _dict(pairs: list[tuple[Any, Any]]) -> Any:
    mapping = dict(pairs)
    return mapping if len(mapping) == len(pairs) else pairs


def _text(value: bytes) -> str | None:
    """Text that is marked as bytes, as older writers do; an image's bytes say nothing to a
    converter."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
