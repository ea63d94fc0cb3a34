"""The tools of a record, wherever its columns have them; read once, for rows share them."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.toolcall.tools import are_tools, tool_names, tools_from

# columns of tools, in small letters without separators
_COLUMNS = frozenset(
    "tools functions availabletools availablefunctions toollist toolslist tooldefinitions"
    " toolschemas tooldefs functiondefinitions functionlist functionschemas apilist apis".split()
)
_SEPARATORS = re.compile(r"[_\-\s]")
_MOST = 4096  # lists that are remembered at a time
_NO_LIST: tuple[Any, ...] = (None, "", [], {})


class RowTools(NamedTuple):
    tools: list[dict[str, Any]]  # in OpenAI's form; shared, so not to be changed
    text: str = ""  # as a row holds them
    columns: tuple[str, ...] = ()  # beside `tools`, those that were read


def is_tools_column(name: str) -> bool:
    """Tell whether a column's name says that it holds tools."""
    return _SEPARATORS.sub("", name).lower() in _COLUMNS


def are_tools_column(value: Any) -> bool:
    """Tell whether a column's value, or what it is JSON text of, is tools."""
    return are_tools(decode_or_none(value) if isinstance(value, str) else value)


def read_tools(value: Any) -> RowTools:
    """Return the tools of a list, one tool, a list of JSON texts, or JSON text of these.

    Raises DataError: bad_tools, also for two different tools of one name; duplicate_key.
    """
    if value in _NO_LIST:
        return RowTools([])
    try:
        key = value.encode() if isinstance(value, str) else msgspec.json.encode(value)
    except (ValueError, OverflowError, RecursionError):  # lone surrogates, huge numbers
        return _checked(value)
    return _remembered(key, is_text=isinstance(value, str))


@lru_cache(maxsize=_MOST)
def _remembered(key: bytes, *, is_text: bool) -> RowTools:
    return _checked(key.decode() if is_text else msgspec.json.decode(key))


def _checked(value: Any) -> RowTools:
    tools = tools_from(value)
    check_distinct(tools)
    return RowTools(tools, msgspec.json.encode(tools).decode())


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
