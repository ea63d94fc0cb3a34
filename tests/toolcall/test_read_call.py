"""call_from: the one place that builds a call from outside data."""

from typing import Any

import pytest

from swiftkit.errors import DataError
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from

WEATHER = ToolCall("weather", {"city": "北京"})


@pytest.mark.parametrize(
    "value",
    [
        {"name": "weather", "arguments": {"city": "北京"}},
        {"name": "weather", "parameters": {"city": "北京"}},
        {"name": "weather", "arguments": '{"city": "北京"}'},
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "北京"}'},
        },
        {"tool_call": {"tool_name": "weather", "parameters": {"city": "北京"}}},
        {"name": "weather", "arguments": {"city": "北京"}, "parameters": None},
        {"id": "c1", "function": "weather", "arguments": {"city": "北京"}, "type": "function"},
    ],
)
def test_call_from_every_common_shape_gives_the_same_call(value: dict[str, Any]) -> None:
    """Each shape gives the same call; a null beside a value is Arrow's padding."""
    assert call_from(value, "here") == WEATHER


@pytest.mark.parametrize("arguments", ["", "  ", "{}", {}, None])
def test_call_from_empty_arguments_gives_an_empty_object(arguments: Any) -> None:
    """A tool without parameters is called with "", {}, or null."""
    assert call_from({"name": "now", "arguments": arguments}, "here") == ToolCall("now", {})


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "bad_call"),
        ("weather", "bad_call"),
        ([], "bad_call"),
        ({"function": "weather"}, "bad_call"),
        ({"arguments": {}}, "bad_call"),
        ({"name": "", "arguments": {}}, "bad_call"),
        ({"name": 5, "arguments": {}}, "bad_call"),
        ({"name": "f"}, "no_arguments"),
        ({"name": "f", "arguments": {"a": 1}, "parameters": {"a": 1}}, "ambiguous_arguments"),
        ({"name": "f", "arguments": [1]}, "bad_arguments"),
        ({"name": "f", "arguments": 5}, "bad_arguments"),
        ({"name": "f", "arguments": '{"a": '}, "bad_arguments"),
        ({"name": "f", "arguments": '{"a": NaN}'}, "bad_arguments"),
        ({"name": "f", "arguments": '{"a": 1e999}'}, "bad_arguments"),
        ({"name": "f", "arguments": "[1]"}, "bad_arguments"),
        ({"name": "f", "arguments": '{"a": "\ud800"}'}, "bad_arguments"),
        ({"name": "f", "arguments": '{"a":' * 5000}, "bad_arguments"),
        ({"name": "f", "arguments": "{'a': 1}"}, "bad_arguments"),
    ],
)
def test_call_from_anything_else_raises_its_code(value: Any, code: str) -> None:
    """A DataError with a code, whose message begins with the place."""
    with pytest.raises(DataError, match=r"^here: ") as caught:
        call_from(value, "here")
    assert caught.value.code == code


def test_call_from_python_arguments_says_how_to_write_json() -> None:
    with pytest.raises(DataError) as caught:
        call_from({"name": "f", "arguments": "{'a': 1}"}, "here")
    assert "single quotes" in caught.value.reason
    assert "json.dumps" in caught.value.fix
