"""Tools as a server's template sees them; tests/e2e/test_served_prompt_vllm.py asks vLLM itself."""

import json
from typing import Any

import pytest

from swiftkit.errors import DataError
from swiftkit.rendering.served_tools import tools_as_served

SCHEMA = {"properties": {"b": {"type": "string"}, "a": {"default": 1.0}}, "type": "object"}


def test_keys_come_in_one_order_and_unknown_ones_go() -> None:
    """Also at the top; the schema itself stays as it was written."""
    function = {"parameters": SCHEMA, "returns": {}, "description": "d", "name": "n"}
    served = tools_as_served([{"function": function, "x": 1, "type": "function"}])
    expected = {"name": "n", "description": "d", "parameters": SCHEMA}
    assert json.dumps(served) == json.dumps([{"type": "function", "function": expected}])


def test_what_is_missing_is_null() -> None:
    """But for strict and defer_loading, which stand there only where they were given."""
    (tool,) = tools_as_served([{"function": {"name": "n", "strict": None}}]) or []
    assert tool["function"] == {"name": "n", "description": None, "parameters": None}
    (tool,) = tools_as_served([{"function": {"name": "n", "strict": False}}]) or []
    assert tool["function"]["strict"] is False


def test_no_tools_are_none() -> None:
    """A template asks `if tools`; vLLM refuses an empty list."""
    assert tools_as_served([]) is tools_as_served(None) is None


@pytest.mark.parametrize("tool", [None, "f", {"name": "n"}, {"function": {"name": 1}}])
def test_what_is_no_function_is_refused(tool: Any) -> None:
    """With its number."""
    with pytest.raises(DataError, match="tool 1 is not a function"):
        tools_as_served([tool])
