"""The short way for the plainest rows, which are the most common ones too: OpenAI messages whose
contents are texts.

Such a record is decoded into the few types below, and a tool that an earlier record had is not
taken apart again. Whatever is not as plain gives None and goes the general way
(data/convert_record.py), which alone speaks about faults. What the short way writes is, to the
byte, what the general way writes: tests/data/test_fast_path.py holds it to that.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from swiftkit.data.rows import ANSWERS, FOLLOWS, OWN_COLUMNS, SWIFT_COLUMNS
from swiftkit.errors import DataError
from swiftkit.files.jsonl import encode, has_spelt_colons
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.reasoning import OPEN
from swiftkit.toolcall.tools import tool_from

# of a record: name and type of its columns beside messages, tools and id
Kind = tuple[tuple[str, type], ...]
_MOST_TOOLS = 4096  # remembered at a time, of about 1 KB
_SPECIAL = SWIFT_COLUMNS | {"functions", "reasoning_effort", "expected_calls", "scoring"}
_PAIRS = {(before, role) for role, befores in FOLLOWS.items() for before in befores}
_PAIRS -= {("user", "user"), ("assistant", "assistant")}  # the general way makes one message of two
_AFTER = {before: {role for other, role in _PAIRS if other == before} for before, _ in _PAIRS}
_SPACE = ord(" ")
_NULL = Raw(b"null")
_QUOTES = (b'"[', b']"')


class _Message(msgspec.Struct, gc=False):
    """What is written: records.Message, faster."""

    role: str
    content: str


class _Function(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    arguments: str | dict[str, Any]


class _Call(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    function: _Function
    id: UnsetType | str = UNSET
    type: UnsetType | str = UNSET
    index: UnsetType | int = UNSET


class _Given(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message. That some keys must be null: so Arrow and clients' libraries write what is not
    there."""

    role: Literal["system", "user", "assistant", "tool"]
    content: UnsetType | str | None = UNSET
    tool_calls: UnsetType | list[_Call] | None = UNSET
    tool_call_id: UnsetType | str | None = UNSET
    name: UnsetType | str | None = UNSET
    refusal: UnsetType | None = UNSET
    audio: UnsetType | None = UNSET
    function_call: UnsetType | None = UNSET


class NotPlainError(Exception):
    """This record goes the general way."""


_columns = msgspec.json.Decoder(dict[str, Raw]).decode
_scalar = msgspec.json.Decoder(str | int | float | bool | None).decode
_messages = msgspec.json.Decoder(list[_Given]).decode
_encode_into = msgspec.json.Encoder().encode_into
_items = msgspec.json.Decoder(list[Raw] | str | None).decode
_object = msgspec.json.Decoder(dict[str, Any]).decode
# tools as they were given, and what _remembered made of them
_seen: dict[bytes, tuple[str, bytes]] = {}


def convert_line(
    line: bytes, source: str, scratch: bytearray
) -> tuple[Kind, dict[str, Any]] | None:
    """The kind of a plain record, and its row, ready to be encoded; None for a record that is not
    plain.

    The scratch is written over: what is encoded only to be measured needs no memory of its own.
    """
    try:
        columns = _distinct_columns(line)
        given = _distinct_messages(columns.pop("messages"), scratch)
        return _plain(given, columns, source)
    except (NotPlainError, DataError, KeyError, ValueError, RecursionError):
        return None


def _plain(
    given: list[_Given], columns: dict[str, Raw], source: str
) -> tuple[Kind, dict[str, Any]]:
    tools = _tools(columns.pop("tools", _NULL))
    row: dict[str, Any] = {"messages": _written(given, {name for name, _ in tools})}
    if tools:
        row["tools"] = Raw(b",".join([text for _, text in tools]).join(_QUOTES))
    identity = columns.pop("id", _NULL)
    if identity != _NULL:
        row["id"] = _identity(_scalar(identity))
    kind = _add_columns(columns, row) if columns else ()
    row["source"] = source
    row.setdefault("id", source)
    return kind, row


