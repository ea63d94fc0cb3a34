"""When two JSON values are the same."""

from typing import Any

import pytest
from call_strategies import json_values
from hypothesis import given, settings

from swiftkit.toolcall.values import folded_key, strict_key

DIFFERENT = [0, 1, 2, True, False, None, "", "1", "true", [], [1], ["1"], [1, 2], [2, 1], {}, {"a": 1}, {"A": 1}, [[]]]


def test_strict_key_tells_apart() -> None:
    """No two of these are equal, though Python says 1 == True."""
    assert len({strict_key(value) for value in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize(
    ("left", "right"), [(1, 1.0), (-0.0, 0), ([1, {"a": 2}], [1.0, {"a": 2.0}]), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
)
def test_strict_key_equates(left: Any, right: Any) -> None:
    """Numbers by value, objects without order, at any depth."""
    assert strict_key(left) == strict_key(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [("New York", " new\n  YORK "), ("Ｎｅｗ", "new"), ("straße", "STRASSE"), (["A"], ["a"]), ({"k": "A"}, {"k": "a"})],
)
def test_folding(left: Any, right: Any) -> None:
    """Width, case and white space are folded; strictly, they differ."""
    assert folded_key(left) == folded_key(right)
    assert strict_key(left) != strict_key(right)


def test_folding_keeps_punctuation_and_keys() -> None:
    """A full stop, an accent, and the name of a key all matter."""
    assert len({folded_key(value) for value in ["a", "a.", "á", {"k": 1}, {"K": 1}]}) == 5


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_keys_are_hashable(value: Any) -> None:
    """Every JSON value has both keys, and is equal to itself."""
    assert hash(strict_key(value)) == hash(strict_key(value))
    assert folded_key(value) in {folded_key(value)}
