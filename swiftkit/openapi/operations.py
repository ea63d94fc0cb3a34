"""Tool definitions from an API's document, OpenAPI 3.0 to 3.2 or Swagger 2.0: one for each
operation, or the reason why there is none.

A tool's name is the operationId, or else method and path, in the letters that OpenAI allows, and
unique. Its parameters are parameters.py's matter. Webhooks and callbacks are no tools: the API
calls them, nobody else.

Source: https://spec.openapis.org/oas/v3.0.4.html, v3.1.1.html, v3.2.0.html and v2.0.html.
"""

from collections.abc import Iterator
from typing import Any

from swiftkit.errors import DataError
from swiftkit.openapi.openai_rules import legal_name
from swiftkit.openapi.parameters import parameters_of
from swiftkit.openapi.schema import NESTED, SchemaWriter
from swiftkit.openapi.swagger import as_openapi_3
from swiftkit.openapi.tools_report import ToolsReport

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


def tools_of_document(
    document: dict[str, Any], report: ToolsReport, max_chars: int
) -> list[dict[str, Any]]:
    """Return the tools in OpenAI's form; each operation is entered in the report."""
    schemas = SchemaWriter(document)
    names: set[str] = set()
    tools = []
    for method, path, body, shared in _operations(document, schemas, report):
        report.operations += 1
        try:
            if "swagger" in document:
                body, shared = as_openapi_3(schemas, document, body, shared), []
            parameters, places = _parameters(schemas, body, shared)
        except DataError as error:
            report.add_skipped(error, method=method, path=path)
            continue
        except RecursionError:
            too_deep = DataError("nested too deeply", "too_deep", "flatten its schemas")
            report.add_skipped(too_deep, method=method, path=path)
            continue
        name = legal_name(body.get("operationId"), f"{method} {path}", names)
        description = _description(body, method, path)
        function = {"name": name, "description": description, "parameters": parameters}
        tool = {"type": "function", "function": function}
        report.add_made(tool, max_chars, method=method, path=path, parameters=places)
        tools.append(tool)
    return tools


def _parameters(
    schemas: SchemaWriter, body: Any, shared: list[Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return JSON Schema and places. What holds itself is nested, unless it is too large then."""
    for nested in range(NESTED, 0, -1):
        schemas.begin(nested)
        try:
            return parameters_of(schemas, body, shared)
        except DataError as error:
            if error.code != "too_large":
                raise
    schemas.begin(0)
    return parameters_of(schemas, body, shared)


def _operations(
    document: dict[str, Any], schemas: SchemaWriter, report: ToolsReport
) -> Iterator[tuple[str, str, Any, list[Any]]]:
    """Yield (method, path, body, parameters of the path); a path that is none is skipped."""
    paths = document.get("paths")
    for path, item in (paths if isinstance(paths, dict) else {}).items():
        if path.startswith("x-"):
            continue
        try:
            target = dict(schemas.target(item))
        except DataError as error:
            report.operations += 1
            report.add_skipped(error, path=path)
            continue
        target |= {word: value for word, value in item.items() if word != "$ref"}
        shared = target.get("parameters")
        shared = shared if isinstance(shared, list) else []
        for method in METHODS:
            if method in target:
                yield method, path, target[method], shared
        others = target.get("additionalOperations")  # of OpenAPI 3.2, such as LINK
        if isinstance(others, dict):
            for method, body in others.items():
                yield method, path, body, shared
        elif others is not None:
            yield "additionalOperations", path, others, shared  # named as what it is: none


def _description(body: dict[str, Any], method: str, path: str) -> str:
    texts: list[str] = []
    for word in ("summary", "description"):
        text = body.get(word)
        if isinstance(text, str) and text.strip() and text.strip() not in texts:
            texts.append(text.strip())
    description = "\n\n".join(texts) or f"{method.upper()} {path}"
    return f"Deprecated. {description}" if body.get("deprecated") is True else description
