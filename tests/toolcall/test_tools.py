"""Tool definitions from every common shape."""

import json
from typing import Any

import pytest
from helpers.call_strategies import json_values
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.toolcall.tools import json_schema, tool_names, tools_from
from swiftkit.toolcall.type_names import ABSENT, TypeAnnotation, read_type

FLAT = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
WRAPPED = {"type": "function", "function": FLAT}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
INTEGERS = {"type": "array", "items": {"type": "integer"}}


def parameters_of(parameters: Any, **rest: Any) -> Any:
    return tools_from([{"name": "f", "parameters": parameters, **rest}])[0]["function"][
        "parameters"
    ]


@pytest.mark.parametrize(
    "value", [[FLAT], [WRAPPED], WRAPPED, json.dumps([FLAT]), json.dumps(WRAPPED)]
)
def test_tools_from_common_shapes_are_in_openai_form(value: Any) -> None:
    """Flat or wrapped, alone or in a list, as JSON text or not: OpenAI's form."""
    assert tools_from(value) == [WRAPPED]
    assert tool_names(tools_from(value)) == {"f"}


@pytest.mark.parametrize("key", ["response", "return"])
def test_tools_from_keeps_the_schema_of_the_result(key: str) -> None:
    """BFCL's and transformers' name for it; its types are JSON Schema's too."""
    (tool,) = tools_from([{**FLAT, key: {"type": "dict", "properties": {"at": {"type": "float"}}}}])
    assert tool["function"][key] == {"type": "object", "properties": {"at": {"type": "number"}}}


@pytest.mark.parametrize("value", [None, "", "  ", "null", [], "[]"])
def test_tools_from_nothing_is_empty(value: Any) -> None:
    """Nothing is no tools."""
    assert tools_from(value) == []


@pytest.mark.parametrize(
    "rest", [{}, {"parameters": None}, {"parameters": {}}, {"input_schema": {}}]
)
def test_a_tool_without_parameters_takes_none(rest: dict[str, Any]) -> None:
    """ms-swift and the endpoints want a schema there."""
    assert tools_from([{"name": "now", **rest}])[0]["function"] == {
        "name": "now",
        "parameters": {"type": "object", "properties": {}},
    }


@pytest.mark.parametrize("key", ["arguments", "args"])
def test_tools_from_reads_parameters_that_are_called_arguments(key: str) -> None:
    (tool,) = tools_from([{"name": "weather", key: {"city": {"type": "str", "required": True}}}])
    assert tool["function"]["parameters"]["required"] == ["city"]
    assert key not in tool["function"]


@pytest.mark.parametrize("key", ["parameters", "input_schema", "inputSchema"])
@pytest.mark.parametrize("given", [CITY, json.dumps(CITY), {"city": {"type": "str"}}])
def test_tools_from_puts_the_parameters_in_one_place(key: str, given: Any) -> None:
    """OpenAI's, Anthropic's and MCP's name for them; marks that are meant for an API are left
    out."""
    tool = {"type": "custom", "name": "f", key: given, "cache_control": {"type": "ephemeral"}}
    assert tools_from([tool]) == [
        {"type": "function", "function": {"name": "f", "parameters": CITY}}
    ]


@pytest.mark.parametrize(
    "value",
    [
        5,
        "f",
        [5],
        [{}],
        [{"name": ""}],
        [{"name": "f", "parameters": [1]}],
        [{"name": "f", "input_schema": "[1]"}],
        [{"name": "bash", "type": "bash_20250124"}],
        "[" * 9999,
    ],
)
def test_tools_from_no_tool_raises_bad_tools(value: Any) -> None:
    """No tool, or one whose parameters only an API knows, is refused."""
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


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "List[int]", "description": "x"}, {**INTEGERS, "description": "x"}),
        ({"type": "list[str]", "items": {"type": "int"}}, INTEGERS),
        ({"type": "weird", "description": "x"}, {"description": "x (type: weird)"}),
        ({"type": ["str", 5]}, {"description": "(type: ['str', 5])"}),
        ({"type": None, "enum": None}, {}),
        ({"type": {"a": 1}}, {"type": {"a": 1}}),
        (
            {"type": ["string", "null"], "default": None},
            {"type": ["string", "null"], "default": None},
        ),
        ({"type": "string", "default": None}, {"type": "string"}),
        ({"type": "string", "required": False}, {"type": "string"}),
        (
            {
                "properties": {
                    "a": {"type": "str", "required": True},
                    "b": {"required": False},
                    "c": None,
                }
            },
            {"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]},
        ),
        (
            {
                "properties": {"a": {"required": True}, "required": {"type": "bool"}},
                "required": ["required"],
            },
            {
                "properties": {"a": {}, "required": {"type": "boolean"}},
                "required": ["required", "a"],
            },
        ),
    ],
)
def test_json_schema_translates_types_and_marks(schema: Any, expected: Any) -> None:
    """Python's types, marks in a property, and the nulls that Parquet pads with; what cannot be
    said is described."""
    assert json_schema(schema) == expected


