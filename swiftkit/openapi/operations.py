"""Tool definitions from an API's OpenAPI 3.0 or 3.1 document: one for each operation, or the reason
why there is none.

A tool's name is the operationId, or else method and path, in the letters that OpenAI allows, and
unique. Its parameters are parameters.py's matter. Webhooks and callbacks are no tools: the API
calls them, nobody else.

Source: https://spec.openapis.org/oas/v3.0.4.html and v3.1.1.html.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.files.jsonl import BOM, write_atomically
from swiftkit.files.safe_yaml import read_yaml
from swiftkit.openapi.parameters import parameters_of
from swiftkit.openapi.schema import NESTED, SchemaWriter

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LONGEST_NAME = 64
_NOT_IN_NAMES = re.compile("[^A-Za-z0-9_-]+")


class MadeTool(msgspec.Struct, frozen=True):
    """An operation that became a tool."""

    method: str
    path: str
    tool: str
    parameters: dict[str, str]  # of the tool -> place:name in the request


class SkippedOperation(msgspec.Struct, frozen=True):
    method: str
    path: str
    code: str
    reason: str
    fix: str


class ToolsReport(msgspec.Struct):
    """The counts, as `--json` prints them: operations = made + skipped."""

    output: str
    operations: int
    made: list[MadeTool]
    skipped: list[SkippedOperation]


def write_tools(source: Path, output: Path) -> ToolsReport:
    """Write the tools as a JSON list. Raises DataError for a document that gives no operations."""
    if output.resolve() == source.resolve():
        raise UsageError(f"{output} is both input and output; choose another name for the output")
    document = _read_document(source)
    report = ToolsReport(str(output), 0, [], [])
    tools = list(_tools(document, report))
    if not report.operations:
        raise DataError(f"{source}: no operations", "no_operations", "give a document with `paths`")
    with write_atomically(output) as file:
        file.write(msgspec.json.format(msgspec.json.encode(tools), indent=2) + b"\n")
    return report


def summary(report: ToolsReport) -> str:
    """Return the report for a person: a line of totals, and one for each skipped operation."""
    made, skipped = len(report.made), len(report.skipped)
    lines = [f"{report.operations} operations = {made} tools + {skipped} skipped: {report.output}"]
    for operation in report.skipped:
        name = f"{operation.method.upper()} {operation.path}"
        lines.append(f"  skipped, {operation.code}: {name}: {operation.reason} ({operation.fix})")
    return "\n".join(lines)


def _read_document(source: Path) -> dict[str, Any]:
    try:
        text = source.read_bytes().removeprefix(BOM)
    except OSError as error:
        fix = "check the path and its permissions"
        raise DataError(f"{source}: {error.strerror or error}", "unreadable_file", fix) from error
    value = _decode_document(text, source)
    document: dict[str, Any] = value if isinstance(value, dict) else {}
    version = document.get("openapi")
    if str(version).startswith("3."):
        return document
    kind = "Swagger 2" if "swagger" in document else f"openapi: {version}"
    fix = "give OpenAPI 3.0 or 3.1 (swagger2openapi converts Swagger 2)"
    raise DataError(f"{source}: not an OpenAPI 3 document ({kind})", "not_openapi", fix)


def _decode_document(text: bytes, source: Path) -> Any:
    """Return the value of JSON or YAML; JSON, nearly all YAML, is much faster to read as itself."""
    if text.lstrip().startswith(b"{"):
        try:
            return msgspec.json.decode(text)
        except (ValueError, RecursionError) as error:
            if source.suffix == ".json":
                reason = f"{source}: not valid JSON: {error}"
                raise DataError(reason, "broken_json", "mend the document") from error
    return read_yaml(text, str(source))


def _tools(document: dict[str, Any], report: ToolsReport) -> Iterator[dict[str, Any]]:
    """Yield the tools; each operation is entered in the report."""
    schemas = SchemaWriter(document)
    names: set[str] = set()
    for method, path, body, shared in _operations(document, schemas, report):
        report.operations += 1
        try:
            parameters, places = _parameters(schemas, body, shared)
        except DataError as error:
            _skip(report, method, path, error)
            continue
        except RecursionError:
            too_deep = DataError("nested too deeply", "too_deep", "flatten its schemas")
            _skip(report, method, path, too_deep)
            continue
        name = _unique_name(body.get("operationId"), f"{method} {path}", names)
        names.add(name)
        report.made.append(MadeTool(method, path, name, places))
        description = _description(body, method, path)
        function = {"name": name, "description": description, "parameters": parameters}
        yield {"type": "function", "function": function}


def _skip(report: ToolsReport, method: str, path: str, error: DataError) -> None:
    report.skipped.append(SkippedOperation(method, path, error.code, error.reason, error.fix))


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
            _skip(report, "", path, error)
            continue
        target |= {word: value for word, value in item.items() if word != "$ref"}
        shared = target.get("parameters")
        shared = shared if isinstance(shared, list) else []
        for method in METHODS:
            if method in target:
                yield method, path, target[method], shared


def _description(body: dict[str, Any], method: str, path: str) -> str:
    texts: list[str] = []
    for word in ("summary", "description"):
        text = body.get(word)
        if isinstance(text, str) and text.strip() and text.strip() not in texts:
            texts.append(text.strip())
    description = "\n\n".join(texts) or f"{method.upper()} {path}"
    return f"Deprecated. {description}" if body.get("deprecated") is True else description


def _unique_name(wished: Any, otherwise: str, taken: set[str]) -> str:
    text = wished if isinstance(wished, str) and wished else otherwise
    base = _NOT_IN_NAMES.sub("_", text).strip("_")[:LONGEST_NAME] or "operation"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base[: LONGEST_NAME - len(str(number)) - 1]}_{number}"
    return name
