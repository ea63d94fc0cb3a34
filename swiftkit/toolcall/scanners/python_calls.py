"""Calls as Python writes them: name(argument=value). They are parsed, never run.

Arguments have names and are literals (python_literal.py); `true`, `false` and `null` are read too.
Names are identifiers, perhaps with dots, and arguments' names are identifiers: nothing else can be
written.
"""

import ast
import keyword
import re
import unicodedata
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import skip_space, written
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import ToolCall

HEAD = re.compile(r"\s*+\[?+\s*+[^\W\d][\w.]*+\(")  # of calls, or a list of them
_BETWEEN = re.compile(r"\s*+[,;]?+\s*+")


def read_lines(text: str, start: int) -> tuple[list[ToolCall], int]:
    """Return the calls that begin here, a line each or as a list, and the position behind them.
    Raises ValueError or RecursionError."""
    calls: list[ToolCall] = []
    position = skip_space(text, start)
    if text.startswith("[", position):
        end = python_literal.end_of(text, position)
        calls = read_list(text[position:end])
        position = skip_space(text, end)
    while head := HEAD.match(text, position):
        end = python_literal.end_of(text, head.end() - 1)
        calls.append(read_call(text[position:end]))
        between = _BETWEEN.match(text, end)
        position = between.end() if between else end
    return calls, position


def read_list(text: str) -> list[ToolCall]:
    """Return the calls of a text that is a Python list of calls. Raises ValueError or
    RecursionError."""
    tree = python_literal.tree_of(text, python_literal.LONGEST)
    if not isinstance(tree, ast.List):
        raise ValueError("the calls are no list")  # noqa: TRY004 - malformed
    return [_call(node) for node in tree.elts]


def read_call(text: str) -> ToolCall:
    """Return the call that a text is. Raises ValueError or RecursionError."""
    return _call(python_literal.tree_of(text, python_literal.LONGEST))


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
