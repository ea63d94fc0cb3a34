"""Values without types (Qwen3-Coder, GLM-4.5): what they are with the tool's schema, and
without."""

from typing import Any

import pytest
from helpers.call_strategies import json_values
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.toolcall import text_arguments
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import glm4_5, qwen3_coder
from swiftkit.toolcall.wire_format import load_all

FORMATS = load_all()
FORMS = [qwen3_coder, glm4_5]
JSON_TYPES = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number",
    type(None): "null",
}  # fmt: skip
LOOKS = [
    "5",
    "1.0",
    "true",
    "None",
    "null",
    "[1]",
    '{"a": 1}',
    "{'a': 1}",
    '"q"',
    " 5 ",
    "\n",
    "",
    "1e999",
]


def tool(schema: Any) -> list[dict[str, Any]]:
    return [
        {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": schema}}}}
    ]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(LOOKS) | json_values)
def test_rendered_values_read_back_with_their_schema(form: Any, value: Any) -> None:
    """With the parameter's type a string stays a string, whatever it looks like."""
    name = JSON_TYPES[type(value)]
    call = ToolCall("f", {"a": value})
    try:
        text = form.render([call], tool({"type": name}))
    except DataError:  # only where the text holds a tag
        assert "<" in str(value)
        return
    assert repr(form.parse(text, tool({"type": name})).calls) == repr([call])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", ["5", "null", "x"])
def test_a_reference_within_the_tool_says_the_type(form: Any, value: str) -> None:
    """pydantic writes enums so; where references lead in a circle, or nowhere, no type is known."""
    for schema in ({"$ref": "#/$defs/E"}, {"anyOf": [{"$ref": "#/$defs/again"}]}):
        tools = tool(schema)
        again = {"title": "E", "allOf": [{"$ref": "#/$defs/E"}]}
        tools[0]["function"]["parameters"]["$defs"] = {"E": {"enum": [value]}, "again": again}
        call = ToolCall("f", {"a": value})
        assert form.parse(form.render([call], tools), tools).calls == [call]
    for schema in ({"$ref": "#/properties/a"}, {"$ref": "#/$defs/E"}, {"$ref": 5}):
        number = ToolCall("f", {"a": 5})
        assert form.parse(form.render([number], tool(schema)), tool(schema)).calls == [number]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value", ["5", "-1.50", "true", "True", "None", "null", "[1]", '{"a": 1}', "{'a': 1}", " 5"]
)
def test_render_of_a_string_that_looks_like_json_needs_the_schema(form: Any, value: str) -> None:
    """Without tools it would come back as something else, so it is refused; with them it is written
    as it is."""
    call = ToolCall("f", {"a": value})
    with pytest.raises(DataError, match="give the tools") as caught:
        form.render([call])
    assert caught.value.code == "bad_call"
    text = form.render([call], tool({"type": "string"}))
    assert form.parse(text, tool({"type": "string"})).calls == [call]
    assert form.parse(text).calls != [call]
    assert form.parse(text).texts == [{"a": value}]


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "string"}, "5", "5"),
        ({"type": "string"}, "null", "null"),
        ({"enum": ["5", "x"]}, "5", "5"),
        ({"enum": [5, 6]}, "5", 5),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": ["string", "null"]}, "5", "5"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "5", 5),
        ({"anyOf": [{"type": "integer"}, {}]}, "true", True),
        ({"enum": ["1", 5]}, "1", "1"),
        ({"enum": ["1", 5]}, "5", 5),
        ({"enum": ["1", 5]}, "7", 7),
        ({"enum": ["1", 1]}, "1", 1),
        ({"const": "5"}, "5", "5"),
        ({"type": "string", "nullable": True}, "null", None),
        ({"allOf": [{"type": "string"}, {"minLength": 1}]}, "5", "5"),
        ({"anyOf": [{"enum": ["5"]}, {"type": "integer"}]}, "5", "5"),
        ({"anyOf": [{"enum": ["5"]}, {"type": "integer"}]}, "6", 6),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "5", "5"),
        ({"type": "object", "anyOf": [{"required": ["a"]}]}, '{"a": 1}', {"a": 1}),
        ({"type": "integer"}, "five", "five"),
        ({"type": "integer"}, "5.0", 5.0),
        ({"type": "number"}, "5", 5),
        ({"type": "boolean"}, "True", True),
        ({"type": "boolean"}, "1", "1"),
        ({"type": "array"}, "['a', None]", ["a", None]),
        ({"type": "object"}, '{"a": NaN}', '{"a": NaN}'),
        ({"type": "any"}, "5", 5),
        ({}, "5", 5),
        (True, "5", 5),
        (None, "007", "007"),
        (None, "[1", "[1"),
        (None, '"5"', '"5"'),
        (None, "1e999", "1e999"),
    ],
)
def test_read_gives_the_type_that_the_schema_allows(schema: Any, text: str, value: Any) -> None:
    """The schema decides; without one, what reads as a value that is no string is that value."""
    found = text_arguments.read(text, schema)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "tools",
    [[], [{}], [{"function": 5}], [{"name": "f", "parameters": 5}], tool(5), tool({"type": 5})],
)
def test_parse_with_odd_tools_reads_without_types(tools: Any) -> None:
    """Tools come from data: whatever they are, reading does not fail."""
    text = qwen3_coder.render([ToolCall("f", {"a": 5})])
    assert qwen3_coder.parse(text, tools).calls == [ToolCall("f", {"a": 5})]


@pytest.mark.parametrize("name", ["qwen3_coder", "glm4_5"])
def test_render_escapes_or_refuses_tags_in_values(name: str) -> None:
    """Inside of JSON the tag is escaped; a string cannot carry it and is refused."""
    tag = {"qwen3_coder": "</parameter>", "glm4_5": "</arg_value>"}[name]
    call = ToolCall("f", {"a": [tag]})
    assert FORMATS[name].parse(FORMATS[name].render([call])).calls == [call]
    with pytest.raises(DataError, match="tags"):
        FORMATS[name].render([ToolCall("f", {"a": tag})])
