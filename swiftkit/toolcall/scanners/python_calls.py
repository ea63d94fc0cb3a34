"""Calls as Python writes them: name(argument=value). They are parsed, never run.

Arguments have names and are literals (python_literal.py); `true`, `false` and `null` are read too.
Names are identifiers, perhaps with dots, and arguments' names are identifiers: nothing else can be
written.

Python's own parser takes five times as long as what most calls need, which the patterns here read:
texts without backslashes, numbers, words, and lists that JSON writes alike. All else is left to it.
"""

import ast
import keyword
import re
import unicodedata
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import raw_decode, skip_space, written
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.text_arguments import WORDS

# \w lacks the combining marks that identifiers of other scripts have
NAME = r"(?:[^\W\d]|[^\x00-\x7f])(?:[\w.]|[^\x00-\x7f])*+"
HEAD = re.compile(rf"\s*+\[?+\s*+{NAME}\(")  # of calls, or a list of them
_BETWEEN = re.compile(r"\s*+[,;]?+\s*+")
# names and numbers are ASCII, which needs no normal form; digits are few, as Python limits them
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*+"
_HEAD = re.compile(rf"({_IDENTIFIER}(?:\.{_IDENTIFIER})*+)\((\))?")
_ARGUMENT = re.compile(
    rf"""
    [ ]*+({_IDENTIFIER})=(?:
        "([^"\\\n\r\0]*+)"
        | '([^'\\\n\r\0]*+)'
        | (-?(?:0|[1-9][0-9]{{0,17}})(\.[0-9]{{1,17}})?+)
        | (True|False|None|true|false|null)
        | (?=\[)
    )""",
    re.VERBOSE,
)
_NEXT = re.compile(r"[ ]*+([,)])")
_NEXT_CALL = re.compile(r"[ ]*+(?:,[ ]*+|(\]))")
_NOT_ALIKE = re.compile(r"[\\\n\r\0{]")  # where JSON and Python may differ
_MOST_LISTS = 50


def read_lines(text: str, start: int) -> tuple[list[ToolCall], int]:
    """Return the calls that begin here, a line each or as a list, and the position behind them.
    Raises ValueError or RecursionError."""
    calls: list[ToolCall] = []
    position = skip_space(text, start)
    if text.startswith("[", position):
        calls, end = list_at(text, position)
        position = skip_space(text, end)
    while HEAD.match(text, position):
        call, end = call_at(text, position)
        calls.append(call)
        between = _BETWEEN.match(text, end)
        position = between.end() if between else end
    return calls, position


def list_at(text: str, start: int) -> tuple[list[ToolCall], int]:
    """Return the calls of the Python list that begins here, and the position behind it. Raises
    ValueError or RecursionError."""
    if plain := plain_list_at(text, start):
        return plain
    end = python_literal.end_of(text, start)
    return read_list(text[start:end]), end


def call_at(text: str, start: int) -> tuple[ToolCall, int]:
    """Return the call whose name begins here, and the position behind it. Raises ValueError or
    RecursionError."""
    if plain := _plain_call_at(text, start):
        return plain
    end = python_literal.end_of(text, text.index("(", start))
    return _call(python_literal.tree_of(text[start:end], python_literal.LONGEST)), end


def read_list(text: str) -> list[ToolCall]:
    """Return the calls of a text that is a Python list of calls. Raises ValueError or
    RecursionError."""
    tree = python_literal.tree_of(text, python_literal.LONGEST)
    if not isinstance(tree, ast.List):
        raise ValueError("the calls are no list")  # noqa: TRY004 - malformed
    return [_call(node) for node in tree.elts]


def plain_list_at(text: str, start: int) -> tuple[list[ToolCall], int] | None:
    """Return the calls of the list that begins here, and the position behind it; None where that
    needs Python's parser."""
    calls: list[ToolCall] = []
    position = start + 1
    while position - start <= python_literal.LONGEST:
        plain = _plain_call_at(text, position)
        follows = _NEXT_CALL.match(text, plain[1]) if plain else None
        if not plain or not follows:
            return None
        calls.append(plain[0])
        position = follows.end()
        if follows[1]:
            return calls, position
    return None


