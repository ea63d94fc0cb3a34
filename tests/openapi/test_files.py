"""OpenAPI documents as files: YAML or JSON, and what is hostile in them."""

import json
from pathlib import Path

import pytest
import yaml
from helpers.openapi_documents import NODE, posting, run, tools
from helpers.yaml_bombs import ALIAS_BOMB, MERGE_BOMB

LAUGHS = f"openapi: 3.0.3\n{ALIAS_BOMB}"
MERGES = f"openapi: 3.0.3\n{MERGE_BOMB}"
# a value that holds itself
CIRCLE = "openapi: 3.0.3\npaths: &a {x: *a}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LAUGHS, "no operations"),
        (MERGES, "no operations"),
        (CIRCLE, "no operations"),
        ("[" * 100_000, "nested deeper"),
        ("openapi: 3.0.3\npaths: " + "{a: " * 5000, "nested deeper"),
        ("openapi: 3.0.3\npaths: !!python/object/apply:os.system ['echo']", ":2: not valid YAML"),
        ("openapi: 3.0.3\npaths: {a: {}, a: {}}", ":2: not valid YAML: the key 'a' twice"),
        ("openapi: 3.0.3\npaths: {[a]: 1}", "a key that is no text"),
        ("openapi: 3.0.3\npaths: {a: *b}", "not valid YAML"),
        ("openapi: 3.0.3\npaths: {a: 1e999}", "out of range"),
        ("openapi: [", "not valid YAML"),
        ("a: 1\n---\nb: 2", "not valid YAML"),
        ("openapi: 3.0.3\nx: \x07", "not valid YAML"),
        ("swagger: '2.0'\npaths: {}", "no operations"),
        ("swagger: '1.2'\npaths: {}", "swagger: 1.2"),
        ("swaggerVersion: '1.2'\napis: []", "a Swagger 1 document"),
        ("asyncapi: 3.0.0\nchannels: {}", "an AsyncAPI document"),
        ("openapi: 4.0.0\npaths: {}", "openapi: 4.0.0"),
        ('{"info": {"_postman_id": "1"}, "item": []}', "a Postman collection"),
        ('{"model": "Qwen3", "data": []}', "an object with the keys model, data"),
        ("openapi: 2.5.0", "nothing to make tools of"),
        ("openapi: 3.0.3", "no operations"),
        ("openapi: 3.1.0\nwebhooks: {x: {post: {}}}", "no operations"),
        ("openapi: 3.0.3\npaths: {x-note: {get: {}}}", "no operations"),
        ("- 1", "nothing to make tools of"),
        ("", "nothing to make tools of"),
        ('{"openapi": ' * 2000, "nested deeper"),
    ],
)
def test_hostile_documents(tmp_path: Path, content: str, said: str) -> None:
    """One sentence, exit status 2, no output, no time lost."""
    source, output = tmp_path / "api.yaml", tmp_path / "tools.json"
    source.write_text(content, encoding="utf-8")
    result = run(source, output)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not output.exists()


@pytest.mark.parametrize(
    "schema",
    [
        "{default: *a11}",
        "{enum: *a11}",
        "{required: *a11}",
        "{items: *a11}",
        "{properties: {a: *a11}}",
        "{default: *circle}",
        "{allOf: [{const: *circle}]}",
    ],
)
def test_alias_bomb_in_a_schema_costs_its_operation(tmp_path: Path, schema: str) -> None:
    """What its aliases stand for is never written out: the operation is skipped, at once."""
    parameter = f"{{name: q, in: query, schema: {schema}}}"
    content = (
        f"openapi: 3.1.0\n{ALIAS_BOMB}c: &circle {{x: *circle}}\n"
        f"paths: {{/a: {{get: {{operationId: a, parameters: [{parameter}]}}}},"
        " /b: {get: {operationId: b}}}\n"
    )
    made, report = tools(tmp_path, content, skipped=1)
    assert list(made) == ["b"]
    assert report["skipped"][0]["code"] in ("too_large", "bad_schema")


def test_yaml_aliases_and_merges_may_be_used(tmp_path: Path) -> None:
    """As far as they go: they are common in documents written by hand."""
    made, _ = tools(
        tmp_path,
        """
        openapi: 3.0.3
        x-page: &page {name: page, in: query, schema: &int {type: integer}}
        paths:
          /a: {get: {operationId: a, parameters: [*page, {<<: *page, name: size, schema: {<<: *int, minimum: 1}}]}}
        """,
    )
    assert made["a"]["parameters"]["properties"] == {
        "page": {"type": "integer"},
        "size": {"type": "integer", "minimum": 1},
    }


def test_json_and_yaml_agree(tmp_path: Path) -> None:
    """Also where the JSON is broken, the message names the place."""
    content = posting({"$ref": "#/components/schemas/Node"}, Node=NODE)
    written = []
    for name, text in (
        ("a.json", json.dumps(content)),
        ("b.yaml", yaml.safe_dump(content, sort_keys=False)),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert run(tmp_path / name, tmp_path / "tools.json").exit_code == 0
        written.append((tmp_path / "tools.json").read_bytes())
    assert written[0] == written[1]
    (tmp_path / "a.json").write_text(json.dumps(content)[:-3], encoding="utf-8")
    assert "a.json: not valid JSON" in run(tmp_path / "a.json", tmp_path / "tools.json").stderr
