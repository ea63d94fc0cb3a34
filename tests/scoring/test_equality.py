"""When two JSON values are the same."""

from typing import Any

import pytest
from helpers.call_strategies import json_values
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.scoring.equality import fold, folded_key, strict_key

DIFFERENT = [
    0,
    1,
    2,
    True,
    False,
    None,
    "",
    "1",
    "true",
    [],
    [1],
    ["1"],
    [1, 2],
    [2, 1],
    {},
    {"a": 1},
    {"A": 1},
    [[]],
]


def test_strict_key_tells_apart() -> None:
    """No two of these are equal, though Python says 1 == True."""
    assert len({strict_key(value) for value in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, 1.0), (-0.0, 0), ([1, {"a": 2}], [1.0, {"a": 2.0}]), ({"a": 1, "b": 2}, {"b": 2, "a": 1})],
)
def test_strict_key_equates(left: Any, right: Any) -> None:
    """Numbers by value, objects without order, at any depth."""
    assert strict_key(left) == strict_key(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("New York", " new   YORK "),
        ("9 km/h", "9 KM/H"),
        ("12/31/2024", "１２/31/2024"),
        ("Ｎｅｗ\u3000５", "new 5"),
        ("straße", "STRASSE"),
        (["A"], ["a"]),
        ({"k": "A"}, {"k": "a"}),
        ("cafe\u0301", "CAFÉ"),
        ("O’Brien “x”", 'O\'Brien "X"'),
        ("2024–11–02 −5", "2024-11-02 -5"),
    ],
)
def test_folded_key_equates_what_a_reader_does_not_see(left: Any, right: Any) -> None:
    """Width, case, white space, curly quotation marks and dashes are folded; strictly, they
    differ."""
    assert folded_key(left) == folded_key(right)
    assert strict_key(left) != strict_key(right)


def test_folded_key_tells_punctuation_and_keys_apart() -> None:
    """A full stop, an accent, a superscript, another script, no width at all, and the name of a key
    all matter."""
    different = [
        "a",
        "a.",
        "á",
        "а",
        "a\u200b",
        "10²",
        "102",
        "1.5",
        "15",
        "-5",
        "5",
        {"k": 1},
        {"K": 1},
    ]
    assert len({folded_key(value) for value in different}) == len(different)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("a b", "a\nb"),
        ("a\nb", "a b"),
        ("a b", "a\tb"),
        ("a b", "a\x1fb"),
        ("a b", "a\x85b"),
        ("a", "a\n"),
        ("/home/Ann", "/home/ann"),
        ("~/Data", "~/data"),
        ("/home/ann", "／home／ann"),
        ("C:\\Temp", "c:\\temp"),
        ("src/Main.py", "src/main.py"),
        ("a/b/C", "a/b/c"),
        ("https://x.org/A", "https://x.org/a"),
        ("f(X)", "f(x)"),
        ("x = 1", "x  =  1"),
        ("2x**2", "2X**2"),
        ("user_Name", "user_name"),
        ("rm -r  a", "rm -r a"),
        ("{a: 1}", "{A: 1}"),
        ("go();", "GO();"),
    ],
)
def test_folded_key_of_what_a_machine_reads_is_strict(text: str, other: str) -> None:
    """Paths, addresses, code, identifiers and control characters count letter by letter, on either
    side and inside a list."""
    assert folded_key(text) != folded_key(other)
    assert folded_key([text]) != folded_key([other])
    assert folded_key(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12))
def test_folding_twice_is_folding_once(text: str) -> None:
    """What is equal to a folded text is equal to the text."""
    assert fold(fold(text)) == fold(text)


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_keys_are_hashable(value: Any) -> None:
    """Every JSON value has both keys, and is equal to itself."""
    assert hash(strict_key(value)) == hash(strict_key(value))
    assert folded_key(value) in {folded_key(value)}