def _plain_call_at(text: str, start: int) -> tuple[ToolCall, int] | None:
    """Return the call that begins here, and the position behind it; None as for plain_list_at."""
    head = _HEAD.match(text, start)
    if not head or any(map(_is_no_name, head[1].split("."))):
        return None
    arguments: dict[str, Any] = {}
    position = head.end()
    end = ")" if head[2] else ","
    while end == ",":
        argument = _ARGUMENT.match(text, position)
        if not argument or argument[1] in arguments or _is_no_name(argument[1]):
            return None
        value = _plain_value_at(text, argument)
        if value is None:
            return None
        arguments[argument[1]], position = value
        follows = _NEXT.match(text, position)
        if not follows:
            return None
        position, end = follows.end(), follows[1]
    part = text[start:position]
    if len(part) > python_literal.LONGEST or not _is_text(part):
        return None
    return ToolCall(head[1], arguments), position


def _plain_value_at(text: str, argument: re.Match[str]) -> tuple[Any, int] | None:
    """Return the value of this argument, and the position behind it; None as for plain_list_at."""
    _, double, single, number, fraction, word = argument.groups()
    end = argument.end()
    if double is not None:
        return double, end
    if single is not None:
        return single, end
    if number:
        return (float(number) if fraction else int(number)), end
    if word:
        return WORDS[word], end
    try:
        value, behind = raw_decode(text, end)
    except (ValueError, RecursionError):
        return None
    is_deep = text.count("[", end, behind) > _MOST_LISTS
    return None if is_deep or _NOT_ALIKE.search(text, end, behind) else (value, behind)


def _is_no_name(identifier: str) -> bool:
    return keyword.iskeyword(identifier) or identifier == "__debug__"


def _is_text(text: str) -> bool:
    """Tell if a text holds no lone surrogate, which Python cannot read."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def written_list(calls: list[ToolCall]) -> str:
    """Return a Python list of calls. Raises DataError (bad_call)."""
    return f"[{', '.join(map(written_call, calls))}]"


def written_call(call: ToolCall) -> str:
    """Return a call; strings have double quotes, True, False and None are Python's.

    Raises DataError (bad_call) for names and text that Python cannot carry.
    """
    for name in (*call.name.split("."), *call.arguments):
        # Python reads a name in its normal form (NFKC), so another form comes back changed.
        is_normal = unicodedata.normalize("NFKC", name) == name
        if not name.isidentifier() or keyword.iskeyword(name) or not is_normal:
            fix = "give tools and parameters names that are Python identifiers"
            raise DataError(f"a Python call cannot carry the name {name!r}", "bad_call", fix)
    arguments = ", ".join(f"{name}={_literal(value)}" for name, value in call.arguments.items())
    return f"{call.name}({arguments})"


def _call(node: ast.expr) -> ToolCall:
    if not isinstance(node, ast.Call):
        raise ValueError(f"no call: {type(node).__name__}")  # noqa: TRY004 - malformed
    if node.args or any(argument.arg is None for argument in node.keywords):
        raise ValueError("an argument without a name")
    values = [(str(each.arg), python_literal.value_of(each.value)) for each in node.keywords]
    arguments = dict(values)
    if len(arguments) < len(values):
        raise ValueError("an argument is given twice")
    return ToolCall(_dotted_name(node.func), arguments)


def _dotted_name(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise ValueError("the call has no name")  # noqa: TRY004
    return ".".join([node.id, *reversed(parts)])


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        items = [f"{_literal(key)}: {_literal(item)}" for key, item in value.items()]
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            problem = "Python text cannot carry a lone surrogate"
            raise DataError(problem, "bad_call", "mend the text") from error
    return written(value)
