"""Equality of JSON values: each value becomes a key, and equal keys mean equal values.

`strict_key`: JSON equality. 1 equals 1.0 (as JSON Schema has it: 5 is a number as good as 5.0, and
5.0 an integer), 1 differs from true, "1" differs from 1, the order of an object's keys is of no
account, the order of a list is. `folded_key`: the same, but strings are compared after `fold`. The
names of an object's keys are never folded, nor is the value of a key whose name says that it counts
letter by letter (literal_names.py).

`fold` takes away what a careful reader does not see: letter case, the width of letters and digits,
how an accent is composed, curly or straight quotation marks, which dash it is, and how much white
space stands between words (none at the ends). All else counts: punctuation ("1.5" is not "15"),
accents, superscripts, letters of another script that look the same, characters without width,
control characters (line breaks too). A text that a machine reads is never folded: a path, an
address, code, an identifier (`is_literal`).
"""

import re
from collections.abc import Callable, Hashable
from typing import Any
from unicodedata import decomposition, normalize

from swiftkit.scoring.literal_names import is_literal_name

_TRUE, _FALSE = object(), object()  # because hash(True) == hash(1)
_WIDE_AND_NARROW = [*map(chr, range(0xFF01, 0xFFEF)), *"\u3000\u00a0\u2007\u202f"]
_FOLDED = (
    str.maketrans("‘’‚‛′", "'" * 5)
    | str.maketrans("“”„‟″", '"' * 5)
    | str.maketrans("‐‑‒–—―−", "-" * 7)
    | {ord(wide): normalize("NFKC", wide) for wide in _WIDE_AND_NARROW if decomposition(wide)}
)

# a sign of a path or address, or of code; prose has none of them
_LITERAL = re.compile(
    r"""
    [\x00-\x1f\x7f-\x9f\u2028\u2029]     # control characters, line breaks
    | :// | \\ | ^\s*[~.]{0,2}/          # https://..., C:\..., /home, ~/x, ./x, ../x
    | ^[^\s/]+/[^\s/]+[/.]\S*[^\W\d]     # src/main.py, a/b/c; no date
    | [{}<>=`|_] | \*\* | \w\( | ::       # f(x), a == 1, snake_case
    | ;\s*$ | (?:^|\s)--?[^\W\d]         # a statement; flags of a command
    """,
    re.VERBOSE,
)


def strict_key(value: Any) -> Hashable:
    """Return a key that equals those of equal values. Raises RecursionError for a deep value."""
    return _key(value, str)


def folded_key(value: Any) -> Hashable:
    """Return a key that equals those of values that are equal once their strings are folded."""
    return _key(value, fold)


def fold(text: str) -> str:
    """Return a text that equals those of texts which a reader takes for the same."""
    if text.isascii():
        if text.isalnum():  # most are a word, which needs no look at its signs
            return text.lower()
        return text if is_literal(text) else " ".join(text.lower().split())
    plain = normalize("NFC", text.translate(_FOLDED))
    folded = " ".join(plain.casefold().split())
    # a wide slash is one only in the folded text
    return text if is_literal(text) or is_literal(folded) else folded


def is_literal(text: str) -> bool:
    """Tell if a text is to be taken letter by letter: a path, an address, code, an identifier."""
    return _LITERAL.search(text) is not None


def _key(value: Any, string_key: Callable[[str], str]) -> Hashable:
    if isinstance(value, str):
        return string_key(value)
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, list):
        return tuple([_key(item, string_key) for item in value])
    if isinstance(value, dict):
        items = []
        for name, item in value.items():
            is_folded = string_key is fold and not is_literal_name(name)
            items.append((name, _key(item, fold if is_folded else str)))
        return frozenset(items)
    return value  # type: ignore[no-any-return]  # a number or None
