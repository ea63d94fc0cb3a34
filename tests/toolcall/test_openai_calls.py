"""OpenAI's form of calls: read from answers that may be anything, written for requests."""

from typing import Any

import pytest
from helpers.call_strategies import json_values
from hypothesis import given, settings

from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.call import Parsed, ToolCall

CALLS = [ToolCall("f", {"a": 1.5, "城市": "北京"}), ToolCall("g", {})]


def test_rendered_calls_read_back() -> None:
    """Rendered calls read back; ids are numbered."""
    rendered = openai_calls.render(CALLS)
    assert [call["id"] for call in rendered] == ["call_0", "call_1"]
    assert openai_calls.parse({"content": None, "tool_calls": rendered}) == Parsed(CALLS)


@pytest.mark.parametrize(
    "tool_calls",
    [5, "f", {"a": 1}, [None], [{"function": {"name": "f", "arguments": "{"}}], [{"function": {}}]],
)
def test_parse_of_broken_calls_is_malformed(tool_calls: Any) -> None:
    """A model's broken call is data: no exception, and a reason."""
    parsed = openai_calls.parse({"content": "hm", "tool_calls": tool_calls})
    assert parsed.calls == []
    assert parsed.malformed
    assert parsed.content == "hm"


@settings(max_examples=200, deadline=None)
@given(json_values, json_values)
def test_parse_of_any_json_never_raises(content: Any, tool_calls: Any) -> None:
    """Arbitrary JSON in both fields."""
    assert isinstance(openai_calls.parse({"content": content, "tool_calls": tool_calls}), Parsed)


def test_parse_replaces_lone_surrogates_in_arguments() -> None:
    """Servers hand on what a model wrote, as an escape."""
    function = {"name": "f", "arguments": '{"a": "\\ud835"}'}
    parsed = openai_calls.parse({"tool_calls": [{"id": "1", "function": function}]})
    assert parsed.calls == [ToolCall("f", {"a": "\ufffd"})]
