"""The short way for the plainest rows, which are the most common ones too: OpenAI messages whose
contents are texts. Without it they cost four times as much.

Such a record is decoded into the few types below, and a tool that an earlier record had is not
taken apart again. Whatever is not as plain gives None and goes the general way (convert_record.py),
which alone speaks about faults. What the short way writes is, to the byte, what the general way
writes: tests/data/test_fast_path.py holds it to that.

JSON readers keep the last of two values under one key without a word. Such records must not pass:
each key has its colon, so a text with more colons than its value, encoded again, has lost a key.
"""

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from swiftkit.data.columns import OWN_COLUMNS, SWIFT_COLUMNS
from swiftkit.data.dialects.json_prompt import may_hold_tools
from swiftkit.data.dialects.system_text import without_call_format
from swiftkit.data.roles import ANSWERS, FOLLOWS
from swiftkit.data.text_calls import holds_none, may_be_result
from swiftkit.data.unread_fields import is_plain_name
from swiftkit.errors import DataError
from swiftkit.files.jsonl import encode, has_spelt_colons
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.reasoning import OPEN
from swiftkit.toolcall.tools import tool_from

# of a record: name and type of its columns beside messages, tools and id
Kind = tuple[tuple[str, type], ...]
_MOST_TOOLS = 4096  # remembered at a time, of about 1 KB
_MOST_SYSTEM_TEXTS = 256
_SPECIAL = SWIFT_COLUMNS | {"functions", "reasoning_effort", "expected_calls", "scoring"}
_AFTER: dict[str | None, set[str]] = {}  # the roles that may follow a role; None is the beginning
for _role, _befores in FOLLOWS.items():
    for _before in _befores:
        _AFTER.setdefault(_before, set()).add(_role)
for _role in ("user", "assistant"):
    _AFTER[_role].remove(_role)  # the general way makes one message of two
_NAMES_OF_INTERNLM = (b'"plugin"', b'"interpreter"')  # which its converter reads
_SPACE = ord(" ")
_STRUCTURES = ("[", "{")  # JSON text begins so
_NULL = Raw(b"null")
_ID, _NAME = "messages.tool_call_id", "messages.name"
_COLUMNS = {  # (is there an id, is there a name)
    (False, False): frozenset[str](), (True, False): frozenset((_ID,)),
    (False, True): frozenset((_NAME,)), (True, True): frozenset((_ID, _NAME)),
}  # fmt: skip


class _PlainMessage(msgspec.Struct, gc=False):
    """A message that is written: records.Message, faster."""

    role: str
    content: str
    tool_call_id: UnsetType | str = UNSET
    name: UnsetType | str = UNSET


