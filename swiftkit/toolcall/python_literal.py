"""One value as text, in JSON or as Python writes it.

    {'city': "Oslo", 'days': [1, 2.5], 'now': True}

Models and scripts print dicts where JSON was meant. The text is parsed, never run, and what could
be read in two ways is refused: strings side by side (a quote inside a quote), comments, names,
sums, keys that are no text. `true`, `false` and `null` are read in both; a tuple is a list.
"""

import ast
import re
import warnings
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct, raw_decode

# Repetitions are possessive and an escape is a token of its own, so that no text makes the search
# go back.
STRING = r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+\""""
LONGEST = 50_000  # characters of Python in a model's answer
_WORDS = {"true": True, "false": False, "null": None}
# a string, with another one beside it as the group; an escape outside of strings; a comment
_STRINGS = re.compile(rf"(?:{STRING})(\s*['\"])?|\\.|\#", re.DOTALL)
_TOKENS = re.compile(rf"{STRING}|\\.|[\[({{\])}}]", re.DOTALL)


_PLAIN_STRING = re.compile(r"'[^'\\\x00-\x1f]*+'")  # most of them


def read(text: str, longest: int | None = None) -> Any:
    """Return the value of a text. Raises ValueError, whatever the text is.

    longest: see tree_of.
    """
    if _PLAIN_STRING.fullmatch(text):
        return text[1:-1]
    try:
        return decode_distinct(text, "JSON")
    except DataError as error:
        raise ValueError(error.reason) from error
    except (ValueError, RecursionError):
        pass  # then it must be Python's
    try:
        return value_of(tree_of(text, longest))
    except RecursionError as error:
        raise ValueError("neither JSON nor a Python literal: nested too deeply") from error


def json_at(text: str, start: int, where: str) -> tuple[Any, int]:
    """Return the JSON value that begins at `start`, and the position behind it. Raises what
    json_text.decode_distinct raises."""
    _, end = raw_decode(text, start)
    # read again, as json's own reader lets lone surrogates pass
    return decode_distinct(text[start:end], where), end


def object_at(text: str, start: int) -> tuple[dict[str, Any], int]:
    """Return the object that begins at `start`, in JSON or Python, and the position behind it.
    Raises ValueError or RecursionError."""
    end = end_of(text, start)
    # json counts the lines before an error, so it is given no more than this
    part = text[start:end]
    try:
        value = raw_decode(part, 0)[0]
    except (ValueError, RecursionError):
        value = read(part, LONGEST)
    if not isinstance(value, dict):
        raise ValueError("the arguments are not an object")  # noqa: TRY004 - malformed
    return value, end


def end_of(text: str, start: int) -> int:
    """Return the position behind the bracket or the string that begins at `start`. That is the
    text's end if it is never closed."""
    depth = 0
    for token in _TOKENS.finditer(text, start):
        depth += (token[0] in "[({") - (token[0] in "])}")
        if depth <= 0:
            return token.end()
    return len(text)


def tree_of(text: str, longest: int | None = None) -> ast.expr:
    """Parse a text as one Python expression.

    Raises ValueError, also for what could be read in two ways. Python's parser takes microseconds a
    character: a text of more than `longest` characters is refused.
    """
    if longest is not None and len(text) > longest:
        raise ValueError(f"neither JSON nor a Python literal of up to {longest} characters")
    try:
        with warnings.catch_warnings():
            # an unknown escape in a string is only a warning to Python
            warnings.simplefilter("error")
            tree = ast.parse(text.strip(), mode="eval")
    # MemoryError: nested too deeply for the parser
    except (SyntaxError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "nested too deeply"
        raise ValueError(f"neither JSON nor a Python literal: {reason}") from error
    for token in _STRINGS.finditer(text):
        if token[1] or token[0] == "#":
            raise ValueError("two strings side by side, or a comment")
    return tree.body


def value_of(node: ast.expr) -> Any:
    """Return the value of a parsed expression. Raises ValueError for what is no literal, or
    RecursionError."""
    match node:
        case ast.Constant():
            return _constant(node.value)
        case ast.List() | ast.Tuple():
            return [value_of(item) for item in node.elts]
        case ast.Dict():
            return _dict(node)
        case ast.Name() if node.id in _WORDS:
            return _WORDS[node.id]
        case ast.UnaryOp(op=ast.USub()):
            number = value_of(node.operand)
            if isinstance(number, int | float) and not isinstance(number, bool):
                return -number
    raise ValueError(f"no literal value: {type(node).__name__}")


def _constant(value: Any) -> Any:
    if isinstance(value, str):
        value.encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("a number out of range")
    elif not isinstance(value, int | float | None):
        raise ValueError(f"no literal value: {type(value).__name__}")
    return value


def _dict(node: ast.Dict) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        key = value_of(key_node) if key_node else None  # None: **other
        if not isinstance(key, str) or key in values:
            raise ValueError("a key that is no text, or one given twice")
        values[key] = value_of(value_node)
    return values
