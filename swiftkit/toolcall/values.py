"""When two JSON values are the same: each value becomes a key, and equal keys mean equal values.

`strict_key`: JSON equality. 1 equals 1.0, 1 differs from true, "1" differs from 1, the order of an object's keys is
of no account, the order of a list is.
`folded_key`: the same, but strings are compared after NFKC, case folding, and with each run of white space as one
space (none at the ends). The names of an object's keys are never folded.
"""

import unicodedata
from collections.abc import Callable, Hashable
from typing import Any

_TRUE, _FALSE = object(), object()  # because hash(True) == hash(1)


def strict_key(value: Any) -> Hashable:
    return _key(value, str)


def folded_key(value: Any) -> Hashable:
    return _key(value, fold)


def fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _key(value: Any, string: Callable[[str], str]) -> Hashable:
    if isinstance(value, str):
        return string(value)
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, list):
        return tuple([_key(item, string) for item in value])
    if isinstance(value, dict):
        return frozenset([(name, _key(item, string)) for name, item in value.items()])
    return value  # type: ignore[no-any-return]  # a number or None
