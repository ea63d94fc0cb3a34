"""The texts that stand before a call's arguments, as a wire format writes them.

    <tool_call>⏎{"name": "f", "arguments":            before the first call's
    }⏎</tool_call>⏎<tool_call>⏎{"name": "f", "arguments":    between two calls'

They are seen in what the format writes of two calls. A format that does not write arguments as JSON
has none.
"""

import json
import re
from typing import NamedTuple

from swiftkit.json_text import written
from swiftkit.toolcall.alternatives import any_of
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.wire_format import WireFormat

LONGEST = 600  # characters of a head
_FIRST, _SECOND = ToolCall("first", {"a": 1}), ToolCall("second", {"b": 2})
_PYTHON = "{'a': True,}"
_PIECE = re.compile(r'\s+|"[^"]*"|\w+|.', re.DOTALL)
_QUOTED_NAME = r'("(?:[^"\\]|\\.)++")'
_PLAIN_NAME = r'([^\s<>{}\[\]"`]+?)'
_PUNCTUATION = "{}[]:,"
_SPACE = r"\s*+"


class CallHeads(NamedTuple):
    """Patterns of the two texts, with the name as their group.

    reads_python: the arguments may be Python's, which shows late: {"a": 1,} begins as JSON.
    """

    first: re.Pattern[str]
    next: re.Pattern[str]
    reads_python: bool


def heads_of(form: WireFormat) -> CallHeads | None:
    """Return the format's heads; None where the arguments are not JSON."""
    before, _, rest = form.render([_FIRST, _SECOND]).partition(written(_FIRST.arguments))
    between, found, _ = rest.partition(written(_SECOND.arguments))
    if not found:
        return None
    first = _pattern(before, _FIRST.name)
    marks = [mark for mark in form.SIGNS.opening if mark != form.SIGNS.ending]
    if marks and not before.startswith(tuple(marks)):  # a mark that is read, not written
        first = f"(?:{any_of(marks)})?{first}"
    as_python = form.render([_FIRST]).replace(written(_FIRST.arguments), _PYTHON)
    reads_python = bool(form.parse(as_python).calls)
    following = _pattern(between, _SECOND.name)
    return CallHeads(re.compile(first), re.compile(following), reads_python)


def name_of(head: re.Match[str]) -> str:
    """Return the name that a head gives; "" for one that cannot be read."""
    if not head[1].startswith('"'):
        return head[1]
    try:
        return str(json.loads(head[1]))
    except ValueError:
        return ""


def _pattern(text: str, name: str) -> str:
    """Return a pattern of a text in which white space is free around JSON's punctuation."""
    pattern = ""
    for piece in _PIECE.findall(text):
        if piece.isspace():
            pattern += _SPACE
        elif piece.strip('"') == name:
            pattern += _QUOTED_NAME if piece.startswith('"') else _PLAIN_NAME
        elif piece in ('"arguments"', '"parameters"'):
            pattern += '"(?:arguments|parameters)"'
        elif piece.isdigit():  # of a call
            pattern += r"\d++"
        elif piece == ",":  # ms-swift leaves it out between Mistral's calls
            pattern += rf"{_SPACE},?+{_SPACE}"
        elif piece in _PUNCTUATION:
            pattern += f"{_SPACE}{re.escape(piece)}{_SPACE}"
        else:
            pattern += re.escape(piece)
    return re.sub(rf"(?:{re.escape(_SPACE)})+", lambda _: _SPACE, pattern) + r"(?=\{)"
