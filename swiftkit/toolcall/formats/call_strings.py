r"""Calls as people write them in a line: name(argument=value, argument=value).

    queryWeather(location=北京, date=now)
    search(q="a, b", limit=5, tags=['x', "y"]); now()

A text is a call string if it is calls and nothing else: one after the other with a line break, a
comma or a semicolon between them, a semicolon perhaps at the end, all of them perhaps in [ ]. Each
is NAME(ARGUMENT=VALUE, ...) or NAME().

    NAME, ARGUMENT   a letter or _, then letters, digits, _ . and -; any other as a JSON string;
                     in [ ] a NAME may hold single blanks, as in [Get Weather(city="Oslo")]
    VALUE            "text" or 'text', [..], {..}    its value in JSON or as a Python literal
                     5  -1.5  2e3       the number, as JSON writes it: 007 and 2025-04-24 are text
                     true false null    as in JSON; True, False and None as in Python
                     anything else      text as it stands, without , ( ) and line breaks

All other text is prose: words outside of the calls, or a call whose first argument has no name,
such as f(x). What is made of calls but cannot be read is malformed: a call that is never closed, an
argument given twice, without a value or, after the first, without a name; a call as a value; a list
or a string that is broken.

Written by: preference data; ToolACE, with blanks in names, in a list.
Read too: `'text'`, JSON, Python's literals.
Limits: the whole answer.
Engines: none; SGLang's `pythonic` reads those in a list.

Source: reward and preference data of "fuzzy question to tool calls" projects; ToolACE's calls.
"""

import re
from typing import Any

from swiftkit.json_text import raw_decode, reason, skip_space, written
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.text_arguments import NUMBER, WORDS
from swiftkit.toolcall.wire_format import Signs, WholeAnswer

_BARE_NAME = r"[^\W\d][\w.\-]{0,127}"
_QUOTED_NAME = r'"(?:[^"\\]|\\.)*"'
_NAME = rf"({_BARE_NAME}|{_QUOTED_NAME})\s*"
# in a list, as ToolACE writes it
_SPACED_NAME = rf"{_BARE_NAME}(?: [\w.\-]{{1,64}}){{1,15}}(?=\()"
_CALL_START = rf"\(\s*(?:\)|(?={_NAME}=(?!=)))"
_HEAD = re.compile(_NAME + _CALL_START)
_LIST_HEAD = re.compile(rf"({_SPACED_NAME}|{_BARE_NAME}|{_QUOTED_NAME})\s*{_CALL_START}")
_ARGUMENT = re.compile(rf"\s*{_NAME}=(?!=)\s*")
_SEPARATOR = re.compile(r"\s*[;,]\s*|\s*\n\s*")
_BARE_VALUE = re.compile(r"[^,()\n]*")
# a wide comma before another argument, which the value would swallow
_WIDE_COMMA = re.compile(rf"[，；、]\s*{_BARE_NAME}\s*=")
_PLAIN = re.compile(r"[\w.:/%+@°-]+(?: [\w.:/%+@°-]+)*")


def render(calls: list[ToolCall]) -> str:
    """Write one call a line; text is quoted only where it must be."""
    lines = []
    for call in calls:
        arguments = [f"{_name(key)}={_value(value)}" for key, value in call.arguments.items()]
        lines.append(f"{_name(call.name)}({', '.join(arguments)})")
    return "\n".join(lines)


def parse(text: str) -> Parsed:
    """Read an answer; one without calls is kept as content, its reasoning too."""
    parsed = blocks.read_whole(text, read)
    return parsed if parsed.calls else Parsed([], text, parsed.malformed)


def read(answer: str) -> Parsed:
    """Read an answer without reasoning."""
    body = answer.strip().rstrip(";").rstrip()
    head_of = _HEAD
    if body.startswith("[") and body.endswith("]"):
        body = body[1:-1].strip()
        head_of = _LIST_HEAD
    calls: list[ToolCall] = []
    malformed = ""
    position = 0
    while head := head_of.match(body, position):
        try:
            call, position = _read_call(body, head)
            calls.append(call)
        except (ValueError, RecursionError) as error:
            malformed = malformed or reason(error)
            position = python_literal.end_of(body, body.index("(", head.end(1)))
        if position == len(body):
            return Parsed([], answer, malformed) if malformed else Parsed(calls)
        separator = _SEPARATOR.match(body, position)
        if not separator:
            break
        position = separator.end()
    return Parsed([], answer)


def _read_call(text: str, head: re.Match[str]) -> tuple[ToolCall, int]:
    """Return the call that begins here, and the position behind it."""
    name, position = _unquoted(head[1]), head.end()
    if not name:
        raise ValueError("a call without a name")
    arguments: dict[str, Any] = {}
    end = text[position - 1]
    while end != ")":
        argument = _ARGUMENT.match(text, position)
        if not argument:
            raise ValueError("an argument without a name")
        key = _unquoted(argument[1])
        if key in arguments:
            raise ValueError(f"the argument {key!r} is given twice")
        arguments[key], position = _read_value(text, argument.end())
        position = skip_space(text, position) + 1
        end = text[position - 1 : position]
        if not end:
            raise ValueError("the call is never closed")
        if end not in ",)":
            raise ValueError("text after a value")
    return ToolCall(name, arguments), position


def _unquoted(name: str) -> str:
    return str(raw_decode(name, 0)[0]) if name.startswith('"') else name


def _read_value(text: str, start: int) -> tuple[Any, int]:
    """Return the value that begins here, and the position behind it."""
    if text[start : start + 1] in ("[", "{", '"', "'"):
        try:
            return raw_decode(text, start)
        except (ValueError, RecursionError):  # then it may be Python's
            end = python_literal.end_of(text, start)
            return python_literal.read(text[start:end]), end
    bare = _BARE_VALUE.match(text, start)
    end = bare.end() if bare else start
    word = text[start:end].strip()
    if not word:
        raise ValueError("an argument without a value")
    if text.startswith("(", end) or _WIDE_COMMA.search(word):
        raise ValueError("a value that needs quotes")
    if word in WORDS:
        return WORDS[word], end
    return (raw_decode(word, 0)[0] if NUMBER.fullmatch(word) else word), end


def _name(name: str) -> str:
    return name if re.fullmatch(_BARE_NAME, name) else written(name)


def _value(value: Any) -> str:
    """Return the value as JSON, but text as it stands where that reads back as text."""
    is_plain = isinstance(value, str) and _PLAIN.fullmatch(value)
    if is_plain and value not in WORDS and not NUMBER.fullmatch(value):
        return str(value)
    return written(value)


SIGNS = Signs(whole=WholeAnswer(read))
