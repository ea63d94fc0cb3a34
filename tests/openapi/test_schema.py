"""Schemas of an OpenAPI document say the same as JSON Schema without references, within bounds."""

from pathlib import Path
from typing import Any

import pytest
from helpers.openapi_documents import NODE, TEXT, posting, tools, value_schema

from swiftkit.openapi import schema as openapi_schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "string", "enum": ["a"], "nullable": True, "default": "a"},
            {"type": ["string", "null"], "enum": ["a", None], "default": "a"},
        ),
        ({"type": "string", "enum": ["a", None], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        (
            {"allOf": [{"$ref": "#/components/schemas/A"}], "nullable": True, "description": "d"},
            {"description": "d", "anyOf": [{"allOf": [{"type": "integer"}]}, {"type": "null"}]},
        ),
        ({"$ref": "#/components/schemas/A", "nullable": True}, {"type": ["integer", "null"]}),
        ({"nullable": True}, {}),
        ({"type": "string", "nullable": False}, TEXT),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, {"type": "number", "exclusiveMinimum": 1}),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": False}, {"type": "number", "maximum": 1}),
        ({"type": "number", "exclusiveMaximum": 5}, {"type": "number", "exclusiveMaximum": 5}),
        ({"$ref": "#/components/schemas/A", "description": "d"}, {"type": "integer", "description": "d"}),
        ({"$ref": "#/components/schemas/A", "minimum": 1}, {"allOf": [{"type": "integer"}, {"minimum": 1}]}),
        ({"$ref": "#/components/schemas/A~1b~0%20c"}, {"type": "boolean"}),
        ({"oneOf": [{"$ref": "#/components/schemas/A"}, TEXT], "discriminator": {}},
         {"oneOf": [{"type": "integer"}, TEXT]}),
        ({"type": "object", "additionalProperties": {"$ref": "#/components/schemas/A"}},
         {"type": "object", "additionalProperties": {"type": "integer"}}),
        ({"type": "object", "properties": {"example": TEXT, "nullable": TEXT, "$ref": TEXT}},
         {"type": "object", "properties": {"example": TEXT, "nullable": TEXT, "$ref": TEXT}}),
        ({"type": "object", "properties": {"a": TEXT, "b": {"readOnly": True}}, "required": ["a", "b", "c"]},
         {"type": "object", "properties": {"a": TEXT}, "required": ["a", "c"]}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": ["array", "null"]}, {"type": ["array", "null"], "items": {}}),
        ({"type": "array", "items": [TEXT, {"type": "integer"}], "additionalItems": False},
         {"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "items": False}),
        ({"type": "string", "x-nullable": True}, {"type": ["string", "null"]}),
        ({"$ref": "http://api.example/self#/components/schemas/A"}, {"type": "integer"}),
        ({"type": "array", "items": {"anyOf": [TEXT, {"type": "integer", "example": 1}]}, "externalDocs": {}},
         {"type": "array", "items": {"anyOf": [TEXT, {"type": "integer"}]}}),
    ],
)  # fmt: skip
def test_schema_is_written_as_json_schema(tmp_path: Path, schema: Any, expected: Any) -> None:
    """References are written out; OpenAPI's own words become JSON Schema's or go."""
    components = {"A": {"type": "integer"}, "A/b~ c": {"type": "boolean"}}
    content = posting(schema, **components) | {"$self": "http://api.example/self"}
    assert value_schema(tmp_path, content) == expected


def test_recursion_is_bounded(tmp_path: Path) -> None:
    """A schema that holds itself is written out once more inside itself, and is left open below."""
    open_end = {"type": "object"}
    inner = {
        "type": "object",
        "properties": {"name": TEXT, "child": open_end},
        "required": ["name"],
    }
    expected = {**inner, "properties": {"name": TEXT, "child": inner}}
    assert (
        value_schema(tmp_path, posting({"$ref": "#/components/schemas/Node"}, Node=NODE))
        == expected
    )


@pytest.mark.parametrize(
    ("anchor", "reference"),
    [
        ({"$recursiveAnchor": True}, {"$recursiveRef": "#"}),
        ({"$dynamicAnchor": "n"}, {"$dynamicRef": "#n"}),
    ],
)
def test_dynamic_references(
    tmp_path: Path, anchor: dict[str, Any], reference: dict[str, Any]
) -> None:
    """They lead to the schema around them that has the anchor."""
    node = {**anchor, "type": "array", "items": reference}
    expected = {
        "type": "array",
        "items": {"type": "array", "items": {"type": "array", "items": {}}},
    }
    assert value_schema(tmp_path, posting({"$ref": "#/components/schemas/N"}, N=node)) == expected


def test_references_that_double(tmp_path: Path) -> None:
    """Without any recursion 30 steps would be a billion values: the operation is refused, at
    once."""
    doubling = {
        f"S{i}": {
            "type": "object",
            "properties": {key: {"$ref": f"#/components/schemas/S{i + 1}"} for key in "ab"},
        }
        for i in range(30)
    }
    content = posting({"$ref": "#/components/schemas/S0"}, **doubling, S30=TEXT)
    content["paths"]["/good"] = {"get": {"operationId": "good"}}
    made, report = tools(tmp_path, content, skipped=1)
    assert report["skipped"][0]["code"] == "too_large"
    assert list(made) == ["good"]


def test_all_operations_together_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many operations share a large schema."""
    monkeypatch.setattr(openapi_schema, "MOST_IN_ALL", 5_000)
    content = posting({"type": "string", "description": "x" * 1_000})
    content["paths"] = {f"/{number}": content["paths"]["/x"] for number in range(9)}
    made, _ = tools(tmp_path, content, skipped=5)
    assert len(made) == 4


def test_too_large_with_recursion_is_made_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds itself in many places is written out once before the operation is given up."""
    monkeypatch.setattr(openapi_schema, "MOST", 2_000)
    names = [f"key{i}" for i in range(10)]
    node = {
        "type": "object",
        "properties": {name: {"$ref": "#/components/schemas/N"} for name in names},
    }
    found = value_schema(tmp_path, posting({"$ref": "#/components/schemas/N"}, N=node))
    assert found == {"type": "object", "properties": {name: {"type": "object"} for name in names}}