SCHEMAS: list[Any] = [
    CITY,
    {"type": "object"},
    {"type": "object", "city": {"type": "string"}},
    {"properties": {}},
    {"properties": {"type": {"type": "string"}, "description": {"type": "string"}}},
    {"properties": {"properties": {"type": "object", "properties": {"type": {"type": "string"}}}}},
    {"properties": {"a": {"type": "string"}}, "x-extension": {"type": "string"}},
    {"properties": {"a": True}, "additionalProperties": {"type": "string"}},
    {"properties": {"a": {}}, "required": ["a"]},
    {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}},
    {"$defs": {"A": {"type": "object"}}},
    {"anyOf": [CITY]},
    {"additionalProperties": {"type": "string"}},
    {"not": {"type": "string"}},
    {"required": ["a"]},
    {"title": "A", "description": "B"},
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_json_schema_is_no_flat_map(schema: Any) -> None:
    """Whatever its keywords are, and whatever its properties are called, it stays as it is."""
    assert parameters_of(schema) == schema


@pytest.mark.parametrize(
    "name",
    [
        "city",
        "type",
        "properties",
        "required",
        "items",
        "enum",
        "default",
        "if",
        "description",
        "$defs",
    ],
)
def test_a_parameter_may_be_called_like_a_keyword(name: str) -> None:
    """In a flat map the values tell: a schema has no object there, or has schemas in it."""
    flat = {name: {"description": "x", "type": "str"}, "other": {"type": "int, optional"}}
    properties = {name: {"description": "x", "type": "string"}, "other": {"type": "integer"}}
    assert parameters_of(flat) == {"type": "object", "properties": properties, "required": [name]}


@pytest.mark.parametrize(
    ("given", "schema", "required"),
    [
        ({"type": "str"}, {"type": "string"}, True),
        ({"type": "str", "default": "game"}, {"type": "string", "default": "game"}, False),
        ({"type": "str", "default": ""}, {"type": "string", "default": ""}, True),
        ({"type": "str, optional", "default": ""}, {"type": "string", "default": ""}, False),
        ({"type": "int, optional", "default": ""}, {"type": "integer"}, False),
        ({"type": "int, default=''"}, {"type": "integer"}, False),
        ({"type": "int, optional", "default": "2"}, {"type": "integer", "default": 2}, False),
        ({"type": "int, optional", "default": 0.7}, {"type": "integer", "default": 0.7}, False),
        ({"type": "int", "default": 0}, {"type": "integer", "default": 0}, False),
        ({"type": "int", "default": "two"}, {"type": "integer", "default": "two"}, False),
        ({"type": "bool", "default": "False"}, {"type": "boolean", "default": False}, False),
        ({"type": "float", "default": "true"}, {"type": "number", "default": "true"}, False),
        ({"type": "str", "default": None}, {"type": "string"}, True),
        ({"type": "str, default=None"}, {"type": "string"}, False),
        ({"type": "str, default='a, b'"}, {"type": "string", "default": "a, b"}, False),
        ({"type": "default='London'"}, {"default": "London"}, False),
        ({"type": "Optional[int]"}, {"type": "integer"}, False),
        ({"type": "int", "required": False}, {"type": "integer"}, False),
        ({"type": "int, optional", "required": True}, {"type": "integer"}, True),
        ({"type": "int", "optional": True}, {"type": "integer"}, False),
        ({"type": "Callable[[float], float]", "description": "f"}, None, True),
        ({}, {}, True),
    ],
)
def test_a_flat_parameter_becomes_a_schema(
    given: dict[str, Any], schema: Any, required: bool
) -> None:
    """Its type, its default as a value of that type, and whether it may be left out."""
    expected = {"description": "f (type: Callable[[float], float])"} if schema is None else schema
    result = {"type": "object", "properties": {"p": expected}, "required": ["p"]}
    assert parameters_of({"p": given, "padding": None}) == {
        key: value for key, value in result.items() if required or key != "required"
    }


