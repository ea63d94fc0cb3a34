"""Small OpenAPI documents, and what `swiftkit tools` makes of them."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
from click.testing import CliRunner, Result

from swiftkit.cli.main import main
from swiftkit.toolcall.tools import tools_from

TEXT = {"type": "string"}

NODE = {
    "type": "object",
    "properties": {"name": TEXT, "child": {"$ref": "#/components/schemas/Node"}},
    "required": ["name"],
}


def document(
    schemas: dict[str, Any] | None = None, version: str = "3.0.3", **paths: Any
) -> dict[str, Any]:
    operations = {
        path if path.startswith("/") else f"/{path}": item for path, item in paths.items()
    }
    return {"openapi": version, "paths": operations, "components": {"schemas": schemas or {}}}


def parameter(name: str, place: str = "query", schema: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": TEXT if schema is None else schema, **more}


def body(schema: Any, required: bool = True, media: str = "application/json") -> dict[str, Any]:
    return {"required": required, "content": {media: {"schema": schema}}}


def posting(schema: Any, **components: Any) -> dict[str, Any]:
    """A document with one operation, whose body has one property of this schema."""
    wrapped = {"type": "object", "properties": {"value": schema}}
    return document(components, x={"post": {"operationId": "f", "requestBody": body(wrapped)}})


def run(source: Path, output: Path, *options: str) -> Result:
    return CliRunner().invoke(
        main, ["tools", str(source), "-o", str(output), *options], catch_exceptions=False
    )


def tools(
    tmp_path: Path, content: dict[str, Any] | str, skipped: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the tools' functions by name, the report); both are held to their promises."""
    source, output = tmp_path / "api.yaml", tmp_path / "tools.json"
    source.write_text(
        content if isinstance(content, str) else json.dumps(content), encoding="utf-8"
    )
    result = run(source, output, "--json")
    report = json.loads(result.stdout)
    made = json.loads(output.read_text(encoding="utf-8"))
    assert (len(report["skipped"]), result.exit_code) == (skipped, int(bool(skipped)))
    assert report["operations"] == len(report["made"]) + len(report["skipped"])
    assert [each["tool"] for each in report["made"]] == [tool["function"]["name"] for tool in made]
    assert tools_from(made) == made
    for tool, each in zip(made, report["made"], strict=True):
        jsonschema_rs.meta.validate(tool["function"]["parameters"])
        if each["path"]:  # of an API; an MCP server has no places
            properties = tool["function"]["parameters"]["properties"]
            assert each["parameters"].keys() == properties.keys()
    return {tool["function"]["name"]: tool["function"] for tool in made}, report


def value_schema(tmp_path: Path, content: dict[str, Any]) -> Any:
    return tools(tmp_path, content)[0]["f"]["parameters"]["properties"]["value"]
