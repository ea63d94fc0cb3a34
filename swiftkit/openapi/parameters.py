"""The parameters of one OpenAPI operation as one JSON Schema object, and their places.

They are those of path, query, header and cookie, and the properties of the body. A query string
that is described as a whole (`querystring`, OpenAPI 3.2) is one parameter. Where two places
use one name, the second becomes place_name (`body_id`). A body that is no plain object, or that is
optional as a whole but has required properties, is the one parameter `body`. The places: {"petId":
"path:petId", "body_id": "body:id", "body": "body"}.
"""

import re
from typing import Any

from swiftkit.errors import DataError
from swiftkit.openapi.openai_rules import check_schema
from swiftkit.openapi.schema import SchemaWriter

# OpenAPI: such header parameters are to be ignored
_IGNORED_HEADERS = ("accept", "content-type", "authorization")
_PLACES = ("path", "query", "querystring", "header", "cookie")
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json\b")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_PLAIN_OBJECT = {"type", "properties", "required", "additionalProperties", "title", "description"}


def parameters_of(
    schemas: SchemaWriter, operation: Any, shared: list[Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return (JSON Schema, places). `shared` are the path's parameters. Raises DataError."""
    if not isinstance(operation, dict):
        raise DataError("the operation is not an object", "bad_operation", "mend the document")
    tool = _ToolParameters(schemas)
    for parameter in _listed_parameters(schemas, operation, shared):
        tool.add_parameter(parameter)
    if operation.get("requestBody") is not None:
        tool.add_body(schemas.target(operation["requestBody"]))
    return tool.schema(), tool.places


def _listed_parameters(
    schemas: SchemaWriter, operation: dict[str, Any], shared: list[Any]
) -> list[dict[str, Any]]:
    """Return the parameters by place. The operation's counts where its path has one, too."""
    own = operation.get("parameters")
    if own is not None and not isinstance(own, list):
        raise DataError("parameters is not a list", "bad_parameter", "mend the document")
    parameters = {}
    for item in [*shared, *(own or [])]:
        parameter = schemas.target(item)
        name, place = parameter.get("name"), parameter.get("in")
        if place not in _PLACES or not isinstance(name, str):
            reason = f"the parameter {name!r} in {place!r}"
            raise DataError(reason, "bad_parameter", "mend the document")
        parameters[place, name] = parameter
    return sorted(parameters.values(), key=lambda parameter: _PLACES.index(parameter["in"]))


class _ToolParameters:
    """Parameters of all places, each under a name of its own."""

    def __init__(self, schemas: SchemaWriter) -> None:
        self._schemas = schemas
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self._is_closed = False
        self.places: dict[str, str] = {}

    def schema(self) -> dict[str, Any]:
        """Return the whole as JSON Schema. Raises DataError where the document's is not valid."""
        schema: dict[str, Any] = {"type": "object", "properties": self._properties}
        if self._required:
            schema["required"] = self._required
        if self._is_closed:
            schema["additionalProperties"] = False
        check_schema(schema, "mend the schema in the document")
        return schema

    def add_parameter(self, parameter: dict[str, Any]) -> None:
        place, name = parameter["in"], parameter["name"]
        if place == "header" and name.lower() in _IGNORED_HEADERS:
            return
        schema, content = parameter.get("schema", {}), parameter.get("content")
        if content:
            schema = _media_schema(self._schemas, content)
        is_required = parameter.get("required") is True or place == "path"
        self._add(place, name, _described(self._schemas.schema(schema), parameter), is_required)

    def add_body(self, body: dict[str, Any]) -> None:
        schema = self._schemas.schema(_media_schema(self._schemas, body.get("content") or {}))
        plain = _plain_object(schema)
        is_required = body.get("required") is True
        if plain is None or (plain.get("required") and not is_required):
            self._add("body", "", _described(schema, body), is_required)
            return
        self._is_closed = plain.get("additionalProperties") is False
        for name, inner in plain["properties"].items():
            self._add("body", name, inner, name in plain.get("required", []))

    def _add(self, place: str, name: str, schema: Any, is_required: bool) -> None:
        """Add a parameter under its own name, with its place before it, or a number behind."""
        wished = name or place
        free, number = wished, 1
        while free in self._properties:
            free = f"{place}_{wished}" if number == 1 else f"{place}_{wished}_{number}"
            number += 1
        self._properties[free] = schema
        self.places[free] = f"{place}:{name}" if name else place
        if is_required:
            self._required.append(free)


def _media_schema(schemas: SchemaWriter, named: Any) -> Any:
    """Return the schema of the media type that says most about its fields: JSON, then forms.

    Where one describes the items of a sequence alone (OpenAPI 3.2), it is a list of them.
    """
    content = schemas.target(named)
    media_types = [name for name in content if isinstance(content[name], dict)]
    ranked = [name for name in media_types if _JSON.match(name)]
    ranked += [name for name in _FORMS if name in media_types]
    ranked += media_types
    if not ranked:
        return {}
    media = schemas.target(content[ranked[0]])
    if "schema" not in media and "itemSchema" in media:
        return {"type": "array", "items": media["itemSchema"]}
    return media.get("schema", {})


def _plain_object(schema: Any) -> dict[str, Any] | None:
    """Return the schema as one plain object with properties, also an `allOf` of such, or None."""
    if not isinstance(schema, dict):
        return None
    if "allOf" not in schema:
        is_plain = schema.keys() <= _PLAIN_OBJECT and schema.get("type", "object") == "object"
        # else it may hold anything beside them
        is_bound = schema.get("additionalProperties", False) is False
        return schema if is_plain and is_bound and schema.get("properties") else None
    rest = {word: inner for word, inner in schema.items() if word != "allOf"}
    if not rest.keys() <= _PLAIN_OBJECT:
        return None
    properties: dict[str, Any] = {}
    required: list[str] = []
    for part in [*schema["allOf"], *([rest] if "properties" in rest else [])]:
        plain = _plain_object(part)
        if plain is None or "additionalProperties" in plain:
            return None
        if not properties.keys().isdisjoint(plain["properties"]):
            return None
        properties |= plain["properties"]
        required += plain.get("required", [])
    return {"properties": properties, "required": required}


def _described(schema: Any, parameter: dict[str, Any]) -> Any:
    """Return the schema with the parameter's own description."""
    text = parameter.get("description")
    if not isinstance(text, str) or not text.strip():
        return schema
    return {**schema, "description": text} if isinstance(schema, dict) else {"description": text}
