"""What OpenAI takes as a tool: objects at the top, legal names; the rest is named."""

from typing import Any

import jsonschema_rs
import pytest
from helpers.openapi_documents import TEXT
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.openapi.openai_rules import LEGAL_NAME, faults, legal_name, object_at_the_top

NUMBER = {"type": "integer"}


def thing(*required: str, **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return schema | ({"required": list(required)} if required else {})


@pytest.mark.parametrize(
    ("schema", "expected", "loosened"),
    [
        ({}, thing(), []),
        ({"type": "object"}, thing(), []),
        ({"type": ["object", "null"], "properties": {"a": TEXT}}, thing(a=TEXT), []),
        (thing("a", a=TEXT), thing("a", a=TEXT), []),
        ({"anyOf": [thing("a", a=TEXT), thing("a", "b", a=TEXT, b=TEXT)]}, thing("a", a=TEXT, b=TEXT), ["anyOf"]),
        ({"oneOf": [thing("a", a=TEXT), thing("b", b=TEXT)]}, thing(a=TEXT, b=TEXT), ["oneOf"]),
        ({"oneOf": [thing(a=TEXT), thing(a=NUMBER)]}, thing(a={"anyOf": [TEXT, NUMBER]}), ["oneOf"]),
        ({"anyOf": [thing("a", a=TEXT), {"type": "null"}]}, thing("a", a=TEXT), ["anyOf"]),
        ({"allOf": [thing("a", a=TEXT), thing("b", b=TEXT)]}, thing("a", "b", a=TEXT, b=TEXT), ["allOf"]),
        ({**thing(a=TEXT, b=TEXT), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, thing(a=TEXT, b=TEXT), ["anyOf"]),
        ({"anyOf": [{"type": "object", "patternProperties": {"^x": TEXT}}], "unevaluatedProperties": False}, thing(), ["anyOf"]),
        ({**thing(a=TEXT), "not": {"required": ["a"]}}, thing(a=TEXT), ["not"]),
    ],
)  # fmt: skip
def test_top_becomes_one_object(schema: Any, expected: Any, loosened: list[str]) -> None:
    assert object_at_the_top(schema) == (expected, loosened)


@pytest.mark.parametrize(
    "schema",
    [True, False, None, [], TEXT, {"type": ["string", "null"]}, {"anyOf": [thing(), TEXT]}, {"allOf": [TEXT]}],
)  # fmt: skip
def test_arguments_that_are_no_object_are_refused(schema: Any) -> None:
    with pytest.raises(DataError) as fault:
        object_at_the_top(schema)
    assert fault.value.code == "not_an_object"


objects = st.builds(
    lambda properties, required: thing(*required, **properties),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([TEXT, NUMBER])),
    st.lists(st.sampled_from("abc"), unique=True, max_size=2),
)


@given(
    st.builds(
        lambda outer, word, inner: {**outer, word: inner},
        objects,
        st.sampled_from(["anyOf", "oneOf", "allOf"]),
        st.lists(objects, min_size=1, max_size=3),
    ),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", 1])),
)
def test_what_was_allowed_stays_so(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    """The schema only gets wider, where each alternative describes all that it takes; it is
    legal."""
    for alternative in next(schema[word] for word in ("anyOf", "oneOf", "allOf") if word in schema):
        alternative["additionalProperties"] = "allOf" in schema
    wider, _ = object_at_the_top(schema)
    tool = {"type": "function", "function": {"name": "f", "parameters": wider}}
    assert faults(tool) == []
    if jsonschema_rs.is_valid(schema, arguments):
        assert jsonschema_rs.is_valid(wider, arguments)


@given(st.lists(st.text(max_size=80), max_size=8), st.text(max_size=80))
def test_names_are_legal_and_new(wished: list[str], otherwise: str) -> None:
    taken: set[str] = set()
    names = [legal_name(name, otherwise, taken) for name in wished]
    assert len(set(names)) == len(names)
    assert all(LEGAL_NAME.fullmatch(name) for name in names)


@pytest.mark.parametrize(
    ("function", "code"),
    [
        ({"name": "get weather"}, "bad_name"),
        ({"name": "a" * 65}, "bad_name"),
        ({"description": "x" * 1025}, "long_description"),
        ({"parameters": None}, "bad_schema"),
        ({"parameters": {"type": "object"}}, "bad_schema"),
        ({"parameters": {**thing(), "anyOf": []}}, "bad_schema"),
        ({"parameters": thing(a={"type": "txt"})}, "bad_schema"),
    ],
)
def test_fault_has_a_code(function: dict[str, Any], code: str) -> None:
    legal = {"name": "f", "description": "x" * 1024, "parameters": thing(a=TEXT)}
    assert faults({"type": "function", "function": legal}) == []
    found = faults({"type": "function", "function": {**legal, **function}})
    assert code in [each for each, _ in found]
