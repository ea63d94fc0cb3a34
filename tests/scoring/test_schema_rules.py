"""Enums, defaults and nulls: how a tool's schema decides which values are the same."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.records import Score
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.schema_rules import is_literal_name, rules_of
from swiftkit.scoring.score import score_calls
from swiftkit.toolcall.call import ToolCall

NULLABLE = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "note": {"type": "string", "default": "None"},
        "floor": {"type": ["integer", "null"]},
        "wing": NULLABLE,
        "size": NULLABLE | {"default": 3},
        "rooms": {"type": "array", "items": {"type": "string"}, "default": ["A"]},
        "beds": {"type": ["integer", "null"]},
    },
    "required": ["city", "beds"],
}
GIVEN = {"city": "Oslo", "beds": None}


def score(
    made: dict[str, Any], wanted: dict[str, Any], schema: dict[str, Any], **more: Any
) -> Score:
    tools = json.dumps([{"name": "book", "parameters": schema}])
    gold = gold_from(json.dumps([{"name": "book", "arguments": wanted} | more]), "row", "", tools)
    return score_calls([ToolCall("book", made)], gold)


@pytest.mark.parametrize(
    ("extra", "exact"),
    [
        ({"note": "None"}, True),
        ({"note": "none"}, False),
        ({"floor": None}, True),
        ({"wing": None}, True),
        ({"size": 3.0, "rooms": ["A"]}, True),
        ({"size": None}, False),  # its default is another value
        ({"floor": 0}, False),
        ({"note": None}, False),  # may not be null
        ({"unknown": None}, False),
    ],
)
def test_giving_what_leaving_out_means_is_the_same_call(extra: dict[str, Any], exact: bool) -> None:
    """In the answer and in the gold: a default, and null for a nullable parameter without one."""
    assert score(GIVEN | extra, GIVEN, SCHEMA).exact is exact
    assert score(GIVEN, GIVEN | extra, SCHEMA).exact is exact


def test_a_required_parameter_may_not_be_left_out() -> None:
    """Though it may be null."""
    assert not score({"city": "Oslo"}, GIVEN, SCHEMA).exact
    assert not score({"city": "Oslo", "note": "None"}, GIVEN, SCHEMA).exact


@pytest.mark.parametrize("right", [True, False])
def test_padding_with_defaults_changes_nothing(right: bool) -> None:
    """What counts as left out has no share, so it cannot dilute what is wrong."""
    made = GIVEN if right else {"city": "Rome", "beds": None}
    padded = made | {"note": "None", "floor": None, "wing": None, "size": 3}
    assert score(padded, GIVEN, SCHEMA) == score(made, GIVEN, SCHEMA)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "enum": ["postgres", "all"]},
        {"type": ["string", "null"], "enum": ["postgres", None]},
        {"const": "postgres"},
        {"anyOf": [{"const": "postgres"}, {"const": "all"}]},
        {"$ref": "#/$defs/kind"},
        {"type": "string", "pattern": "^[a-zA-Z]+"},
        {"type": "string", "format": "password"},
    ],
    ids=str,
)
@pytest.mark.parametrize("value", ["POSTGRES", "Postgres\n", "ｐostgres", " postgres"])
def test_values_that_the_schema_lists_or_spells_are_exact(schema: Any, value: str) -> None:
    """At any depth and behind a reference; the schema's share says the same as its validator."""
    tool = {"properties": {"kind": schema}, "$defs": {"kind": {"enum": ["postgres", "all"]}}}
    wanted, accepted = {"kind": "postgres"}, {"kind": ["postgres"]}
    assert score(wanted, wanted, tool, accepted=accepted).exact
    assert not score({"kind": value}, wanted, tool, accepted=accepted).exact
    plain = {"properties": {"kind": {"type": "string"}}}
    folded = score({"kind": value}, wanted, plain, accepted=accepted)
    assert folded.exact is ("\n" not in value)


def test_enums_inside_lists_and_objects_are_exact() -> None:
    """A value of the parameter holds the listed ones."""
    schema = {"properties": {"tags": {"items": {"properties": {"unit": {"enum": ["km"]}}}}}}
    wanted = {"tags": [{"unit": "km"}]}
    assert not score(
        {"tags": [{"unit": "KM"}]}, wanted, schema, accepted={"tags": [[{"unit": "km"}]]}
    ).exact


@pytest.mark.parametrize(
    ("name", "literal"),
    [
        ("password", True), ("userPassword", True), ("file_path", True), ("outputDir", True),
        ("api_key", True), ("source_code", True), ("code", True), ("sql", True), ("URL", True),
        ("country_code", False), ("key", False), ("city", False), ("profile", False),
        ("description", False), ("spinner", False), ("query", False),
    ],
)  # fmt: skip
def test_names_that_say_secret_path_or_code(name: str, literal: bool) -> None:
    """Their text is never folded, with or without the tools."""
    assert is_literal_name(name) is literal
    gold = [{"name": "f", "arguments": {name: "Ab Cd"}, "accepted": {name: ["Ab Cd"]}}]
    found = score_calls([ToolCall("f", {name: "ab cd"})], gold_from(json.dumps(gold), "row"))
    assert found.exact is not literal


keys = st.sampled_from(
    ["properties", "required", "type", "default", "enum", "anyOf", "$ref", "format", "items", "a"]
)
leaves = st.sampled_from([None, True, 0, "null", "#/a", "#/properties/a", "#", []])
schemas = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, schemas, max_size=4))
def test_rules_of_any_schema_never_raises(schema: dict[str, Any]) -> None:
    """Schemas are data, also those that refer to themselves."""
    found = rules_of(schema | {"properties": {"a": schema, "b": {"$ref": "#/properties/b"}}})
    assert found.literal <= {"a", "b"}
