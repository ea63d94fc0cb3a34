"""Tool definitions from an API's OpenAPI 3.0 or 3.1 document: one for each operation, or the reason
why there is none.

A tool's name is the operationId, or else method and path, in the letters that OpenAI allows, and
unique. Its parameters are openapi/parameters.py's matter. Webhooks and callbacks are no tools: the
API calls them, nobody else.

Source: https://spec.openapis.org/oas/v3.0.4.html and v3.1.1.html.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.files.jsonl import write_atomically
from swiftkit.files.safe_yaml import read_yaml
from swiftkit.openapi.parameters import parameters_of
from swiftkit.openapi.schema import NESTED, Schemas

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LONGEST_NAME = 64
_NOT_IN_NAMES = re.compile("[^A-Za-z0-9_-]+")


class Made(msgspec.Struct, frozen=True):
    """An operation that became a tool. `parameters`: the tool's parameter -> place:name in the
    request."""

    method: str
    path: str
    tool: str
    parameters: dict[str, str]


class Skipped(msgspec.Struct, frozen=True):
    method: str
    path: str
    code: str
    reason: str
    fix: str


class Account(msgspec.Struct):
    """The books, as `--json` prints them: operations = made + skipped."""

    output: str
    operations: int
    made: list[Made]
    skipped: list[Skipped]


def write_tools(source: Path, output: Path) -> Account:
    """Write the tools as a JSON list. Raises DataError where the document cannot be read or has no
    operation."""
    if output.resolve() == source.resolve():
        raise UsageError(f"{output} is both input and output; choose another name for the output")
    document = _document(source)
    account = Account(str(output), 0, [], [])
    tools = list(_tools(document, account))
    if not account.operations:
        raise DataError(f"{source}: no operations", "no_operations", "give a document with `paths`")
    with write_atomically(output) as file:
        file.write(msgspec.json.format(msgspec.json.encode(tools), indent=2) + b"\n")
    return account


def summary(account: Account) -> str:
    """The account for a person: a line of totals, and one for each operation that was skipped."""
    made, skipped = len(account.made), len(account.skipped)
    lines = [
        f"  skipped, {each.code}: {each.method.upper()} {each.path}: {each.reason} ({each.fix})"
        for each in account.skipped
    ]
    return "\n".join(
        [
            f"{account.operations} operations = {made} tools + {skipped} skipped: {account.output}",
            *lines,
        ]
    )


def _document(source: Path) -> dict[str, Any]:
    try:
        text = source.read_bytes()
    except OSError as error:
        fix = "check the path and its permissions"
        raise DataError(f"{source}: {error.strerror or error}", "unreadable_file", fix) from error
    document = _decoded(text, source)
    version = document.get("openapi") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not str(version).startswith("3."):
        found = (
            "Swagger 2"
            if isinstance(document, dict) and "swagger" in document
            else f"openapi: {version}"
        )
        fix = "give OpenAPI 3.0 or 3.1 (swagger2openapi converts Swagger 2)"
        raise DataError(f"{source}: not an OpenAPI 3 document ({found})", "not_openapi", fix)
    return document


def _decoded(text: bytes, source: Path) -> Any:
    """JSON is nearly all YAML, but much faster to read as what it is."""
    if text.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        try:
            return msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError) as error:
            if source.suffix == ".json":
                raise DataError(
                    f"{source}: not valid JSON: {error}", "broken_json", "mend the document"
                ) from error
    return read_yaml(text, str(source))


def _tools(document: dict[str, Any], account: Account) -> Iterator[dict[str, Any]]:
    schemas = Schemas(document)
    names: set[str] = set()
    for method, path, operation, shared in _operations(document, schemas, account):
        account.operations += 1
        try:
            parameters, places = _parameters(schemas, operation, shared)
        except DataError as error:
            account.skipped.append(Skipped(method, path, error.code, error.reason, error.fix))
        except RecursionError:
            account.skipped.append(
                Skipped(method, path, "too_deep", "nested too deeply", "flatten its schemas")
            )
        else:
            name = _unique(operation.get("operationId"), f"{method} {path}", names)
            names.add(name)
            account.made.append(Made(method, path, name, places))
            text = _description(operation, method, path)
            yield {
                "type": "function",
                "function": {"name": name, "description": text, "parameters": parameters},
            }


def _parameters(
    schemas: Schemas, operation: Any, shared: list[Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What holds itself is written out again inside itself, unless that makes it too large."""
    for nested in range(NESTED, -1, -1):
        schemas.begin(nested)
        try:
            return parameters_of(schemas, operation, shared)
        except DataError as error:
            if error.code != "too_large" or not nested:
                raise
    raise AssertionError("range(NESTED, -1, -1) ends with 0")


def _operations(
    document: dict[str, Any], schemas: Schemas, account: Account
) -> Iterator[tuple[str, str, Any, list[Any]]]:
    """(method, path, operation, the path's shared parameters); what is no operation is entered as
    skipped."""
    paths = document.get("paths")
    for path, item in (paths if isinstance(paths, dict) else {}).items():
        if path.startswith("x-"):
            continue
        try:
            target = schemas.target(item) | {
                word: value for word, value in item.items() if word != "$ref"
            }
        except DataError as error:
            account.operations += 1
            account.skipped.append(Skipped("", path, error.code, error.reason, error.fix))
            continue
        shared = target.get("parameters")
        for method in METHODS:
            if method in target:
                yield method, path, target[method], shared if isinstance(shared, list) else []


def _description(operation: dict[str, Any], method: str, path: str) -> str:
    texts = [operation.get(word) for word in ("summary", "description")]
    found = list(
        dict.fromkeys(text.strip() for text in texts if isinstance(text, str) and text.strip())
    )
    text = "\n\n".join(found) or f"{method.upper()} {path}"
    return f"Deprecated. {text}" if operation.get("deprecated") is True else text


def _unique(wished: Any, otherwise: str, taken: set[str]) -> str:
    text = wished if isinstance(wished, str) and wished else otherwise
    base = _NOT_IN_NAMES.sub("_", text).strip("_")[:LONGEST_NAME] or "operation"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base[: LONGEST_NAME - len(str(number)) - 1]}_{number}"
    return name
