"""The tools of a record, wherever its columns have them; read once, for rows share them."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError
from swiftkit.files.jsonl import has_spelt_colons
from swiftkit.json_text import decode_or_none
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.tools import are_tools, tool_names, tools_from

# columns of tools, in small letters without separators
_COLUMNS = frozenset(
    "tools functions availabletools availablefunctions toollist toolslist tooldefinitions"
    " toolschemas tooldefs functiondefinitions functionlist functionschemas apilist apis".split()
)
_SEPARATORS = re.compile(r"[_\-\s]")
_PYTHON = re.compile(r"\[?\s*\{\s*'")
_MOST = 4096  # tools that are remembered at a time
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_NO_LIST: tuple[Any, ...] = (None, "", [], {})


class RowTools(NamedTuple):
    tools: list[dict[str, Any]]  # in OpenAI's form; shared, so not to be changed
    text: str = ""  # as a row holds them
    columns: tuple[str, ...] = ()  # beside `tools`, those that were read


class _Tool(NamedTuple):
    name: str
    definition: dict[str, Any]
    text: str


_latest = [RowTools([])]  # a row is checked right after it was made


def is_tools_column(name: str) -> bool:
    """Tell whether a column's name says that it holds tools."""
    return _SEPARATORS.sub("", name).lower() in _COLUMNS


def are_tools_column(value: Any) -> bool:
    """Tell whether the value of such a column, or what it is JSON text of, is tools: by such a name
    a list of names and descriptions is, too."""
    decoded = decode_or_none(_json_text(value)) if isinstance(value, str) else value
    if isinstance(decoded, list) and decoded and all(isinstance(item, dict) for item in decoded):
        return all(isinstance(item.get("name"), str) for item in decoded) or are_tools(decoded)
    return are_tools(decoded)


def _json_text(text: str) -> str:
    """Return the JSON text of tools that Python printed, or that is JSON text twice; else the text
    as it is."""
    begun = text.lstrip()
    try:
        if _PYTHON.match(begun):
            return msgspec.json.encode(python_literal.read(begun)).decode()
        if begun.startswith('"'):
            return msgspec.json.decode(begun, type=str)
    except (ValueError, TypeError, RecursionError):
        pass  # words, then
    return text


def read_tools(value: Any) -> RowTools:
    """Return the tools of a list, one tool, a list of JSON texts, or JSON text of these.

    Raises DataError: bad_tools, also for two different tools of one name; duplicate_key.
    """
    if value in _NO_LIST:
        return RowTools([])
    if value is _latest[0].text:
        return _latest[0]
    if isinstance(value, str):
        value = _json_text(value)
    try:
        items = _raw_items(value)
        tools = [_remembered(item) for item in items]
    except (ValueError, OverflowError, RecursionError):  # which the slow way names
        tools = []
        for definition in tools_from(value):
            text = msgspec.json.encode(definition).decode()
            tools.append(_Tool(definition["function"]["name"], definition, text))
    definitions = [tool.definition for tool in tools]
    check_distinct(definitions)
    text = ",".join([tool.text for tool in tools])
    _latest[0] = RowTools(definitions, f"[{text}]" if tools else "")
    return _latest[0]


def _raw_items(value: Any) -> list[bytes]:
    """Return the JSON of each tool. Raises ValueError for what is no list of objects."""
    if isinstance(value, str):
        return list(map(bytes, _decode_items(value)))
    raw = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            raw.append(item.strip().encode())
        elif isinstance(item, dict):
            raw.append(msgspec.json.encode(item))
        else:
            raise ValueError("not a list of objects")  # noqa: TRY004 - read in the slow way
    return raw


@lru_cache(maxsize=_MOST)
def _remembered(raw: bytes) -> _Tool:
    """Return a tool of this JSON text. Raises ValueError where a key is there twice: the slow way
    tells a lost value from one that stands there twice."""
    value = _decode_object(raw)
    if raw.count(b":") != msgspec.json.encode(value).count(b":") or has_spelt_colons(raw):
        raise ValueError("a key that may be there twice")
    (definition,) = tools_from([value])
    text = msgspec.json.encode(definition).decode()
    return _Tool(definition["function"]["name"], definition, text)


def check_distinct(tools: list[dict[str, Any]]) -> None:
    """Raise DataError (bad_tools) for two different tools of one name: no call could say which of
    them is meant."""
    if len(tool_names(tools)) == len(tools):
        return
    seen: dict[str, Any] = {}
    for tool in tools:
        name = tool["function"]["name"]
        if seen.setdefault(name, tool) != tool:
            fix = "keep one of them, or give them different names"
            raise DataError(f"two different tools are named {name!r}", "bad_tools", fix)
