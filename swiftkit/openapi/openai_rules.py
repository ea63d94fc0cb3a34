"""What OpenAI's API takes as a tool, and how a tool is made to fit.

- A name of 1 to 64 letters, digits, `_` and `-`, each one once.
- Parameters that are an object at the top, without anyOf, oneOf, allOf, enum, const or not there.
- A description of at most 1,024 characters; 128 tools in a request.

Source: https://platform.openai.com/docs/api-reference/chat/create (tools), and the API's own words
for what it refuses.
"""

import re
from typing import Any

import msgspec

from swiftkit.errors import DataError

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1024
MOST_TOOLS = 128
LEGAL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_NAMES = re.compile("[^A-Za-z0-9_-]+")
_NOT_AT_THE_TOP = ("anyOf", "oneOf", "allOf", "enum", "const", "not")


def legal_name(wished: Any, otherwise: str, taken: set[str]) -> str:
    """Return a name that is legal and new, and enter it in `taken`.

    It is the wished one in legal letters. A name in other letters than ASCII's would lose its
    meaning, and the one that stands in for it is used, as for a name that is no text.
    """
    is_usable = isinstance(wished, str) and wished.isascii()
    base = _in_legal_letters(wished) if is_usable else ""
    base = base or _in_legal_letters(otherwise) or "tool"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base[: LONGEST_NAME - len(str(number)) - 1]}_{number}"
    taken.add(name)
    return name


def _in_legal_letters(text: str) -> str:
    return _NOT_IN_NAMES.sub("_", text).strip("_")[:LONGEST_NAME]


def faults(tool: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what OpenAI refuses in a tool of its own form: (code, sentence)."""
    function = tool["function"]
    name, parameters = function["name"], function.get("parameters")
    found = []
    if not LEGAL_NAME.fullmatch(name):
        found.append(("bad_name", f"the name {name!r} is not legal"))
    length = len(function.get("description", ""))
    if length > LONGEST_DESCRIPTION:
        reason = f"a description of {length:,} characters, OpenAI takes {LONGEST_DESCRIPTION:,}"
        found.append(("long_description", reason))
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        return [*found, ("bad_schema", "the parameters are no object")]
    if not isinstance(parameters.get("properties"), dict):
        found.append(("bad_schema", "the parameters have no properties"))
    for word in _NOT_AT_THE_TOP:
        if word in parameters:
            found.append(("bad_schema", f"{word} at the top of the parameters"))
    try:
        check_schema(parameters, "")
    except DataError as error:
        found.append((error.code, error.reason))
    return found


def check_schema(schema: Any, fix: str) -> None:
    """Raise DataError (bad_schema) for what is no JSON Schema; it names the place."""
    import jsonschema_rs

    try:
        jsonschema_rs.meta.validate(schema)
        msgspec.json.encode(schema)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(map(str, error.instance_path))
        raise DataError(f"{place}: {error.message}", "bad_schema", fix) from error
    except ValueError as error:
        raise DataError(str(error).splitlines()[0], "bad_schema", fix) from error


def object_at_the_top(schema: Any) -> tuple[dict[str, Any], list[str]]:
    """Return a schema as an object with properties, and the words that had to go for it.

    What stands in alternatives is allowed beside each other: {"anyOf": [A, B]} becomes one object
    with the properties of both, of which those are required that both require. So it allows what
    they allow, for all properties that they describe. Raises DataError (not_an_object) for
    arguments that are none. The schema is a valid one.
    """
    if not isinstance(schema, dict):
        raise DataError("the arguments are no object", "not_an_object", "give an object's schema")
    kinds = schema.get("type", "object")
    if kinds != "object" and "object" not in (kinds if isinstance(kinds, list) else ()):
        reason = f"the arguments are of type {kinds}, not an object"
        raise DataError(reason, "not_an_object", "give an object's schema")
    result = {word: inner for word, inner in schema.items() if word not in _NOT_AT_THE_TOP}
    loosened = [word for word in _NOT_AT_THE_TOP if word in schema]
    if loosened:  # it would forbid what only they describe
        result.pop("unevaluatedProperties", None)
    result["type"] = "object"
    properties = dict(schema.get("properties") or {})
    required = list(schema.get("required") or [])
    for part in schema.get("allOf") or []:
        inner, _ = object_at_the_top(part)
        _add_properties(properties, [inner])
        required += inner.get("required", [])
        result.setdefault("description", inner.get("description", ""))
    for word in ("anyOf", "oneOf"):
        branches = _objects(schema.get(word) or [])
        _add_properties(properties, branches)
        required += _required_by_all(branches)
        if any(branch.get("additionalProperties") is not False for branch in branches):
            result.pop("additionalProperties", None)
    result["properties"] = properties
    result["required"] = list(dict.fromkeys(required))
    for word in ("required", "description"):
        if not result.get(word):
            result.pop(word, None)
    return result, loosened


def _objects(alternatives: list[Any]) -> list[dict[str, Any]]:
    """Return the alternatives that are objects; that there may be no arguments goes without."""
    branches = []
    for alternative in alternatives:
        if alternative != {"type": "null"}:
            branches.append(object_at_the_top(alternative)[0])
    return branches


def _add_properties(properties: dict[str, Any], objects: list[dict[str, Any]]) -> None:
    """Add the properties of objects; one that is described in several ways may be any of them."""
    variants: dict[str, list[Any]] = {name: [inner] for name, inner in properties.items()}
    for each in objects:
        for name, inner in each["properties"].items():
            known = variants.setdefault(name, [])
            if inner not in known:
                known.append(inner)
    for name, schemas in variants.items():
        properties[name] = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _required_by_all(branches: list[dict[str, Any]]) -> list[str]:
    if not branches:
        return []
    first, *others = [branch.get("required", []) for branch in branches]
    return [name for name in first if all(name in names for names in others)]
