"""One value as text, in JSON or as Python writes it: {'city': "Oslo", 'days': [1, 2.5], 'now': True}.

Models and scripts print dicts where JSON was meant. The text is parsed, never run, and what could be read in two ways
is refused: strings side by side (a quote inside a quote), comments, names, sums, keys that are no text. `true`, `false`
and `null` are read in both; a tuple is a list.
"""

import ast
import re
import warnings
from typing import Any

from swiftkit.errors import DataError
from swiftkit.toolcall.json_text import decode, raw_decode

STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_WORDS = {"true": True, "false": False, "null": None}
_SPELLING = re.compile(rf"(?:{STRING})(\s*['\"])?|\\.|\#", re.DOTALL)


def read(text: str) -> Any:
    """The value. Raises ValueError, whatever the text is."""
    try:
        return decode(text, "JSON")
    except DataError as error:
        raise ValueError(error.reason) from error
    except (ValueError, RecursionError):
        pass  # then it must be Python's
    try:
        return _read_python(text)
    except (SyntaxError, RecursionError, MemoryError) as error:  # MemoryError: nested too deeply for the parser
        reason = error.msg if isinstance(error, SyntaxError) else "nested too deeply"
        raise ValueError(f"neither JSON nor a Python literal: {reason}") from error


def json_at(text: str, start: int, where: str) -> tuple[Any, int]:
    """The JSON value that begins here, and the position behind it. Raises what json_text.decode raises."""
    _, end = raw_decode(text, start)
    return decode(text[start:end], where), end  # json's own reader lets lone surrogates pass


def _read_python(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an unknown escape in a string is only a warning to Python
        tree = ast.parse(text.strip(), mode="eval")
    for token in _SPELLING.finditer(text):
        if token[1] or token[0] == "#":
            raise ValueError("two strings side by side, or a comment")
    return _value(tree.body)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return _dict(node)
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return _WORDS[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(node.operand)
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
    keys = [_value(key) if key else None for key in node.keys]
    if not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise ValueError("a key that is no text, or one given twice")
    return {str(key): _value(value) for key, value in zip(keys, node.values, strict=True)}
