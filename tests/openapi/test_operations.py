"""`swiftkit tools`: each operation of an OpenAPI document becomes a tool, or is named with the
reason why not."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from helpers.openapi_documents import TEXT, body, document, parameter, run, tools
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.openapi.openai_rules import LONGEST_NAME


def test_a_whole_document(tmp_path: Path) -> None:
    """YAML with shared parameters, references and remarks, to the letter."""
    made, report = tools(
        tmp_path,
        """
        openapi: 3.0.3
        info: {title: Pets, version: 1.0}
        paths:
          /pets/{petId}:
            parameters:
              - {$ref: '#/components/parameters/Pet'}
              - {name: verbose, in: query, schema: {type: boolean, default: false}}
            get:
              operationId: getPet
              summary: Look up a pet.
              description: With its owner.
              parameters:
                - {name: verbose, in: query, description: All of it., schema: {type: boolean, example: true}}
                - {name: X-Trace, in: header, schema: {type: string}}
                - {name: Authorization, in: header, required: true, schema: {type: string}}
            patch:
              deprecated: true
              requestBody:
                required: true
                content:
                  application/json: {schema: {$ref: '#/components/schemas/Pet'}}
        components:
          parameters:
            Pet: {name: petId, in: path, required: true, schema: {type: integer, format: int64}}
          schemas:
            Pet:
              type: object
              required: [name, id]
              properties:
                id: {type: integer, readOnly: true}
                name: {type: string, minLength: 1, example: Rex, xml: {attribute: true}, x-note: 1}
                answer: {type: string, enum: [yes, no, on, 2020-01-01, 12:30]}
        """,
    )
    pet = {"type": "integer", "format": "int64"}
    assert made["getPet"] == {
        "name": "getPet",
        "description": "Look up a pet.\n\nWith its owner.",
        "parameters": {
            "type": "object",
            "properties": {
                "petId": pet,
                "verbose": {"type": "boolean", "description": "All of it."},
                "X-Trace": TEXT,
            },
            "required": ["petId"],
        },
    }
    assert made["patch_pets_petId"] == {
        "name": "patch_pets_petId",
        "description": "Deprecated. PATCH /pets/{petId}",
        "parameters": {
            "type": "object",
            "properties": {
                "petId": pet,
                "verbose": {"type": "boolean", "default": False},
                "name": {"type": "string", "minLength": 1},
                "answer": {"type": "string", "enum": ["yes", "no", "on", "2020-01-01", "12:30"]},
            },
            "required": ["petId", "name"],
        },
    }
    assert report["made"][0]["parameters"] == {
        "petId": "path:petId",
        "verbose": "query:verbose",
        "X-Trace": "header:X-Trace",
    }


def test_names_do_not_clash(tmp_path: Path) -> None:
    """One name in several places gets the place before it; the report says what is meant."""
    given = [
        parameter("id"),
        parameter("id", "path"),
        parameter("id", "cookie"),
        parameter("body_id"),
    ]
    schema = {"type": "object", "properties": {"id": TEXT}, "required": ["id"]}
    operation = {"operationId": "f", "parameters": given, "requestBody": body(schema)}
    made, report = tools(tmp_path, document(**{"/x/{id}": {"put": operation}}))
    assert report["made"][0]["parameters"] == {
        "id": "path:id",
        "query_id": "query:id",
        "body_id": "query:body_id",
        "cookie_id": "cookie:id",
        "body_id_2": "body:id",
    }
    assert made["f"]["parameters"]["required"] == ["id", "body_id_2"]


@pytest.mark.parametrize(
    ("wished", "expected"),
    [
        (["get.pet", "get/pet", "get pet"], ["get_pet", "get_pet_2", "get_pet_3"]),
        (["a" * 99, "a" * 98], ["a" * 64, "a" * 62 + "_2"]),
        (["查询天气", "get天气", "天气"], ["get_p0", "get_p1", "get_p2"]),
        (["a_2", "a", "a"], ["a_2", "a", "a_3"]),
        ([None, {}, ""], ["get_p0", "get_p1", "get_p2"]),
    ],
)
def test_tool_names_are_legal_and_unique(
    tmp_path: Path, wished: list[Any], expected: list[str]
) -> None:
    """Legal for OpenAI, and each one once."""
    made, _ = tools(
        tmp_path,
        document(**{f"p{i}": {"get": {"operationId": name}} for i, name in enumerate(wished)}),
    )
    assert list(made) == expected
    assert all(len(name) <= LONGEST_NAME for name in made)


@pytest.mark.parametrize(
    ("schema", "required", "expected"),
    [
        ({"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, True, {"a": TEXT}),
        ({"type": "object", "properties": {"a": TEXT}}, False, {"a": TEXT}),
        ({"properties": {"a": TEXT}, "additionalProperties": False}, True, {"a": TEXT}),
        ({"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, False, None),
        ({"type": "object", "properties": {"a": TEXT}, "additionalProperties": TEXT}, True, None),
        ({"type": "object", "properties": {"a": TEXT}, "minProperties": 1}, True, None),
        ({"type": "object"}, True, None),
        ({"type": "array", "items": TEXT}, True, None),
        ({"oneOf": [{"type": "object", "properties": {"a": TEXT}}, TEXT]}, True, None),
        (
            {
                "allOf": [
                    {"type": "object", "properties": {"a": TEXT}},
                    {"properties": {"b": TEXT}, "required": ["b"]},
                ]
            },
            True,
            {"a": TEXT, "b": TEXT},
        ),
        (
            {"allOf": [{"type": "object", "properties": {"a": TEXT}}], "properties": {"b": TEXT}},
            True,
            {"a": TEXT, "b": TEXT},
        ),
        (
            {"allOf": [{"properties": {"a": TEXT}}, {"properties": {"a": {"type": "integer"}}}]},
            True,
            None,
        ),
        (
            {"allOf": [{"properties": {"a": TEXT}}, {"type": "object", "minProperties": 1}]},
            True,
            None,
        ),
    ],
)
def test_body_of_a_plain_object_is_spread(
    tmp_path: Path, schema: Any, required: bool, expected: Any
) -> None:
    """The properties of a plain object stand beside the other parameters; any other body is one
    parameter."""
    made, _ = tools(
        tmp_path, document(x={"post": {"operationId": "f", "requestBody": body(schema, required)}})
    )
    found = made["f"]["parameters"]
    assert found["properties"] == (expected or {"body": schema})
    if expected is None:
        assert found.get("required", []) == (["body"] if required else [])
    assert ("additionalProperties" in found) == (schema.get("additionalProperties") is False)


def test_the_media_type_that_says_most(tmp_path: Path) -> None:
    """JSON before forms before anything else."""
    order = ["text/csv", "multipart/form-data", "application/vnd.pet+json; charset=utf-8"]
    for count in (1, 2, 3):
        content = {media: {"schema": {"type": "string", "title": media}} for media in order[:count]}
        operation = {"operationId": "f", "requestBody": {"required": True, "content": content}}
        made, _ = tools(tmp_path, document(x={"post": operation}))
        assert made["f"]["parameters"]["properties"]["body"]["title"] == order[count - 1]


def test_what_openapi_3_2_adds(tmp_path: Path) -> None:
    """The method QUERY and any other, media types by reference, sequences, whole query strings."""
    item = {
        "query": {"operationId": "q", "requestBody": {"content": {"application/jsonl": {"$ref": "#/components/mediaTypes/Rows"}}}},
        "additionalOperations": {"LINK": {"parameters": [{"name": "filter", "in": "querystring", "content": {"application/json": {"schema": TEXT}}}]}},
    }  # fmt: skip
    content = document(version="3.2.0", x=item)
    content["components"]["mediaTypes"] = {"Rows": {"itemSchema": TEXT}}
    made, report = tools(tmp_path, content)
    assert made["q"]["parameters"]["properties"] == {"body": {"type": "array", "items": TEXT}}
    assert made["LINK_x"]["parameters"]["properties"] == {"filter": TEXT}
    assert [(each["method"], each["parameters"]) for each in report["made"]] == [
        ("query", {"body": "body"}),
        ("LINK", {"filter": "querystring:filter"}),
    ]


def test_additional_operations_that_are_none_are_counted(tmp_path: Path) -> None:
    _, report = tools(tmp_path, document(x={"additionalOperations": [1], "get": {}}), skipped=1)
    assert report["skipped"][0]["code"] == "bad_operation"


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"parameters": [{"$ref": "#/components/parameters/None"}]}, "bad_ref"),
        ({"parameters": [{"$ref": "other.yaml#/Pet"}]}, "external_ref"),
        ({"parameters": [{"$ref": "http://127.0.0.1:9/x"}]}, "external_ref"),
        ({"parameters": [{"name": "a", "in": "body"}]}, "bad_parameter"),
        ({"parameters": [{"in": "query"}]}, "bad_parameter"),
        ({"parameters": {"a": 1}}, "bad_parameter"),
        ({"parameters": ["a"]}, "bad_document"),
        ({"parameters": [parameter("a", schema={"type": "txt"})]}, "bad_schema"),
        ({"parameters": [parameter("a", schema={"properties": {"b": {"required": True}}})]}, "bad_schema"),
        ({"parameters": [parameter("a", schema=["string"])]}, "bad_schema"),
        ({"parameters": [parameter("a", schema={"$dynamicRef": "#n"})]}, "bad_ref"),
        ({"parameters": [parameter("a", schema={"$ref": "#n"})]}, "bad_ref"),
        ({"requestBody": 5}, "bad_document"),
        ({"requestBody": {"$ref": "#/paths/~1bad/get/requestBody"}}, "bad_ref"),
        (None, "bad_operation"),
        ([], "bad_operation"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_named(tmp_path: Path, operation: Any, code: str) -> None:
    """One bad operation costs itself alone; the exit status says so."""
    made, report = tools(
        tmp_path, document(bad={"get": operation}, good={"get": {"operationId": "f"}}), skipped=1
    )
    assert list(made) == ["f"]
    skipped = report["skipped"][0]
    assert (skipped["method"], skipped["path"], skipped["code"]) == ("get", "/bad", code)
    assert skipped["reason"]
    assert skipped["fix"]


def test_nothing_in_a_document_steers_the_terminal(tmp_path: Path) -> None:
    """Neither in the sentence nor in the report."""
    (tmp_path / "api.json").write_text(
        json.dumps(document(**{"a\x1b[2J\x9b\u202e": None})), encoding="utf-8"
    )
    result = run(tmp_path / "api.json", tmp_path / "tools.json", "--json")
    assert result.exit_code == 1
    assert not {"\x1b", "\x9b", "\u202e"} & set(result.stdout + result.stderr)
    assert json.loads(result.stdout)["skipped"][0]["path"] == "/a\x1b[2J\x9b\u202e"


def test_a_bad_path_is_named(tmp_path: Path) -> None:
    """Nobody knows how many operations it stands for: it counts as one."""
    _, report = tools(
        tmp_path, document(bad={"$ref": "x.yaml"}, good={"get": {}}, worse=None), skipped=2
    )
    assert [skipped["path"] for skipped in report["skipped"]] == ["/bad", "/worse"]


def test_wrong_usage_is_status_2_and_keeps_files(tmp_path: Path) -> None:
    """A missing file, a folder, the document itself as output: exit status 2, and it stays as it
    is."""
    source = tmp_path / "api.yaml"
    source.write_text(json.dumps(document(x={"get": {}})), encoding="utf-8")
    before = source.read_bytes()
    for wrong in (
        (tmp_path / "none.yaml", tmp_path / "t.json"),
        (tmp_path, tmp_path / "t.json"),
        (source, source),
    ):
        result = run(*wrong)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.strip()
    assert source.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["api.yaml"]


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["#/components/schemas/A", "string", "x", "#"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "$ref type properties items allOf anyOf required nullable enum in name schema content minimum "
                "application/json requestBody parameters exclusiveMinimum additionalProperties $dynamicRef".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(anything, anything, anything)
def test_any_document_is_accounted_for(
    tmp_path: Path, operation: Any, schema: Any, other: Any
) -> None:
    """Operations = made + skipped, whatever stands in them; no reference is left in a tool."""
    content = document(
        {"A": schema}, x={"get": operation}, y=other, z={"post": {"requestBody": body(schema)}}
    )
    (tmp_path / "api.json").write_text(json.dumps(content), encoding="utf-8")
    result = run(tmp_path / "api.json", tmp_path / "tools.json", "--json")
    report = json.loads(result.stdout)
    made = json.loads((tmp_path / "tools.json").read_text(encoding="utf-8"))
    assert report["operations"] == len(report["made"]) + len(report["skipped"]) >= 2
    assert len(report["made"]) == len(made)
    for tool in made:
        jsonschema_rs.validator_for(tool["function"]["parameters"], retriever=refuse)


def refuse(uri: str) -> Any:
    raise AssertionError(f"a reference is left: {uri}")
