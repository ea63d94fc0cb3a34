"""What a converter does not read of a record: counted, or refused where it would change a row.

A converter says in READS what it reads:

    READS = {
        "": "messages tools -model -usage",
        "messages[]": "role content tool_calls",
        "messages[].tool_calls[]": "id function -type -index",
    }

A path names an object, "[]" the items of a list; the names behind it are the keys that are read. A
name with "-" in front is known and says nothing that a row could hold. A value whose path is not
named, such as a call's arguments, is read whole. A name with "~" behind it may hold JSON text,
which is looked into. "-*" stands for all other names of an object: they are not counted. null, "",
[] and {} say nothing anywhere, and texts of the record itself become columns of the row. What
make_row reads of every record (rows.READS) need not be named.

Any other key is counted for the account. It is refused (unread_field) where it is tools, calls,
messages or media, or where a message has a loss flag or a reasoning in it: left out, these would
change what is trained.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from swiftkit.data.answer_columns import is_call
from swiftkit.data.from_openai import are_messages
from swiftkit.data.json_values import field, listed
from swiftkit.data.row_tools import are_tools_column, is_tools_column
from swiftkit.data.rows import READS
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.toolcall.tools import are_tools

Reads = Mapping[str, str]

_NOTHING: tuple[Any, ...] = (None, "", [], {})
_DEEPEST = 3  # objects inside an unread value that are looked into
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_LOSS = frozenset(
    "loss mask masks masked train training trainable trained weight weights ignore ignored".split()
)
_REASONING = frozenset(
    "reasoning thinking think thought thoughts cot rationale analysis scratchpad".split()
)
_MEDIA = frozenset("image images img video videos audio audios".split())
_FILE = re.compile(r"\S+")  # a path, an address, or base64


class _Path(NamedTuple):
    read: frozenset[str]
    known: frozenset[str]  # also those that say nothing
    texts: frozenset[str]  # which may be JSON text
    is_open: bool  # any other name says nothing by itself


def unread_fields(record: Mapping[str, Any], reads: Reads, carried: Collection[str]) -> list[str]:
    """Return the paths of what was not read, such as "messages[].mood".

    carried: the columns of the row that was made: a text of the record among them is not lost.
    Raises DataError (unread_field) for what would change a row.
    """
    unread: dict[str, None] = {}  # in their order, each once
    for path, place, name, value in _unknown(record, "", "", reads):
        if not path and is_tools_column(name) and are_tools_column(value):
            continue
        meaning = _meaning(name, value, is_inside=bool(path))
        if meaning:
            raise _refused(path, place, name, meaning)
        if _path(reads.get(path, "")).is_open:
            continue
        is_carried = not path and name in carried
        if not is_carried or _words(name) & _REASONING:
            unread[f"{path}.{name}" if path else name] = None
    return list(unread)


def _unknown(
    value: Any, path: str, place: str, reads: Reads
) -> Iterator[tuple[str, str, str, Any]]:
    """Yield (path, place, name, value) of each key that is not known, path by path."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown(item, f"{path}[]", f"{place}[{number}]", reads)
        return
    names = reads.get(path)
    if not path:
        names = f"{names or ''} {READS}"
    if names is None or not isinstance(value, dict):
        return
    known = _path(names)
    for name, inner in value.items():
        if inner in _NOTHING:
            continue
        if name not in known.known:
            yield path, place, name, inner
            continue
        if name in known.texts and isinstance(inner, str):
            inner = _opened(inner, reads.get(f"{path}.{name}" if path else name, ""))
        if name in known.read and isinstance(inner, dict | list):
            below = f"{path}.{name}" if path else name
            yield from _unknown(inner, below, f"{place}.{name}" if place else name, reads)


@lru_cache(maxsize=1024)
def _path(names: str) -> _Path:
    words = names.split()
    read = frozenset(word.removesuffix("~") for word in words if not word.startswith("-"))
    known = read.union(word.removeprefix("-") for word in words)
    texts = frozenset(word.removesuffix("~") for word in words if word.endswith("~"))
    return _Path(read, known, texts, "-*" in words)


def known_names(names: str) -> frozenset[str]:
    """Return the names of one path in READS that are read, or say nothing."""
    return _path(names).known


def _opened(text: str, names: str) -> Any:
    """Return what JSON text holds; the text where it is an object without any of these names."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    value = decode_or_none(text)
    is_other = isinstance(value, dict) and _path(names).known.isdisjoint(value)
    return text if is_other else value


def _refused(path: str, place: str, name: str, meaning: str) -> DataError:
    inner, _, what = meaning.rpartition(":")
    where = f"{place}.{name}{inner}" if place else f"{name}{inner}"
    fix = "move it to where its format has it, or delete it"
    if not path and not inner:
        fix = f"name the column as the format does (--columns {name}=...), or leave it out"
        fix = f"{fix} (--columns {name}=)"
    return DataError(f"{where} is not read, and holds {what}", "unread_field", fix)


def _meaning(name: str, value: Any, *, is_inside: bool) -> str:
    """Return what an unread value would have meant for the row, as _shape; "" for metadata.

    is_inside: it stands inside of the record's columns, as in a message.
    """
    if found := _shape(value, _DEEPEST):
        return found
    words = _words(name)
    if words & _MEDIA and (not isinstance(value, str) or _FILE.fullmatch(value)):
        return "images, audio or video"
    if words & _LOSS and isinstance(value, bool | int | float | list):
        # of a whole row: 1 and true are what is done anyway
        return "" if not is_inside and value in (1, True) else "a flag of the loss"
    if is_inside and words & _REASONING:
        return "a reasoning"
    return ""


def _shape(value: Any, depth: int) -> str:
    """Return what a value is by its form: tools, calls or messages; ".tools:tools" for what stands
    inside of an object."""
    if isinstance(value, str):
        if not value.lstrip().startswith(("[", "{")):
            return ""
        value = decode_or_none(value)
    if not isinstance(value, dict | list) or not value:
        return ""
    if are_tools(value):
        return "tools"
    if all(_is_call(item) for item in listed(value)):
        return "calls"
    if are_messages(value):
        return "messages"
    if depth and isinstance(value, dict):
        for name, inner in value.items():
            if found := _shape(inner, depth - 1):
                place, _, what = found.rpartition(":")
                return f".{name}{place}:{what}"
    return ""


def _is_call(value: Any) -> bool:
    function = field(value, "function")
    if isinstance(function, dict):
        return "arguments" in function
    return is_call(value)


@lru_cache(maxsize=4096)
def is_plain_name(name: str) -> bool:
    """Tell whether a column of this name is metadata whatever number or word it holds."""
    words = _words(name)
    return not words & (_LOSS | _MEDIA | _REASONING) and not is_tools_column(name)


def _words(name: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORDS.findall(name))
