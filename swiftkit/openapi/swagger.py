"""Swagger 2.0 operations in OpenAPI 3's form, which parameters.py reads.

- The parameter in `body` and those in `formData` become the requestBody; a file is binary text.
- What describes another parameter beside its name becomes its schema. How an array is written into
  an address (collectionFormat) is no matter of a tool.

References stay: the document's own definitions and parameters are where they lead to.
Source: https://spec.openapis.org/oas/v2.0.html
"""

from typing import Any

from swiftkit.openapi.schema import SchemaWriter

_NOT_OF_THE_SCHEMA = frozenset((
    "name", "in", "required", "description", "collectionFormat", "allowEmptyValue",
))  # fmt: skip
_MULTIPART, _URLENCODED = "multipart/form-data", "application/x-www-form-urlencoded"


def as_openapi_3(
    schemas: SchemaWriter, document: dict[str, Any], operation: Any, shared: list[Any]
) -> Any:
    """Return an operation with the parameters that it shares with its path. Raises DataError."""
    own = operation.get("parameters") if isinstance(operation, dict) else None
    if not isinstance(operation, dict) or not isinstance(own, list | None):
        return operation  # parameters.py says what is wrong with it
    parameters: list[dict[str, Any]] = []
    body: dict[str, Any] = {}
    form: dict[str, dict[str, Any]] = {}
    for item in [*shared, *(own or [])]:
        parameter = schemas.target(item)
        place, name = parameter.get("in"), parameter.get("name")
        if place == "body":
            body = parameter
        elif place == "formData" and isinstance(name, str):
            form[name] = parameter
        else:
            parameters.append({**parameter, "schema": _schema(parameter)})
    converted = {**operation, "parameters": parameters}
    consumes = operation.get("consumes", document.get("consumes"))
    media_types = [name for name in consumes or [] if isinstance(name, str)]
    if body:
        content = {"schema": body.get("schema", {})}
        media_types = media_types or ["application/json"]
        converted["requestBody"] = _request_body(media_types, content, body)
    elif form:
        media_type = _MULTIPART if _MULTIPART in media_types else _URLENCODED
        schema = _form_schema(form)
        is_required = {"required": "required" in schema}
        converted["requestBody"] = _request_body([media_type], {"schema": schema}, is_required)
    return converted


def _schema(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = {word: value for word, value in parameter.items() if word not in _NOT_OF_THE_SCHEMA}
    if schema.get("type") == "file":
        schema |= {"type": "string", "format": "binary"}
    return schema


def _form_schema(form: dict[str, dict[str, Any]]) -> dict[str, Any]:
    properties = {}
    required = []
    for name, parameter in form.items():
        properties[name] = _schema(parameter)
        if isinstance(parameter.get("description"), str):
            properties[name]["description"] = parameter["description"]
        if parameter.get("required") is True:
            required.append(name)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return schema | ({"required": required} if required else {})


def _request_body(
    media_types: list[str], content: dict[str, Any], parameter: dict[str, Any]
) -> dict[str, Any]:
    body: dict[str, Any] = {"content": dict.fromkeys(media_types, content)}
    for word in ("description", "required"):
        if word in parameter:
            body[word] = parameter[word]
    return body
