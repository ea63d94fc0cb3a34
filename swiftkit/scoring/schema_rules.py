"""Read from a tool's JSON Schema how its arguments are compared with the expected ones.

literal: the parameters whose text counts letter by letter, whatever a reader would overlook: the
    schema lists the values (`enum`, `const`), or says how they are spelt (`pattern`, `format`,
    `contentEncoding`), or the name says it is a secret, a path, an address or code.
absent: for the parameters that may be left out, the value that leaving them out means: the default;
    without one null, where the schema allows null. To give it explicitly is the same call.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_SPELT = ("enum", "const", "pattern", "format", "contentEncoding", "contentMediaType")
_LITERAL_NAME = re.compile(
    r"""(?:^|_)(?:
        password | passwd | passphrase | passcode | pwd | pin | secret | credentials? | token
        | (?:api|access|private|public|secret|ssh)_?key
        | paths? | file | filename | filepath | directory | dir | folder | url | uri | href
        | (?:source|python|shell|html|js)_?code | code_?(?:snippet|block) | snippet | script
        | sql | regexp? | cmd | shell | command | expression
    )(?:_|$) | ^code$""",
    re.VERBOSE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class SchemaRules(NamedTuple):
    """The parameters of one tool that are compared in a way of their own."""

    literal: frozenset[str]
    absent: Mapping[str, Any]


NO_RULES = SchemaRules(frozenset(), {})


def rules_of(parameters: Mapping[str, Any]) -> SchemaRules:
    """Return the rules of a tool, from the JSON Schema of its parameters, whatever it holds."""
    properties = parameters.get("properties")
    if not isinstance(properties, dict):
        return NO_RULES
    listed = parameters.get("required")
    required = listed if isinstance(listed, list) else []
    literal, absent = set(), {}
    for name, schema in properties.items():
        inside = list(_schemas_in(schema, parameters))
        if any(key in inner for inner in inside for key in _SPELT):
            literal.add(name)
        if name in required or not isinstance(schema, dict):
            continue
        if "default" in schema:
            absent[name] = schema["default"]
        elif _allows_null(schema, parameters):
            absent[name] = None
    return SchemaRules(frozenset(literal), absent)


def is_literal_name(parameter: str) -> bool:
    """Tell if a parameter's name says that its text counts letter by letter."""
    name = _CAMEL.sub("_", parameter).lower().replace("-", "_")
    return _LITERAL_NAME.search(name) is not None


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
        left.append(_referred(inner, root))
        for key, value in inner.items():
            if key in ("properties", "patternProperties") and isinstance(value, dict):
                left += value.values()  # a property may be called `format`
            elif key not in ("enum", "const", "default", "examples"):
                left.append(value)


def _referred(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Return what a schema's `$ref` within the tool's own schema leads to; None without one."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    found: Any = root
    for key in reference[2:].split("/"):
        if not isinstance(found, dict):
            return None
        found = found.get(key.replace("~1", "/").replace("~0", "~"))
    return found


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
    return _allows_null(_referred(schema, root), root, depth + 1)
