"""Enums, defaults and nulls: how a tool's schema decides which values are the same."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.records import Score
from swiftkit.scoring.equality import strict_key
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.literal_names import is_literal_name
from swiftkit.scoring.schema_rules import rules_of
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


POINT = {
    "type": "object",
    "properties": {
        "x": {"type": "integer"},
        "y": {"type": "integer", "default": 0},
        "label": {"type": ["string", "null"]},
        "next": {"anyOf": [{"$ref": "#/$defs/Point"}, {"type": "null"}]},
        "path": {"type": "array", "items": {"$ref": "#/$defs/Point"}, "default": []},
    },
    "required": ["x"],
}
HOLDS_POINTS = {
    "properties": {
        "at": {"$ref": "#/$defs/Point"},
        "near": {"type": "array", "items": {"allOf": [{"$ref": "#/$defs/Point"}]}},
        "from": {"$ref": "#/$defs/Point", "default": {"x": 0, "y": 0}},
        "either": {"anyOf": [POINT, {"properties": {"y": {"default": 1}}}]},
    },
    "required": ["at"],
    "$defs": {"Point": POINT},
}
AT = {"x": 1}


@pytest.mark.parametrize(
    ("made", "wanted", "exact"),
    [
        ({"at": {"x": 1, "y": 0}}, {"at": AT}, True),
        ({"at": {"x": 1, "label": None, "next": None}}, {"at": AT}, True),
        ({"at": {"x": 1, "next": {"x": 2, "y": 0}}}, {"at": {"x": 1, "next": {"x": 2}}}, True),
        ({"at": {"x": 1, "path": [{"x": 2, "y": 0}]}}, {"at": {"x": 1, "path": [{"x": 2}]}}, True),
        ({"at": AT, "near": [{"x": 3, "y": 0.0}]}, {"at": AT, "near": [{"x": 3}]}, True),
        ({"at": AT, "from": {"x": 0, "path": []}}, {"at": AT}, True),
        ({"at": {"x": 1, "y": 1}}, {"at": AT}, False),
        ({"at": {"x": 1, "label": ""}}, {"at": AT}, False),
        ({"at": {"x": 1, "y": None}}, {"at": AT}, False),  # may not be null
        ({"at": {"x": 1, "other": None}}, {"at": AT}, False),
        ({"at": {"y": 0}}, {"at": {"x": None, "y": 0}}, False),  # x is required
        ({"at": AT, "near": []}, {"at": AT, "near": [{"x": 3}]}, False),
        ({"at": AT, "either": {"x": 1, "y": 0}}, {"at": AT, "either": AT}, False),  # of which?
    ],
)
@pytest.mark.parametrize("has_accepted", [False, True])
def test_what_is_left_out_inside_objects_is_the_same(
    made: dict[str, Any], wanted: dict[str, Any], exact: bool, has_accepted: bool
) -> None:
    """At any depth, behind references, in lists; in the answer and in the gold, with and without
    an answer set."""
    for one, other in ((made, wanted), (wanted, made)):
        accepted = {name: [value] for name, value in other.items()} if has_accepted else {}
        assert score(one, other, HOLDS_POINTS, accepted=accepted).exact is exact


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
        ("pattern", True), ("date_format", True), ("passwords", True), ("tokens", True),
        ("jwt", True), ("otp", True), ("cookie", True), ("hash", True), ("session_id", True),
        ("files", True), ("formula", True), ("chemical_formula", True), ("variable", True),
        ("branch", True), ("keyfile", True), ("ssh_keys", True), ("private_keys", True),
        ("SQLQuery", True), ("sqlQuery", True), ("bash", True), ("selector", True), ("glob", True),
        ("commit_hash", True), ("file-paths", True), ("APIKey", True), ("imageURLs", True),
        ("inheritance_pattern", False), ("cookie_type", False), ("branch_office", False),
        ("profiles", False), ("password" * 20, False),
    ],
)  # fmt: skip
def test_names_that_say_secret_path_or_code(name: str, literal: bool) -> None:
    """Their text is never folded, with or without the tools."""
    assert is_literal_name(name) is literal
    gold = [{"name": "f", "arguments": {name: "Ab Cd"}, "accepted": {name: ["Ab Cd"]}}]
    found = score_calls([ToolCall("f", {name: "ab cd"})], gold_from(json.dumps(gold), "row"))
    assert found.exact is not literal


@pytest.mark.parametrize(
    ("value", "other", "same"),
    [
        ({"password": "AbC"}, {"password": "abc"}, False),
        ([{"path": "A.txt"}], [{"path": "a.txt"}], False),
        ({"login": {"secrets": ["Ab"]}}, {"login": {"secrets": ["ab"]}}, False),
        ({"password": "AbC", "city": "Oslo"}, {"password": "AbC", "city": "oslo"}, True),
        ([{"town": {"name": "A"}}], [{"town": {"name": "a"}}], True),
    ],
)
def test_names_inside_objects_and_lists_count_too(value: Any, other: Any, same: bool) -> None:
    """Their values are taken letter by letter, those beside them are folded."""
    gold = [{"name": "f", "arguments": {"a": value}, "accepted": {"a": [value]}}]
    found = score_calls([ToolCall("f", {"a": other})], gold_from(json.dumps(gold), "row"))
    assert found.exact is same
    assert score_calls([ToolCall("f", {"a": value})], gold_from(json.dumps(gold), "row")).exact


keys = st.sampled_from(
    ["properties", "required", "type", "default", "enum", "anyOf", "$ref", "format", "items", "a"]
)
leaves = st.sampled_from([None, True, 0, "null", "#/a", "#/properties/a", "#", []])
schemas = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def _values(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, schemas, max_size=4), st.recursive(leaves, _values, max_leaves=8))
def test_rules_of_any_schema_never_raises(schema: dict[str, Any], value: Any) -> None:
    """Schemas are data, also those that refer to themselves; no value is changed twice."""
    found = rules_of(schema | {"properties": {"a": schema, "b": {"$ref": "#/properties/b"}}})
    assert found.literal <= {"a", "b"}
    for leave_out in found.nested.values():
        once = leave_out(value)
        assert strict_key(leave_out(once)) == strict_key(once)
