"""The references (`$ref`) within a tool's own schema: pydantic writes each enum behind one."""

from collections.abc import Iterator, Mapping
from typing import Any

_MOST_REFERENCES, _MOST_DEPTH = 64, 20
_UNIONS = ("anyOf", "oneOf", "allOf")
_EXPANDED = frozenset((*_UNIONS, "$ref"))


def referred(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Return what a schema's `$ref` within `root` leads to; None without one."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    found: Any = root
    for key in reference[2:].split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(key.replace("~1", "/").replace("~0", "~"))
    return found


def without_references(schema: Any, root: Mapping[str, Any]) -> Any:
    """Return a schema with what its references lead to in their place, also in its unions.

    References may lead in a circle: behind so many of them, and so deep, everything is allowed.
    """
    return _expanded(schema, root, iter(range(_MOST_REFERENCES)), 0)


def _expanded(schema: Any, root: Mapping[str, Any], references: Iterator[int], depth: int) -> Any:
    if not isinstance(schema, Mapping) or _EXPANDED.isdisjoint(schema):
        return schema
    if depth > _MOST_DEPTH:
        return {}
    expanded = dict(schema)
    for key in _UNIONS:
        members = schema.get(key)
        if isinstance(members, list):
            expanded[key] = [_expanded(member, root, references, depth + 1) for member in members]
    if "$ref" in expanded:
        del expanded["$ref"]
        found = referred(schema, root) if next(references, None) is not None else None
        members = expanded.get("allOf")
        expanded["allOf"] = members if isinstance(members, list) else []
        expanded["allOf"] = [*expanded["allOf"], _expanded(found, root, references, depth + 1)]
    return expanded