class _Function(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    arguments: str | dict[str, Any]


class _RawCall(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    function: _Function
    id: UnsetType | str = UNSET
    type: UnsetType | str = UNSET
    index: UnsetType | int = UNSET


class _RawMessage(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message that is read. Some keys must be null, as Arrow writes what is not there."""

    role: Literal["system", "user", "assistant", "tool"]
    content: UnsetType | str | None = UNSET
    tool_calls: UnsetType | list[_RawCall] | None = UNSET
    tool_call_id: UnsetType | str | None = UNSET
    name: UnsetType | str | None = UNSET
    refusal: UnsetType | None = UNSET
    audio: UnsetType | None = UNSET
    function_call: UnsetType | None = UNSET


class NotPlainError(Exception):
    """This record goes the general way."""


_decode_columns = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_scalar = msgspec.json.Decoder(str | int | float | bool | None).decode
_decode_messages = msgspec.json.Decoder(list[_RawMessage]).decode
_decode_items = msgspec.json.Decoder(list[Raw] | str | None).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_encode_into = msgspec.json.Encoder().encode_into


class _PlainTool(NamedTuple):
    name: str
    text: bytes  # as it stands in the JSON of a row: escaped
    definition: dict[str, Any]


class PlainRow(NamedTuple):
    kind: Kind
    row: dict[str, Any]  # ready to be encoded
    columns: frozenset[str]  # of its messages, beside role and content: messages.name


def convert_line(line: bytes, source: str, scratch: bytearray) -> PlainRow | None:
    """Return the row of a plain record; None for one that goes the general way.

    The scratch is written over: what is encoded only to be measured needs no memory of its own.
    """
    if b'"messages"' not in line:
        return None
    try:
        columns = _columns(line)
        messages = _messages(columns.pop("messages"), scratch)
        tools = _tools(columns.pop("tools", _NULL))
        plain = encode(_plain_messages(messages, tools))
        row: dict[str, Any] = {"messages": Raw(plain)}
        if tools:
            texts = b",".join([tool.text for tool in tools])
            row["tools"] = Raw(b'"[%b]"' % texts)
        else:
            _check_no_tools(messages)
        identity = columns.pop("id", _NULL)
        if identity != _NULL:
            row["id"] = _identity(_decode_scalar(identity))
        kind = _add_columns(columns, row) if columns else ()
    except (NotPlainError, DataError, KeyError, ValueError, RecursionError):
        return None
    row["source"] = source
    row.setdefault("id", source)
    # unescaped, neither can stand inside a text
    columns_there = b'","tool_call_id":"' in plain, b'","name":"' in plain
    return PlainRow(kind, row, _COLUMNS[columns_there])


def _columns(line: bytes) -> dict[str, Raw]:
    """Return the columns, if none is there twice: put together again, nothing is missing.

    The spaces stand after each colon and comma, or nowhere. In a record that is written in another
    way, the colons are counted.
    """
    columns = _decode_columns(line)
    space = b" " if line[line.index(b'":') + 2] == _SPACE else b""
    comma, colon = b"," + space, b'":' + space
    pairs = [b'"%b%b%b' % (name.encode(), colon, value) for name, value in columns.items()]
    if b"{%b}" % comma.join(pairs) != line:
        has_lost_one = line.count(b":") != encode(columns).count(b":")
        if has_lost_one or has_spelt_colons(line):
            raise NotPlainError
    return columns


def _messages(raw: Raw, scratch: bytearray) -> list[_RawMessage]:
    """Return the messages, if no key is there twice in one of them."""
    messages = _decode_messages(raw)
    _encode_into(messages, scratch)
    text = bytes(raw)
    if any(name in text for name in _NAMES_OF_INTERNLM):
        raise NotPlainError
    if text.count(b":") != scratch.count(b":") or has_spelt_colons(text):
        raise NotPlainError
    return messages


def _tools(raw: Raw) -> list[_PlainTool]:
    items = _decode_items(raw)
    if type(items) is str:
        items = _decode_items(items)
    if items is None:
        return []
    if type(items) is not list:
        raise NotPlainError
    tools = [_tool(tool) for tool in map(bytes, items)]
    if len({tool.name for tool in tools}) < len(tools):
        raise NotPlainError
    return tools


@lru_cache(maxsize=_MOST_TOOLS)
def _tool(raw: bytes) -> _PlainTool:
    value = _decode_object(raw)
    text = encode(value)
    if "function" not in value or raw.count(b":") != text.count(b":") or has_spelt_colons(raw):
        raise NotPlainError
    tool = tool_from(value, 0)
    if tool is not value:
        text = encode(tool)
    return _PlainTool(tool["function"]["name"], encode(text.decode())[1:-1], tool)


def _plain_messages(messages: list[_RawMessage], tools: list[_PlainTool]) -> list[_PlainMessage]:
    """Return the messages of the row."""
    names = {tool.name for tool in tools}
    plain: list[_PlainMessage] = []
    waiting: list[Any] = []  # the ids of the calls that have no result yet
    for message in messages:
        role, content, calls = message.role, message.content or "", message.tool_calls or ()
        if role == "assistant":
            if content.strip():
                if content.startswith(OPEN):
                    raise NotPlainError
                plain.append(_PlainMessage(role, content))
            elif not calls or (plain and plain[-1].role == "assistant"):
                raise NotPlainError
            plain += [_call(call, names) for call in calls]
            waiting = [call.id for call in calls]
            if len(waiting) > 1 and len(set(waiting)) < len(waiting):
                raise NotPlainError
        elif calls:
            raise NotPlainError
        elif role == "tool":
            if not waiting or waiting.pop(0) != (message.tool_call_id or UNSET):
                raise NotPlainError
            # an empty one is none
            identity, name = message.tool_call_id or UNSET, message.name or UNSET
            plain.append(_PlainMessage("tool_response", content, identity, name))
        else:
            plain.append(_PlainMessage(role, content))
    _check_order(plain)
    _check_words(plain, [tool.definition for tool in tools], names)
    return plain


def _check_words(
    messages: list[_PlainMessage], tools: list[dict[str, Any]], names: set[str]
) -> None:
    """Let texts pass that are words alone: no calls, no results, no format of calls."""
    before = ""
    for message in messages:
        role, text = message.role, message.content
        if role == "assistant":
            is_plain = holds_none(text, tools, names)
        elif role == "system":
            is_plain = _is_plain_system(text)
        elif role == "tool_response" or (role == "user" and before == "tool_call"):
            is_plain = bool(text.strip() or role != "user") and not may_be_result(text)
        else:
            is_plain = role != "user" or bool(text.strip())
        if not is_plain:
            raise NotPlainError
        before = role


def _check_no_tools(messages: list[_RawMessage]) -> None:
    """Let texts pass that surely define no tool (tools_in_text.py)."""
    called: set[str] = set()
    for message in messages:
        called.update(call.function.name for call in message.tool_calls or ())
    for message in messages:
        text = message.content or ""
        if message.role not in ("system", "user"):
            continue
        if may_hold_tools(text) or any(name in text for name in called):
            raise NotPlainError


@lru_cache(maxsize=_MOST_SYSTEM_TEXTS)
def _is_plain_system(text: str) -> bool:
    """Return whether a system text prescribes no format of calls."""
    try:
        return without_call_format(text, "") == (text, [])
    except DataError:
        return False


def _check_order(messages: list[_PlainMessage]) -> None:
    before: str | None = None
    for message in messages:
        if message.role not in _AFTER[before]:
            raise NotPlainError
        before = message.role
    if before not in ANSWERS:
        raise NotPlainError


def _call(call: _RawCall, tools: set[str]) -> _PlainMessage:
    name, arguments = call.function.name, call.function.arguments
    identity = call.id or UNSET
    if not name or (tools and name not in tools):
        raise NotPlainError
    if isinstance(arguments, dict):
        return _PlainMessage("tool_call", encode(ToolCall(name, arguments)).decode(), identity)
    content = encode(ToolCall(name, _decode_object(arguments)))
    # beside those of the arguments there are the colons of name and arguments themselves
    if content.count(b":") != arguments.count(":") + name.count(":") + 2:
        raise NotPlainError
    return _PlainMessage("tool_call", content.decode(), identity)


def _identity(value: Any) -> str:
    if value == "" or type(value) not in (str, int):
        raise NotPlainError
    return str(value)


def _add_columns(columns: dict[str, Raw], row: dict[str, Any]) -> Kind:
    """Put the texts among the other columns into the row; return the record's kind."""
    if not _SPECIAL.isdisjoint(columns):
        raise NotPlainError
    kind = []
    for name, raw in columns.items():
        value = _decode_scalar(raw)
        if not is_plain_name(name) or (type(value) is str and value[:1] in _STRUCTURES):
            raise NotPlainError
        kind.append((name, type(value)))
        if type(value) is str and name not in OWN_COLUMNS:
            row[name] = value
    return tuple(kind)
