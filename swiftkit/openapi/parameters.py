"""The parameters of one OpenAPI operation as one JSON Schema object, and where each belongs in the
request.

They are those of path, query, header and cookie, and the properties of the body. Where two places
use one name, the second becomes place_name (`body_id`). A body that is no plain object, or that is
optional as a whole but has required properties, is the one parameter `body`. The places: {"petId":
"path:petId", "body_id": "body:id", "body": "body"}.
"""

import re
from typing import Any

from swiftkit.errors import DataError
from swiftkit.openapi.schema import Schemas

# OpenAPI: such header parameters are to be ignored
_NOT_PARAMETERS = ("accept", "content-type", "authorization")
_PLACES = ("path", "query", "header", "cookie")
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json\b")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_PLAIN_OBJECT = {"type", "properties", "required", "additionalProperties", "title", "description"}


def parameters_of(
    schemas: Schemas, operation: Any, shared: list[Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """(JSON Schema, places). `shared` are the parameters of the operation's path. Raises
    DataError."""
    if not isinstance(operation, dict):
        raise DataError("the operation is not an object", "bad_operation", "mend the document")
    gathered = _Gathered(schemas)
    for parameter in _parameters(schemas, operation, shared):
        gathered.add_parameter(parameter)
    if operation.get("requestBody") is not None:
        gathered.add_body(schemas.target(operation["requestBody"]))
    return gathered.schema(), gathered.places


def _parameters(
    schemas: Schemas, operation: dict[str, Any], shared: list[Any]
) -> list[dict[str, Any]]:
    """Those of the path and of the operation, of which the operation's count where both have one;
    by place."""
    own = operation.get("parameters")
    if own is not None and not isinstance(own, list):
        raise _bad_parameter("parameters is not a list")
    found = [schemas.target(parameter) for parameter in [*shared, *(own or [])]]
    for parameter in found:
        if parameter.get("in") not in _PLACES or not isinstance(parameter.get("name"), str):
            raise _bad_parameter(
                f"the parameter {parameter.get('name')!r} in {parameter.get('in')!r}"
            )
    unique = {(parameter["in"], parameter["name"]): parameter for parameter in found}
    return sorted(unique.values(), key=lambda parameter: _PLACES.index(parameter["in"]))


class _Gathered:
    """Parameters under names of their own."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self._closed = False
        self.places: dict[str, str] = {}

    def schema(self) -> dict[str, Any]:
        result: dict[str, Any] = {"type": "object", "properties": self._properties}
        if self._required:
            result["required"] = self._required
        if self._closed:
            result["additionalProperties"] = False
        _check(result)
        return result

    def add_parameter(self, parameter: dict[str, Any]) -> None:
        place, name = parameter["in"], parameter["name"]
        if place == "header" and name.lower() in _NOT_PARAMETERS:
            return
        content = parameter.get("content")
        schema = (
            parameter.get("schema", {}) if not content else _media(self._schemas.target(content))
        )
        required = parameter.get("required") is True or place == "path"
        self._add(place, name, _described(self._schemas.schema(schema), parameter), required)

    def add_body(self, body: dict[str, Any]) -> None:
        schema = self._schemas.schema(_media(self._schemas.target(body.get("content") or {})))
        flat = _flat(schema)
        is_required = body.get("required") is True
        if flat is None or (flat.get("required") and not is_required):
            self._add("body", "", _described(schema, body), is_required)
            return
        self._closed = flat.get("additionalProperties") is False
        for name, inner in flat["properties"].items():
            self._add("body", name, inner, name in flat.get("required", []))

    def _add(self, place: str, name: str, schema: Any, required: bool) -> None:
        free = self._free(place, name)
        self._properties[free] = schema
        self.places[free] = f"{place}:{name}" if name else place
        if required:
            self._required.append(free)

    def _free(self, place: str, name: str) -> str:
        """A name that is not in use: its own, with its place before it, or with a number behind."""
        wished = name or place
        if wished not in self._properties:
            return wished
        base = f"{place}_{wished}"
        tried = (
            base if number == 1 else f"{base}_{number}"
            for number in range(1, len(self._properties) + 2)
        )
        return next(free for free in tried if free not in self._properties)


def _media(content: dict[str, Any]) -> Any:
    """The schema of the media type that says most about its fields."""
    names = [name for name in content if isinstance(content[name], dict)]
    ranked = [
        *(name for name in names if _JSON.match(name)),
        *(name for name in _FORMS if name in names),
        *names,
    ]
    return content[ranked[0]].get("schema", {}) if ranked else {}


def _flat(schema: Any) -> dict[str, Any] | None:
    """The schema as one plain object with properties, if it is one or an `allOf` of such; else
    None."""
    if not isinstance(schema, dict):
        return None
    if "allOf" in schema:
        rest = {word: inner for word, inner in schema.items() if word != "allOf"}
        parts = [
            _flat(part) for part in [*schema["allOf"], *([rest] if "properties" in rest else [])]
        ]
        return (
            _united([part for part in parts if part])
            if all(parts) and rest.keys() <= _PLAIN_OBJECT
            else None
        )
    is_plain = schema.keys() <= _PLAIN_OBJECT and schema.get("type", "object") == "object"
    # else it may hold anything beside them
    is_bound = schema.get("additionalProperties", False) is False
    return schema if is_plain and is_bound and schema.get("properties") else None


def _united(parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    names = [name for part in parts for name in part["properties"]]
    if len(set(names)) < len(names) or any("additionalProperties" in part for part in parts):
        return None
    properties = {name: inner for part in parts for name, inner in part["properties"].items()}
    return {
        "properties": properties,
        "required": [name for part in parts for name in part.get("required", [])],
    }


def _described(schema: Any, parameter: dict[str, Any]) -> Any:
    """The schema with the parameter's own description."""
    text = parameter.get("description")
    if not isinstance(text, str) or not text.strip():
        return schema
    return {**schema, "description": text} if isinstance(schema, dict) else {"description": text}


def _check(schema: dict[str, Any]) -> None:
    """Raise DataError unless the whole is valid JSON Schema: a document's `required: true` in a
    property is not."""
    import jsonschema_rs

    try:
        jsonschema_rs.meta.validate(schema)
    except ValueError as error:
        raise DataError(
            str(error).splitlines()[0], "bad_schema", "mend the schema in the document"
        ) from error


def _bad_parameter(message: str) -> DataError:
    return DataError(message, "bad_parameter", "mend the document")
