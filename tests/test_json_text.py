"""JSON text inside a record: one value under each key, whatever else its strings hold."""

import json

import pytest
from helpers.call_strategies import json_values
from hypothesis import given

from swiftkit.errors import DataError
from swiftkit.json_text import (
    decode_distinct,
    replace_escaped_surrogates,
    replace_surrogates,
    without_surrogates,
    written,
)


def has_no_lone_surrogate(value: object) -> bool:
    try:
        return bool(json.dumps(value, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return False


@given(json_values.filter(has_no_lone_surrogate))
def test_a_value_comes_back(value: object) -> None:
    """What JSON writes is read, colons and escapes in its strings or not."""
    assert decode_distinct(json.dumps(value), "here") == value
    assert (
        decode_distinct(json.dumps(value, ensure_ascii=False, separators=(",", ":")), "here")
        == value
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        r'{"a": "\u003a", "a": 2}',
        '{"x": [{"a": {}, "a": []}]}',
        '{"a:": ":", "a:": ""}',
    ],
)
def test_two_values_under_one_key_are_refused(text: str) -> None:
    """At any depth; the message names the place and the key."""
    with pytest.raises(DataError) as caught:
        decode_distinct(text, "here")
    assert caught.value.code == "duplicate_key"
    assert "here: the key 'a" in caught.value.reason


def test_the_same_value_twice_is_no_loss() -> None:
    """Nothing is lost by taking one of them."""
    assert decode_distinct('{"a": 1, "a": 1}', "here") == {"a": 1}


@pytest.mark.parametrize("text", ["", "{", "NaN", "1e999", '"\\ud800"', "[" * 100_000])
def test_what_is_no_json_raises(text: str) -> None:
    """The two errors that callers know."""
    with pytest.raises((ValueError, RecursionError)):
        decode_distinct(text, "here")


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("plain", "plain"),
        ("晴 \U0001f600", "晴 \U0001f600"),
        ("\ud835", "\ufffd"),
        ("\udc00a\ud835b", "\ufffda\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ufeff\ud835", "\ufeff\ufffd"),
    ],
)
def test_lone_surrogates_are_replaced_in_texts_values_and_json(text: str, replaced: str) -> None:
    """Each by one character, and no other is touched."""
    assert replace_surrogates(text) == replaced
    assert without_surrogates({text: [text, 1.5, None]}) == {replaced: [replaced, 1.5, None]}
    assert json.loads(replace_escaped_surrogates(json.dumps({text: text}))) == {replaced: replaced}


@pytest.mark.parametrize(
    "text", ['{"a": "\\ud83d\\ude00"}', '{"a": "\\\\ud835"}', '{"a": \\ud835}', ""]
)
def test_json_without_a_lone_surrogate_stays_as_it_is(text: str) -> None:
    """A pair, a backslash before the u, and what is no JSON."""
    assert replace_escaped_surrogates(text) is text


@given(json_values)
def test_written_json_can_be_stored_and_comes_back(value: object) -> None:
    """Lone surrogates too, as escapes."""
    text = written({"value": value})
    assert json.loads(text.encode()) == {"value": value}