@pytest.mark.parametrize("listed", [["a"], []])
def test_a_list_says_which_parameters_are_required(listed: list[str]) -> None:
    """Inside the flat map or beside it, and then nothing else counts."""
    flat = {"a": {"type": "str, optional"}, "b": {"type": "str"}}
    expected = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    expected |= {"required": listed} if listed else {}
    beside = tools_from([{"name": "f", "parameters": flat, "required": listed}])
    assert beside == [{"type": "function", "function": {"name": "f", "parameters": expected}}]
    assert parameters_of({**flat, "required": listed}) == expected


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("str", {"type": "string"}),
        ("String", {"type": "string"}),
        ("Dict", {"type": "object"}),
        ("any", {}),
        ("set", {"type": "array", "uniqueItems": True}),
        ("List[int]", INTEGERS),
        ("typing.List[int]", INTEGERS),
        (
            "List[Dict[str, List[int]]]",
            {"type": "array", "items": {"type": "object", "additionalProperties": INTEGERS}},
        ),
        ("Dict[str, Any]", {"type": "object"}),
        (
            "Tuple[float, float]",
            {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        ),
        (
            "Tuple[int, str]",
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        ("Tuple[int, ...]", INTEGERS),
        ("Union[int, float]", {"type": ["integer", "number"]}),
        ("int | None", {"type": ["integer", "null"]}),
        ("Union[str, List[int]]", {"anyOf": [{"type": "string"}, INTEGERS]}),
        ("List[Optional[str]]", {"type": "array", "items": {"type": ["string", "null"]}}),
        ("", {}),
    ],
)
def test_read_type_keeps_the_meaning(text: str, schema: Any) -> None:
    """Python's names of types, plain and generic."""
    assert read_type(text) == TypeAnnotation(schema)
    assert read_type(f"{text}, optional").schema == schema
    assert read_type(f"{text}, optional").optional


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("int, default=100", 100),
        ("int, optional, default: 1.5", 1.5),
        ("str, optional, default 'London'", "London"),
        ("str, defaults to London", "London"),
        ("List[str], default=['a', 'b']", "['a', 'b']"),
        ("bool, default=True", True),
        ("int, optional", ABSENT),
    ],
)
def test_read_type_finds_the_default(text: str, default: Any) -> None:
    """JSON's and Python's values; what is neither stays text."""
    assert read_type(text).default == default
    assert not read_type(text).unread


@pytest.mark.parametrize(
    "text",
    [
        "Callable[[float], float]",
        "weird<type>",
        "List[int",
        "List[]",
        "Tuple[]",
        "str[0]",
        "|",
        "List[weird]",
        "Dict[str, weird]",
        "Union[int, weird]",
        "Tuple[int, weird]",
        "List[" * 3000,
        "x" * 9999,
    ],
)
def test_read_type_does_not_guess_unknown_types(text: str) -> None:
    """Neither is a part of them."""
    assert read_type(text) == TypeAnnotation(unread=True)


def test_read_type_keeps_text_beside_the_type() -> None:
    """The type and its marks are read, and the text goes into the description."""
    assert read_type("str, optional, one of a, b") == TypeAnnotation(
        {"type": "string"}, optional=True, unread=True
    )
    assert json_schema({"type": "str, one of a, b"}) == {
        "type": "string",
        "description": "(type: str, one of a, b)",
    }


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        json_values,
        lambda inner: (
            st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "properties",
                        "required",
                        "default",
                        "items",
                        "parameters",
                        "input_schema",
                        "name",
                        "function",
                        "a",
                    ]
                ),
                inner,
                max_size=4,
            )
            | st.lists(inner, max_size=2)
        ),
        max_leaves=12,
    )
)
def test_any_tool_is_read_or_refused(value: Any) -> None:
    """Whatever stands there: tools, or DataError; and reading them again changes nothing."""
    try:
        tools = tools_from(value)
    except DataError:
        return
    assert tools_from(tools) == tools
