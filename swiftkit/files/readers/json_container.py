"""Take the rows out of a .json file that is one object around their list.

    {"version": "1.0", "data": [{"messages": [...]}, ...]}
    {"features": [...], "rows": [{"row_idx": 0, "row": {...}, "truncated_cells": []}, ...]}

The second is what Hugging Face's server of data sets answers. An object that has a key of a
format's own rows (`messages`, `contents`, `simulations`, ...) is a row, and so is one whose list
holds the turns of one conversation. The object is in memory as a whole, at most RECORD_LIMIT
bytes, and up to three times as much while its rows are given out.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.files.jsonl import broken_record, encode
from swiftkit.json_text import check_distinct, decode_or_none

_Parts = dict[str, bytes]  # the object's values by key, not decoded yet
_LISTS = (
    "data", "rows", "examples", "train", "test", "validation", "eval", "dev", "instances", "items",
    "records", "samples", "entries", "dataset", "conversations", "dialogues", "dialogs", "result",
    "results",
)  # fmt: skip
_ROW_KEYS = frozenset((
    "messages", "conversation", "contents", "prompt", "instruction", "question", "query", "input",
    "output", "chosen", "rejected", "response", "completion", "text", "traj", "simulations",
    "history", "turns", "request", "steps", "spans", "inputs", "outputs",
))  # fmt: skip
_TURN_KEYS = frozenset(("role", "from", "speaker", "jsonrpc"))
_TURN_TYPES = ("message", "function_call", "function_call_output", "reasoning")
_CHATS = frozenset(("messages", "conversations", "conversation", "contents", "dialogue", "dialog"))
_SHARED = ("tools", "functions", "system", "system_prompt")
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


def unwrapped(
    records: Iterator[tuple[int, bytes]], note: Callable[[str], None]
) -> Iterator[tuple[int, bytes]]:
    """Yield the records, or the rows inside if there is but one record and it is such an object.

    `note` is told what was read and what stands beside it. Raises DataError (unclear_container)
    where nobody could say which the rows are.
    """
    first = list(islice(records, 2))
    _refuse_turns([record for _, record in first])
    parts = _parts(first[0][1]) if len(first) == 1 else {}
    name = _name_of_rows(parts)
    if not name:
        yield from chain(first, records)
        return
    _check_distinct_keys(first[0][1], parts)
    items = _decode_items(parts.pop(name))
    is_answer = bool(items) and _is_of_server(decode_or_none(items[0]))
    note(_note(name, len(items), parts, is_answer))
    for place, item in enumerate(items, 1):
        yield place, _row_of_server(bytes(item)) if is_answer else bytes(item)


def may_be_container(line: bytes) -> bool:
    """Return whether a line is an object with a list under a name that lists of rows have."""
    return line.startswith(b"{") and not _parts(line).keys().isdisjoint(_LISTS)


def _parts(record: bytes) -> _Parts:
    """Return the object's values, not decoded; none for what is no object."""
    if not record.startswith(b"{"):
        return {}
    try:
        return {name: bytes(value) for name, value in _decode_parts(record).items()}
    except (ValueError, RecursionError):
        return {}


def _check_distinct_keys(record: bytes, parts: _Parts) -> None:
    """Raise DataError (duplicate_key) if the object has two values under one key."""
    # the last one is left, and the other's colons are missing
    colons = sum(value.count(b":") for value in parts.values())
    if record.count(b":") != colons + encode(dict.fromkeys(parts, 0)).count(b":"):
        check_distinct(record, "the object around the rows")


def _name_of_rows(parts: _Parts) -> str:
    """Return the key of the list of rows, "" if the object is a row. Raises DataError."""
    _refuse_columns(parts)
    is_inspect_log = parts.get("eval", b"").startswith(b"{")
    if not parts or is_inspect_log or not _ROW_KEYS.isdisjoint(parts):
        return ""
    if len(parts) == 1 and b"[]" in parts.values():
        [name] = parts
        return name if name in _LISTS and name not in _CHATS else ""
    firsts: dict[str, Any] = {}  # the first item of each list that has objects
    for name, value in parts.items():
        items = _decode_items(value) if value.startswith(b"[") else []
        first = decode_or_none(items[0]) if items else None
        if isinstance(first, dict):
            firsts[name] = first
    names = [name for name in firsts if name in _LISTS and _is_row(name, firsts[name])]
    if len(names) > 1:
        lists = ", ".join(names)
        fix = f"take one: jq -c '.{names[0]}[]' FILE > {names[0]}.jsonl"
        raise DataError(f"one object with several lists of rows: {lists}", "unclear_container", fix)
    if not names:
        _refuse_nested(parts)
        return ""
    [name] = names
    if len(firsts) > 1 and not _is_of_server(firsts[name]) and _CHATS.isdisjoint(firsts[name]):
        return ""  # a record that has lists
    shared = [key for key in parts if key in _SHARED]
    if shared:
        key = shared[0]
        reason = f"one object with rows under {name!r}, and {key!r} beside them, not in each row"
        fix = f"jq -c '. as $all | .{name}[] + {{{key}: $all.{key}}}' FILE > rows.jsonl"
        raise DataError(reason, "unclear_container", fix)
    return name


