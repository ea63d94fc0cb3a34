"""Read from a tool's JSON Schema how its arguments are compared with the expected ones.

literal: the parameters whose text counts letter by letter, whatever a reader would overlook: the
    schema lists the values (`enum`, `const`), or says how they are spelt (`pattern`, `format`,
    `contentEncoding`). literal_names.py has those whose name says so.
absent: for the parameters that may be left out, the value that leaving them out means: the default;
    without one null, where the schema allows null. To give it explicitly is the same call.
nested: the parameters that hold objects with such properties, at any depth: to give one there is
    the same value. Where several objects are allowed (`anyOf`), none of them says so.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from swiftkit.scoring.equality import strict_key
from swiftkit.toolcall.schema_reference import referred

_SPELT = ("enum", "const", "pattern", "format", "contentEncoding", "contentMediaType")


class SchemaRules(NamedTuple):
    """The parameters of one tool that are compared in a way of their own."""

    literal: frozenset[str]
    absent: Mapping[str, Any]
    nested: Mapping[str, Callable[[Any], Any]]  # without_left_out of each


NO_RULES = SchemaRules(frozenset(), {}, {})


def rules_of(parameters: Mapping[str, Any]) -> SchemaRules:
    """Return the rules of a tool, from the JSON Schema of its parameters, whatever it holds."""
    properties = parameters.get("properties")
    if not isinstance(properties, dict):
        return NO_RULES
    literal, nested = set(), {}
    for name, schema in properties.items():
        inside = list(_schemas_in(schema, parameters))
        if any(key in inner for inner in inside for key in _SPELT):
            literal.add(name)
        if any(_absent_of(inner, parameters) for inner in inside):
            nested[name] = partial(without_left_out, schema=schema, root=parameters)
    return SchemaRules(frozenset(literal), _absent_of(parameters, parameters), nested)


def without_left_out(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
    """Return a value without the properties in it that say what leaving them out would mean.

    Raises RecursionError for a deep value, TypeError for one that is no JSON.
    """
    if isinstance(value, list):
        items = _holder(schema, root, "items").get("items")
        return [without_left_out(item, items, root) for item in value]
    if not isinstance(value, dict):
        return value
    holder = _holder(schema, root, "properties")
    properties, absent = holder.get("properties", {}), _absent_of(holder, root)
    kept = {}
    for name, item in value.items():
        inner = without_left_out(item, properties.get(name), root)
        if name in absent:
            left_out = without_left_out(absent[name], properties[name], root)
            if strict_key(inner) == strict_key(left_out):
                continue
        kept[name] = inner
    return kept


def _absent_of(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Return for an object's properties that may be left out what that means."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    listed = schema.get("required")
    required = listed if isinstance(listed, list) else []
    absent = {}
    for name, inner in properties.items():
        if name in required or not isinstance(inner, dict):
            continue
        if "default" in inner:
            absent[name] = inner["default"]
        elif _allows_null(inner, root):
            absent[name] = None
    return absent


def _holder(schema: Any, root: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the one schema, behind references and unions, that has this key; else an empty one."""
    found: list[Mapping[str, Any]] = []
    left, seen = [schema], set()  # references may lead in a circle
    while left:
        inner = left.pop()
        if not isinstance(inner, dict) or id(inner) in seen:
            continue
        seen.add(id(inner))
        if isinstance(inner.get(key), dict):
            found.append(inner)
        left.append(referred(inner, root))
        for union in ("anyOf", "oneOf", "allOf"):
            members = inner.get(union)
            left += members if isinstance(members, list) else []
    return found[0] if len(found) == 1 else {}


def _schemas_in(schema: Any, root: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a parameter's schema and all that stand in it or are referred to within `root`."""
    left, seen = [schema], set()  # references may lead in a circle
    while left:
        inner = left.pop()
        if isinstance(inner, list):
            left += inner
            continue
        if not isinstance(inner, dict) or id(inner) in seen:
            continue
        seen.add(id(inner))
        yield inner
        left.append(referred(inner, root))
        for key, value in inner.items():
            if key in ("properties", "patternProperties") and isinstance(value, dict):
                left += value.values()  # a property may be called `format`
            elif key not in ("enum", "const", "default", "examples"):
                left.append(value)


def _allows_null(schema: Any, root: Mapping[str, Any], depth: int = 0) -> bool:
    if not isinstance(schema, dict) or depth > 10:
        return False
    types = schema.get("type")
    if types == "null" or (isinstance(types, list) and "null" in types):
        return True
    if schema.get("nullable") is True:
        return True
    values = schema.get("enum")
    if isinstance(values, list) and None in values and types is None:
        return True
    for key in ("anyOf", "oneOf"):
        choices = schema.get(key)
        for choice in choices if isinstance(choices, list) else ():
            if _allows_null(choice, root, depth + 1):
                return True
    return _allows_null(referred(schema, root), root, depth + 1)
