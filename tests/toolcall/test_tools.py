"""Tool definitions from every common shape."""

import json
from typing import Any

import pytest

from swiftkit.errors import DataError
from swiftkit.toolcall.tools import json_schema, tool_names, tools_from

FLAT = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
WRAPPED = {"type": "function", "function": FLAT}


@pytest.mark.parametrize("value", [[FLAT], [WRAPPED], WRAPPED, json.dumps([FLAT]), json.dumps(WRAPPED)])
def test_one_form(value: Any) -> None:
    """Flat or wrapped, alone or in a list, as JSON text or not: OpenAI's form."""
    assert tools_from(value) == [WRAPPED]
    assert tool_names(tools_from(value)) == {"f"}


@pytest.mark.parametrize("value", [None, "", "  ", "null", [], "[]"])
def test_no_tools(value: Any) -> None:
    """Nothing is no tools."""
    assert tools_from(value) == []


def test_a_tool_without_parameters_takes_none() -> None:
    """ms-swift and the endpoints want a schema there."""
    assert tools_from([{"name": "now"}])[0]["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize("value", [5, "f", [5], [{}], [{"name": ""}], [{"name": "f", "parameters": [1]}], "[" * 9999])
def test_bad_tools(value: Any) -> None:
    """What is no tool is refused."""
    with pytest.raises(DataError) as caught:
        tools_from(value)
    assert caught.value.code == "bad_tools"


def test_json_schema_replaces_foreign_types_everywhere_but_in_names() -> None:
    """A property that is called `type` or `items` is a property."""
    foreign = {
        "type": "dict",
        "properties": {
            "type": {"type": "float", "default": 1.0},
            "items": {"type": "tuple", "items": {"type": "any", "description": "x"}},
            "either": {"anyOf": [{"type": "int"}, {"type": ["str", "null"]}]},
        },
        "required": ["type"],
    }
    assert json_schema(foreign) == {
        "type": "object",
        "properties": {
            "type": {"type": "number", "default": 1.0},
            "items": {"type": "array", "items": {"description": "x"}},
            "either": {"anyOf": [{"type": "integer"}, {"type": ["string", "null"]}]},
        },
        "required": ["type"],
    }
