r"""ToolACE: tools as JSON in the system text, calls as [name(parameter=value, ...), ...] in the
assistant's.

Source: https://huggingface.co/datasets/Team-ACE/ToolACE (Apache-2.0). A real row, shortened:

    {"system": "You are an expert in composing functions. ... Here is a list of functions in JSON format that you can
        invoke:\n[{\"name\": \"Market Trends API\", \"parameters\": {\"type\": \"dict\", ...}, \"required\": null}]. \n
        Should you decide to return the function call(s). \nPut it in the format of [func1(params_name=params_value,
        params_name2=params_value2...), func2(params)]\n\nNO other text MUST be included. \n",
     "conversations": [{"from": "user", "value": "What moves the markets in the US?"},
        {"from": "assistant", "value": "[Market Trends API(trend_type=\"MARKET_INDEXES\", country=\"us\")]"},
        {"from": "tool", "value": "[{\"name\": \"Market Trends API\", \"results\": {...}}]"},
        {"from": "assistant", "value": "The indexes rise."}]}

A name may hold spaces and dots. Values are Python literals or JSON; a call with anything else
(names, sums, values without a name) is refused. The results of several calls come as one list;
where its names are those of the calls, each call gets its own. What tells the model to write calls
in this format leaves the system text, with the list of tools: the chat template writes its own.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from swiftkit.data.from_sharegpt import (
    Turn,
    answer,
    check_no_markup,
    dialect_of,
    result_text,
    turns_of,
    with_tools,
)
from swiftkit.data.rows import SYSTEM, make_row
from swiftkit.errors import DataError
from swiftkit.json_text import skip_space
from swiftkit.records import Message, Row
from swiftkit.toolcall import python_literal as literal
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.tools import tool_names, tools_from

_LIST = re.compile(r"\[\s*(?=[{\]])")
_PROMPT = re.compile(
    r"""You\ should\ only\ return\ the\ function\ calls?\ in\ tools?\ calls?\ sections?\.\s*
    | Here\ is\ a\ list\ of\ functions\ in\ JSON\ format\ that\ you\ can\ invoke\s?[.:]?
    | (?:Should|If)\ you\ decide\ to\ (?:return|invoke)\b.{0,200}?\bin\ the\ format\ of\s+\[func[^\]]{0,300}\][.]?
    | (?:NO\ other\ text\ MUST\ be\ included|You\ SHOULD\ NOT\ include\ any\ other\ text(?:\ in\ the\ response)?)[.]?
    """,
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_MARKS = "()[]{}'\"=,"  # what a name does not hold, unless it is that of a tool
_NAME = re.compile(rf"[^{re.escape(_MARKS)}]+(?=\()")
_PIECE = re.compile(rf"{literal.STRING}|[()\[\]{{}},'\"]|[^()\[\]{{}},'\"]+", re.DOTALL)
_results = msgspec.json.Decoder(list[msgspec.Raw]).decode


def matches(record: dict[str, Any]) -> bool:
    return dialect_of(record) == "toolace"


def convert(record: dict[str, Any]) -> Iterable[Row]:
    turns = turns_of(record)
    systems = {turn.where: _system(turn) for turn in turns if turn.role == "system"}
    record = with_tools(record, [tool for _, tools in systems.values() for tool in tools])
    names = sorted(tool_names(tools_from(record["tools"])), key=len, reverse=True)
    return [
        make_row(
            _messages(turns, {where: text for where, (text, _) in systems.items()}, names),
            record,
            SYSTEM,
        )
    ]


def _messages(turns: list[Turn], systems: dict[str, str], names: list[str]) -> Iterator[Message]:
    calls: list[ToolCall] = []  # of the last answer
    for turn in turns:
        if turn.role == "assistant":
            text, calls = _parts(turn.text.strip(), turn.where, names)
            yield from answer(text, calls, turn)
        elif turn.role == "tool_response":
            yield from _split(result_text(turn), [call.name for call in calls])
        elif turn.role == "user":
            yield {"role": "user", "content": turn.text}
        elif turn.role == "tool_call":
            raise DataError(
                f"{turn.where}: a function_call turn", "bad_role", "write it into an assistant turn"
            )
        elif rest := systems[turn.where]:
            yield {"role": "system", "content": rest}


def _system(turn: Turn) -> tuple[str, list[Any]]:
    """(what is left of the system text, the tools in it)."""
    text = turn.text
    tools: list[Any] = []
    if begin := _LIST.search(text):
        try:
            tools, end = literal.json_at(text, begin.start(), turn.where)
        except (ValueError, RecursionError) as error:
            what = f"{turn.where}: the list of tools: {error}"
            raise DataError(what, "bad_tools", "mend the JSON of the tools") from error
        text = text[: begin.start()] + text[end:].removeprefix(".")
    rest = _PROMPT.sub("", text)
    return check_no_markup(rest, ("[func", "(params", "the format of [")), tools


def _parts(text: str, where: str, names: list[str]) -> tuple[str, list[ToolCall]]:
    """(the text before the calls, the calls). A call begins where [NAME( stands, or is the whole
    text."""
    starts = [start for name in names if (start := text.find(f"[{name}(")) >= 0]
    if text.startswith("[") and text.endswith(")]"):
        starts.append(0)
    if not starts:
        return text, []
    try:
        return text[: min(starts)], _calls(text, min(starts) + 1, names)
    except ValueError as error:
        raise DataError(
            f"{where}: {error}", "broken_call", "write [name(parameter=value, ...)]"
        ) from error


def _calls(text: str, position: int, names: list[str]) -> list[ToolCall]:
    """The calls from behind the bracket to the end of the text. Raises ValueError."""
    calls = []
    while True:
        position = skip_space(text, position)
        name = _name(text, position, names)
        arguments, position = _arguments(text, position + len(name) + 1)
        calls.append(ToolCall(name.strip(), arguments))
        position = skip_space(text, position)
        if text[position:] == "]":
            return calls
        if not text.startswith(",", position):
            raise ValueError(f"neither a comma nor the end after the call of {name!r}")
        position += 1


def _name(text: str, position: int, names: list[str]) -> str:
    """The name that stands here: that of a tool, which may hold anything, or what looks like
    one."""
    known = next((name for name in names if text.startswith(f"{name}(", position)), None)
    found = _NAME.match(text, position)
    if known is None and not found:
        raise ValueError(f"no name of a function at {text[position : position + 30]!r}")
    return known or (found[0] if found else "")


def _arguments(text: str, position: int) -> tuple[dict[str, Any], int]:
    """The arguments from behind the parenthesis, and the position behind the one that closes it."""
    arguments: dict[str, Any] = {}
    depth, begin = 0, position
    for piece in _PIECE.finditer(text, position):
        mark = piece[0]
        if mark in ("'", '"'):
            raise ValueError("a string that is never closed")
        if depth == 0 and mark in (",", ")"):
            _add(arguments, text[begin : piece.start()])
            begin = piece.end()
            if mark == ")":
                return arguments, begin
        depth += (mark in ("(", "[", "{")) - (mark in (")", "]", "}"))
    raise ValueError("a call that is never closed")


def _add(arguments: dict[str, Any], text: str) -> None:
    if not text.strip():  # no arguments, or a comma at their end
        return
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name or any(mark in name for mark in _MARKS):
        raise ValueError(f"a value without a name: {text.strip()[:60]!r}")
    if name in arguments:
        raise ValueError(f"the parameter {name!r} is given twice")
    arguments[name] = literal.read(value)


def _split(text: str, names: list[str]) -> list[Message]:
    """A result for each call, where the text lists results under the calls' names; else the text as
    it is."""
    parts = [text]
    if len(names) > 1:
        try:
            items = [bytes(item) for item in _results(text)]
            if [msgspec.json.decode(item)["name"] for item in items] == names:
                parts = [item.decode() for item in items]
        except (ValueError, TypeError, KeyError, RecursionError):
            pass  # no such list
    return [{"role": "tool_response", "content": part} for part in parts]