def _is_row(name: str, item: dict[str, Any]) -> bool:
    """Return whether the item is a row: it holds a chat, or is at least no turn of one."""
    if not _CHATS.isdisjoint(item):
        return True
    is_turn = not _TURN_KEYS.isdisjoint(item) or item.get("type") in _TURN_TYPES
    return not is_turn and name not in _CHATS


def _is_of_server(item: Any) -> bool:
    return isinstance(item, dict) and "row_idx" in item and isinstance(item.get("row"), dict)


def _row_of_server(item: bytes) -> bytes:
    """Return the row of {"row_idx", "row", "truncated_cells"}; one that was cut off is broken."""
    parts = _parts(item)
    cut = decode_or_none(parts.get("truncated_cells", b"[]"))
    if cut:
        reason = f"the server of data sets cut off the cells {', '.join(map(str, cut))}"
        fix = "load the data set itself, not its preview"
        return broken_record(item, DataError(reason, "bad_cell", fix))
    return parts.get("row", item)


def _note(name: str, count: int, beside: _Parts, is_answer: bool) -> str:
    """Return what was read and what was not."""
    text = f"one object, read as the {count} rows under {name!r}"
    total = decode_or_none(beside.get("num_rows_total", b"0"))
    if is_answer and isinstance(total, int) and total > count:
        text += f", which are a part of {total}"
    if beside:
        text += f"; beside them, not read: {', '.join(beside)[:200]}"
    return text


def _refuse_columns(parts: _Parts) -> None:
    """Raise DataError (unclear_container) for a table by its columns, or rows by their numbers."""
    how = ""
    values = list(parts.values())
    starts = {value[:1] for value in values}
    if "columns" in parts and parts.get("data", b"").startswith(b"[["):
        how = "split"
    elif starts == {b"{"}:
        keys = [list(_decode_parts(value)) for value in values]
        has_chats = len(parts) > 2 and not any(map(_CHATS.isdisjoint, keys))
        if all(name.isdecimal() for name in parts) or (has_chats and _ROW_KEYS.isdisjoint(parts)):
            how = "index"
        elif keys[0] == [str(number) for number in range(len(keys[0]))] and len(keys[0]) > 0:
            how = "columns"
    elif starts == {b"["} and len(parts) > 1:
        items = [[bytes(item)[:1] for item in _decode_items(value)] for value in values]
        if len(set(map(len, items))) == 1 and set(chain.from_iterable(items)) == {b'"'}:
            how = "list"
    if not how:
        return
    reason = f"a table as pandas writes it with orient={how!r}, not a list of rows"
    fix = "save it with orient='records', lines=True"
    if how == "index":
        fix += ", or: jq -c '.[]' FILE > rows.jsonl"
    raise DataError(reason, "unclear_container", fix)


def _refuse_nested(parts: _Parts) -> None:
    """Raise DataError (unclear_container) if lists of rows lie one object deeper."""
    for name in _LISTS:
        value = parts.get(name, b"")
        for inner, content in _parts(value).items():
            items = _decode_items(content) if content.startswith(b"[") else []
            first = decode_or_none(items[0]) if items and inner in _LISTS else None
            if isinstance(first, dict) and _is_row(inner, first):
                reason = f"one object, whose rows lie deeper: {name}.{inner}"
                fix = f"jq -c '.{name}.{inner}[]' FILE > {inner}.jsonl"
                raise DataError(reason, "unclear_container", fix)


def _refuse_turns(records: list[bytes]) -> None:
    """Raise DataError (unclear_container) if the first records are turns of one conversation."""
    keys = [frozenset(_parts(record)) for record in records]
    for pair, name in (({"role", "content"}, "messages"), ({"from", "value"}, "conversations")):
        if len(keys) == 2 and all(pair <= those for those in keys) and "type" not in keys[0]:
            reason = "the records are the turns of one conversation, not rows"
            fix = f'put those of each conversation into one row: {{"{name}": [...]}}'
            raise DataError(reason, "unclear_container", fix)
