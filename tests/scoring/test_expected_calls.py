"""Golds as rows hold them: read early, checked early."""

import json
from typing import Any

import pytest
from helpers.call_strategies import gold_lists
from hypothesis import given, settings

from swiftkit.errors import DataError
from swiftkit.scoring.expected_calls import expect_exactly, read_expected_calls, to_json
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.toolcall.call import ToolCall


@settings(max_examples=100, deadline=None)
@given(gold_lists())
def test_written_calls_read_back(gold: Gold) -> None:
    """A gold survives being written and read."""
    text = to_json(gold.calls)
    assert tuple(read_expected_calls(text, "here")) == gold.calls
    assert gold_from(text, "here").calls == gold.calls


def test_expect_exactly_names_calls_and_arguments_alone() -> None:
    """The gold of calls is their names and arguments, and nothing else."""
    calls = expect_exactly([ToolCall("f", {"a": 1})])
    assert json.loads(to_json(calls)) == [{"name": "f", "arguments": {"a": 1}}]
    assert to_json(expect_exactly([])) == "[]"


@pytest.mark.parametrize("read", [read_expected_calls, gold_from])
@pytest.mark.parametrize(
    "text",
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
def test_a_gold_that_cannot_be_met_raises_bad_gold(read: Any, text: Any) -> None:
    """A gold that no model could meet, or that cannot be read, is refused with its place and
    code."""
    with pytest.raises(DataError, match=r"^row 7: bad gold") as caught:
        read(text, "row 7")
    assert caught.value.code == "bad_gold"
