"""Swagger 2.0 documents give the tools that their OpenAPI 3 form would give."""

from pathlib import Path
from typing import Any

import pytest
from helpers.openapi_documents import TEXT, tools

WHOLE = """
swagger: "2.0"
info: {title: Pets, version: "1"}
consumes: [application/json]
paths:
  /pets/{petId}:
    parameters:
      - {$ref: '#/parameters/Pet'}
    get:
      operationId: getPet
      parameters:
        - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: multi, description: Any of them.}
        - {name: limit, in: query, type: integer, format: int32, minimum: 1, maximum: 100, default: 20}
    put:
      operationId: putPet
      parameters:
        - {name: pet, in: body, required: true, description: The pet., schema: {$ref: '#/definitions/Pet'}}
    post:
      operationId: uploadPicture
      consumes: [multipart/form-data]
      parameters:
        - {name: caption, in: formData, type: string, description: Below it.}
        - {name: picture, in: formData, type: file, required: true}
    patch:
      operationId: tagPet
      consumes: [application/x-www-form-urlencoded]
      parameters:
        - {name: tags, in: formData, type: array, items: {type: string, enum: [a, b]}, collectionFormat: csv}
    delete:
      operationId: killPet
      parameters:
        - {name: reasons, in: body, schema: {type: array, items: {type: string}}}
parameters:
  Pet: {name: petId, in: path, required: true, type: string}
definitions:
  Pet:
    type: object
    required: [name]
    properties:
      id: {type: integer, readOnly: true}
      name: {type: string}
      owner: {$ref: '#/definitions/Owner'}
  Owner: {type: object, properties: {name: {type: string, x-nullable: true}}}
"""


def test_a_whole_document(tmp_path: Path) -> None:
    made, report = tools(tmp_path, WHOLE)
    owner = {"type": "object", "properties": {"name": {"type": ["string", "null"]}}}
    limit = {"type": "integer", "format": "int32", "minimum": 1, "maximum": 100, "default": 20}
    tags = {"type": "array", "items": TEXT, "description": "Any of them."}
    letters = {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}
    expected = {
        "getPet": ({"petId": TEXT, "tags": tags, "limit": limit}, ["petId"]),
        "putPet": ({"petId": TEXT, "name": TEXT, "owner": owner}, ["petId", "name"]),
        "uploadPicture": (
            {
                "petId": TEXT,
                "caption": {"type": "string", "description": "Below it."},
                "picture": {"type": "string", "format": "binary"},
            },
            ["petId", "picture"],
        ),
        "tagPet": ({"petId": TEXT, "tags": letters}, ["petId"]),
        "killPet": ({"petId": TEXT, "body": {"type": "array", "items": TEXT}}, ["petId"]),
    }
    for name, (properties, required) in expected.items():
        parameters = {"type": "object", "properties": properties, "required": required}
        assert made[name]["parameters"] == parameters
    places = {each["tool"]: each["parameters"] for each in report["made"]}
    assert places["tagPet"] == {"petId": "path:petId", "tags": "body:tags"}
    assert places["killPet"] == {"petId": "path:petId", "body": "body"}


def test_own_body_counts_before_that_of_the_path(tmp_path: Path) -> None:
    def body(name: str) -> dict[str, Any]:
        schema = {"type": "object", "properties": {name: TEXT}}
        return {"name": "b", "in": "body", "schema": schema}

    operation = {"operationId": "f", "parameters": [body("own")]}
    paths = {"/x": {"parameters": [body("shared")], "post": operation}}
    made, _ = tools(tmp_path, f"swagger: '2.0'\npaths: {paths}")
    assert list(made["f"]["parameters"]["properties"]) == ["own"]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"parameters": [{"$ref": "#/parameters/None"}]}, "bad_ref"),
        ({"parameters": [{"in": "query", "type": "string"}]}, "bad_parameter"),
        ({"parameters": [{"in": "formData", "type": "string"}]}, "bad_parameter"),
        ({"parameters": [{"name": "a", "in": "query", "type": "text"}]}, "bad_schema"),
        ({"parameters": {"a": 1}}, "bad_parameter"),
        ([], "bad_operation"),
    ],
)
def test_what_cannot_be_made_is_named(tmp_path: Path, operation: Any, code: str) -> None:
    paths = {"/bad": {"get": operation}, "/good": {"get": {"operationId": "f"}}}
    made, report = tools(tmp_path, f"swagger: '2.0'\npaths: {paths}", skipped=1)
    assert list(made) == ["f"]
    assert report["skipped"][0]["code"] == code