def _distinct_columns(line: bytes) -> dict[str, Raw]:
    """The columns, if none is there twice: nothing is missing when they are put together again.

    The spaces stand after each colon and comma, or nowhere. In a record that is written in another
    way, each key has its colon.
    """
    columns = _columns(line)
    space = b" " if line[line.index(b'":') + 2] == _SPACE else b""
    comma, colon = b"," + space, b'":' + space
    whole = comma.join(
        [b'"%b%b%b' % (name.encode(), colon, value) for name, value in columns.items()]
    )
    if b"{%b}" % whole != line and (
        line.count(b":") != encode(columns).count(b":") or has_spelt_colons(line)
    ):
        raise NotPlainError
    return columns


def _distinct_messages(given: Raw, scratch: bytearray) -> list[_Given]:
    """The messages, if no key is there twice in one of them: each key has its colon."""
    messages = _messages(given)
    _encode_into(messages, scratch)
    text = bytes(given)
    if text.count(b":") != scratch.count(b":") or has_spelt_colons(text):
        raise NotPlainError
    return messages


def _tools(given: Raw) -> list[tuple[str, bytes]]:
    """Name and text of each tool."""
    items = _items(given)
    if type(items) is str:
        items = _items(items)
    if items is None:
        return []
    if type(items) is not list:
        raise NotPlainError
    return [_seen.get(tool) or _remembered(tool) for tool in map(bytes, items)]


def _remembered(given: bytes) -> tuple[str, bytes]:
    """A tool's name, and its text as it stands in the JSON of a row."""
    value = _object(given)
    text = encode(value)
    if "function" not in value or given.count(b":") != text.count(b":") or has_spelt_colons(given):
        raise NotPlainError
    tool = tool_from(value, 0)
    if tool is not value:
        text = encode(tool)
    if len(_seen) >= _MOST_TOOLS:
        _seen.clear()
    _seen[given] = tool["function"]["name"], encode(text.decode())[1:-1]
    return _seen[given]


def _written(given: list[_Given], names: set[str]) -> list[_Message]:
    written: list[_Message] = []
    waiting: list[Any] = []  # the ids of the calls that have no result yet
    for message in given:
        role, content = message.role, message.content or ""
        if role == "tool":
            if not waiting or waiting.pop(0) != (message.tool_call_id or UNSET):
                raise NotPlainError
            written.append(_Message("tool_response", content))
        elif role == "assistant":
            calls = message.tool_calls or ()
            if content.strip():
                written.append(_answer(content, calls))
            elif not calls or (written and written[-1].role == "assistant"):
                raise NotPlainError
            written += [_call(call.function, names) for call in calls]
            waiting = _distinct([call.id for call in calls])
        else:
            written.append(_Message(role, content))
        if message.tool_calls and role != "assistant":
            raise NotPlainError
    _check_order(written)
    return written


def _answer(content: str, calls: Sequence[_Call]) -> _Message:
    if content.startswith(OPEN):
        raise NotPlainError
    return _Message("assistant", f"{content}\n" if calls else content)


def _call(function: _Function, names: set[str]) -> _Message:
    name, arguments = function.name, function.arguments
    if not name or (names and name not in names):
        raise NotPlainError
    if isinstance(arguments, dict):
        return _Message("tool_call", encode(ToolCall(name, arguments)).decode())
    content = encode(ToolCall(name, _object(arguments)))
    if content.count(b":") != arguments.count(":") + name.count(":") + 2:  # a key is there twice
        raise NotPlainError
    return _Message("tool_call", content.decode())


def _distinct(ids: list[Any]) -> list[Any]:
    if len(ids) > 1 and len(set(ids)) < len(ids):
        raise NotPlainError
    return ids


def _check_order(written: list[_Message]) -> None:
    role: str | None = None
    for message in written:
        if message.role not in _AFTER[role]:
            raise NotPlainError
        role = message.role
    if role not in ANSWERS:
        raise NotPlainError


def _identity(value: Any) -> str:
    if value == "" or type(value) not in (str, int):
        raise NotPlainError
    return str(value)


def _add_columns(columns: dict[str, Raw], row: dict[str, Any]) -> Kind:
    """Put the texts among the other columns into the row."""
    if not _SPECIAL.isdisjoint(columns):
        raise NotPlainError
    values = {name: _scalar(value) for name, value in columns.items()}
    row |= {
        name: value
        for name, value in values.items()
        if type(value) is str and name not in OWN_COLUMNS
    }
    return tuple([(name, type(value)) for name, value in values.items()])
