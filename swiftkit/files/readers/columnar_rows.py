"""Rows of a Parquet or Arrow file as JSON records, {column: value}, with pyarrow, imported when
needed.

Parquet cannot tell a key that an object lacks from one that is null: `[{"a": 1}, {"b": 2}]` comes
back as `[{"a": 1, "b": null}, {"a": null, "b": 2}]`, and would be trained so. So a null column, and
a key that is null in a nested object, count as absent; a null item of a list stays. Text that is
marked as bytes is text, other bytes are null. The same holds for Arrow.
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
_BATCH_ROWS = 256
_ARROW = b"ARROW1"  # a file begins so, a stream does not
_INFINITE = msgspec.Raw(b"Infinity")  # no JSON: its record is refused when it is decoded
_encode = msgspec.json.Encoder(enc_hook=str).encode


def columnar_records(
    path: Path, kind: str, seen: Callable[[int], None]
) -> Iterator[tuple[int, bytes]]:
    """Yield (row number, record); `seen` gets the bytes read. Raises UsageError without pyarrow.

    `kind`: .parquet, or .arrow and .feather, which are one format. A batch of an Arrow file is in
    memory as a whole: 64,000 rows as Feather writes it, 1,000 as `datasets` does.
    """
    try:
        import pyarrow.compute
    except ImportError as error:
        what = "Parquet" if kind == ".parquet" else "Arrow"
        reason = f"{path}: to read {what}, pyarrow is needed"
        raise UsageError(f"{reason}: pip install 'swiftkit[parquet]'") from error
    batches = _parquet_batches if kind == ".parquet" else _arrow_batches
    size = path.stat().st_size
    number = 0
    with pyarrow.OSFile(str(path)) as file:
        for batch, share in batches(path, file, pyarrow):
            for record in _values(batch.to_struct_array(), pyarrow):
                number += 1
                yield number, _encode_record(record)
            seen(int(size * share))


def parquet_records(path: Path, seen: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
    """Yield (row number, record) of a Parquet file, as columnar_records does."""
    return columnar_records(path, ".parquet", seen)


def _parquet_batches(path: Path, file: Any, _: Any) -> Iterator[tuple[Any, float]]:
    """Yield pieces of the table with the share of the rows that each has."""
    from pyarrow import parquet

    # Without buffer_size a whole row group is in memory, which may be the whole file.
    table = parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
    _check_names(path, table.schema_arrow.names)
    for batch in table.iter_batches(_batch_rows(table.metadata), use_threads=False):
        yield batch, batch.num_rows / table.metadata.num_rows


def _arrow_batches(path: Path, file: Any, _: Any) -> Iterator[tuple[Any, float]]:
    """Yield pieces of an Arrow file, or of a stream as `datasets` keeps it."""
    from pyarrow import ipc

    is_file = file.read(len(_ARROW)) == _ARROW
    file.seek(0)
    if is_file:
        table = ipc.open_file(file)
        count = table.num_record_batches
        batches = map(table.get_batch, range(count))
    else:
        table = batches = ipc.open_stream(file)
        count = 0
    _check_names(path, table.schema.names)
    before = 0
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            yield batch.slice(start, _BATCH_ROWS), 0
        yield batch.slice(0, 0), 1 / count if count else (file.tell() - before) / file.size()
        before = file.tell()


def _check_names(path: Path, names: list[str]) -> None:
    if len(set(names)) < len(names):
        reason = f"{path}: two columns of one name: {', '.join(names)[:200]}"
        raise DataError(reason, "unreadable_file", "rename one")


def _batch_rows(metadata: Any) -> int:
    """Return how many rows take about _BATCH_BYTES."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    size: int = sum(group.total_byte_size for group in groups)
    rows: int = metadata.num_rows
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES * rows // max(size, 1)))


def _encode_record(record: dict[str, Any]) -> bytes:
    try:
        return _encode(record)
    except UnicodeEncodeError:
        problem = DataError("not UTF-8", "not_utf8", "mend the row's text")
    except TypeError as error:
        problem = DataError(f"not JSON: {error}", "bad_cell", "mend the row")
    return broken_record(repr(record).encode(), problem)


def _values(array: Any, pyarrow: Any) -> list[Any]:
    """Return the array as Python values, nulls as said above."""
    types, kind = pyarrow.types, array.type
    if types.is_struct(kind):
        return _objects(array, pyarrow)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        items = iter(_values(array.flatten(), pyarrow))
        lists: list[Any] = []
        for length in pyarrow.compute.list_value_length(array).to_pylist():
            lists.append(None if length is None else list(islice(items, length)))
        return lists
    return _leaves(array, pyarrow)


def _objects(array: Any, pyarrow: Any) -> list[dict[str, Any] | None]:
    objects: list[Any] = [{} for _ in range(len(array))]
    names = [field.name for field in array.type]
    for name, column in zip(names, array.flatten(), strict=True):
        for item, value in zip(objects, _values(column, pyarrow), strict=True):
            if value is not None:
                item[name] = value
    if array.null_count:
        for index, is_valid in enumerate(array.is_valid().to_pylist()):
            if not is_valid:
                objects[index] = None
    return objects


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
        return [_dict(value) for value in values]
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return [_text(value) for value in values]
    return values


def _number(value: float | None) -> Any:
    """Return a number; NaN, as pandas writes a missing number, is null."""
    if value is None or math.isnan(value):
        return None
    return _INFINITE if math.isinf(value) else value


def _dict(pairs: list[tuple[Any, Any]] | None) -> Any:
    mapping = dict(pairs or [])
    return mapping if pairs is not None and len(mapping) == len(pairs) else pairs


def _text(value: bytes | None) -> str | None:
    """Return text that is marked as bytes, as older writers do; an image's bytes say nothing."""
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
