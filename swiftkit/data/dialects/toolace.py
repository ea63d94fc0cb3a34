r"""ToolACE: a list of functions in the system text, calls as a list of Python calls.

    [newAddress(password="x"), Market Trends API(trend_type="MARKET_INDEXES")]

A name may be several words where it is a listed tool's. Results stand in one list, under the calls'
names.

Source: https://huggingface.co/datasets/Team-ACE/ToolACE (Apache-2.0); BFCL's prompt is the same.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from swiftkit.data.dialects.markup import check_no_markup
from swiftkit.errors import DataError
from swiftkit.json_text import skip_space
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import ToolCall

MARKS = ("list of functions in JSON format", "in the format of [func")
_LIST = re.compile(r"\[\s*(?=[{\]])")
_PROMPT = re.compile(  # what a chat template writes itself
    r"""You\ should\ only\ return\ the\ function\ calls?\ in\ tools?\ calls?\ sections?\.\s*
    | Here\ is\ a\ list\ of\ functions\ in\ JSON\ format\ that\ you\ can\ invoke\s?[.:]?
    | (?:Should|If)\ you\ decide\ to\ (?:return|invoke)\b
      .{0,200}?\bin\ the\ format\ of\s+\[func[^\]]{0,300}\][.]?
    | NO\ other\ text\ MUST\ be\ included[.]?
    | You\ SHOULD\ NOT\ include\ any\ other\ text(?:\ in\ the\ response)?[.]?
    """,
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_MARKUP = ("[func", "(params", "the format of [")
_NOT_IN_NAMES = "()[]{}'\"=,"  # unless it is the name of a tool
_NAME = re.compile(rf"[^{re.escape(_NOT_IN_NAMES)}]+(?=\()")
_TOKEN = re.compile(rf"{python_literal.STRING}|[()\[\]{{}},'\"]|[^()\[\]{{}},'\"]+", re.DOTALL)
_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def without_prompt(text: str, where: str) -> tuple[str, list[Any]]:
    """Return what is left of a system text, and the tools in it. Raises DataError (bad_tools,
    format_in_prompt)."""
    tools: list[Any] = []
    begin = _LIST.search(text)
    if begin:
        start = begin.start()
        try:
            tools, end = python_literal.json_at(text, start, where)
        except (ValueError, RecursionError) as error:
            reason = f"{where}: the list of tools: {error}"
            raise DataError(reason, "bad_tools", "mend the JSON of the tools") from error
        text = text[:start] + text[end:].removeprefix(".")
    return check_no_markup(_PROMPT.sub("", text), _MARKUP), tools


def text_and_calls(text: str, where: str, tools: Iterable[str]) -> tuple[str, list[ToolCall]]:
    """Return the text of an answer before its calls, and the calls.

    The calls begin where `[NAME(` stands with the name of a tool, or are the whole text.
    """
    names = sorted(tools, key=len, reverse=True)
    starts = [text.find(f"[{name}(") for name in names]
    starts = [start for start in starts if start >= 0]
    if text.startswith("[") and text.endswith(")]"):
        starts.append(0)
    if not starts:
        return text, []
    try:
        return text[: min(starts)], _calls(text, min(starts) + 1, names)
    except ValueError as error:
        fix = "write [name(parameter=value, ...)]"
        raise DataError(f"{where}: {error}", "broken_call", fix) from error


def _calls(text: str, position: int, names: list[str]) -> list[ToolCall]:
    """Return the calls from behind the bracket to the end of the text. Raises ValueError."""
    calls = []
    while True:
        position = skip_space(text, position)
        name = next((name for name in names if text.startswith(f"{name}(", position)), "")
        if not name:  # of a tool that is not listed
            match = _NAME.match(text, position)
            if not match:
                raise ValueError(f"no name of a function at {text[position : position + 30]!r}")
            name = match[0]
        arguments, position = _arguments_at(text, position + len(name) + 1)
        calls.append(ToolCall(name.strip(), arguments))
        position = skip_space(text, position)
        if text[position:] == "]":
            return calls
        if not text.startswith(",", position):
            raise ValueError(f"neither a comma nor the end after the call of {name!r}")
        position += 1


def _arguments_at(text: str, position: int) -> tuple[dict[str, Any], int]:
    """Return the arguments from behind the parenthesis, and the position behind the one that closes
    it. Raises ValueError."""
    arguments: dict[str, Any] = {}
    depth, start = 0, position  # of brackets inside a value; of the argument
    for token in _TOKEN.finditer(text, position):
        mark = token[0]
        if mark in ("'", '"'):
            raise ValueError("a string that is never closed")
        if depth == 0 and mark in (",", ")"):
            _add_argument(arguments, text[start : token.start()])
            start = token.end()
            if mark == ")":
                return arguments, start
        depth += (mark in ("(", "[", "{")) - (mark in (")", "]", "}"))
    raise ValueError("a call that is never closed")


def _add_argument(arguments: dict[str, Any], text: str) -> None:
    """Add `name=value`; nothing stands between empty parentheses, or behind a last comma."""
    if not text.strip():
        return
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name or any(mark in name for mark in _NOT_IN_NAMES):
        raise ValueError(f"a value without a name: {text.strip()[:60]!r}")
    if name in arguments:
        raise ValueError(f"the parameter {name!r} is given twice")
    arguments[name] = python_literal.read(value)


def results(text: str, names: list[str]) -> list[str]:
    """Return a result for each call, where the text lists results under the calls' names; else the
    text as it is."""
    if len(names) < 2:
        return [text]
    try:
        results = [bytes(result) for result in _raw_list(text)]
        if [msgspec.json.decode(result)["name"] for result in results] == names:
            return [result.decode() for result in results]
    except (ValueError, TypeError, KeyError, RecursionError):
        pass  # no such list
    return [text]
