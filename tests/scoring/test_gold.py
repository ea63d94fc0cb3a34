"""Golds: read early, checked early."""

import json
from typing import Any

import pytest
from helpers.call_strategies import gold_lists
from hypothesis import given, settings

from swiftkit.errors import DataError
from swiftkit.scoring.gold import Gold, gold_from, gold_of, gold_to_json
from swiftkit.toolcall.call import ToolCall


@settings(max_examples=100, deadline=None)
@given(gold_lists())
def test_round_trip(gold: Gold) -> None:
    """A gold survives being written and read."""
    assert gold_from(gold_to_json(gold), "here").calls == gold.calls


def test_gold_of_calls() -> None:
    """The gold of calls is their names and arguments, and nothing else."""
    assert json.loads(gold_to_json(gold_of([ToolCall("f", {"a": 1})]))) == [
        {"name": "f", "arguments": {"a": 1}}
    ]
    assert gold_to_json(gold_of([])) == "[]"


@pytest.mark.parametrize(
    "gold",
    [
        None,
        5,
        [{"name": "f", "arguments": {}}],
        "",
        "not JSON",
        "{}",
        "[1]",
        '[{"name": "f"}]',
        '[{"name": "", "arguments": {}}]',
        '[{"name": "f", "arguments": []}]',
        '[{"name": "f", "arguments": "{}"}]',
        '[{"name": "f", "arguments": {}, "argument": {}}]',
        '[{"name": "f", "arguments": {"a": NaN}}]',
        '[{"name": "f", "arguments": {"a": 1}, "accepted": {"a": [2]}}]',
        '[{"name": "f", "arguments": {"a": 1}, "accepted": {"a": []}}]',
        '[{"name": "f", "arguments": {"a": 1}, "accepted": {"a": 1}}]',
        '[{"name": "f", "arguments": {}, "accepted": {"a": [1]}}]',
        '[{"name": "f", "arguments": {}, "optional": ["a"]}]',
        '[{"name": "f", "arguments": {"a": ' + "[" * 600 + "]" * 600 + "}}]",
        "[" * 10_000,
    ],
)
def test_bad_gold_raises(gold: Any) -> None:
    """A gold that no model could meet, or that cannot be read, is refused with its place and
    code."""
    with pytest.raises(DataError, match=r"^row 7: bad gold") as caught:
        gold_from(gold, "row 7")
    assert caught.value.code == "bad_gold"
