"""Schemas of an OpenAPI document as JSON Schema that stands alone: no references, no words of
OpenAPI's own.

- `$ref` within the document is written out; one that holds itself is written out NESTED times
  inside itself and is left open below. Nothing is fetched: a reference to another document is an
  error.
- OpenAPI 3.0's `nullable` and boolean `exclusiveMinimum` become JSON Schema's; 3.1 has them
  already.
- Properties that are readOnly are left out: a request does not hold them.
- Examples, xml, discriminator, externalDocs and extensions (x-...) are left out: they are no part
  of what is valid.

References to references double with each step, so what is written out is bounded, for one operation
and for all.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from swiftkit.errors import DataError

NESTED = 1
MOST, MOST_IN_ALL = 200_000, 200_000_000  # characters; what is larger than the first fits no prompt
_NODE = 20  # characters of a schema beside what its words hold
_LONGEST_CHAIN = 20
_AS_IT_IS = frozenset((
    "type", "enum", "const", "title", "description", "default", "format", "pattern", "minLength", "maxLength",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems",
    "minContains", "maxContains", "minProperties", "maxProperties", "required", "dependentRequired", "contentEncoding",
    "contentMediaType",
))  # fmt: skip
_ONE = frozenset(("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
                  "unevaluatedProperties", "unevaluatedItems"))  # fmt: skip
_LIST = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED = frozenset(("patternProperties", "dependentSchemas"))
_REMARKS = frozenset(("title", "description", "default"))
# word, and what it looks for
_DYNAMIC = {"$dynamicRef": "$dynamicAnchor", "$recursiveRef": "$recursiveAnchor"}


class Schemas:
    """The schemas of one document. Call `begin` before each operation: its size is counted from
    there."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._nested = NESTED
        self._left, self._left_in_all = MOST, MOST_IN_ALL

    def begin(self, nested: int = NESTED) -> None:
        """`nested`: how often what holds itself is written out inside itself."""
        self._nested = nested
        self._left = MOST

    def target(self, value: Any) -> dict[str, Any]:
        """The object itself, or the one that its $ref leads to. Raises DataError."""
        for _ in range(_LONGEST_CHAIN):
            if not isinstance(value, dict):
                raise DataError(
                    "not an object where one is needed", "bad_document", "mend the document"
                )
            if not isinstance(value.get("$ref"), str):
                return value
            value = self._at(value["$ref"])
        raise DataError("references that lead in a circle", "bad_ref", "mend the document")

    def schema(self, value: Any, inside: tuple[str, ...] = ()) -> Any:
        """JSON Schema: an object, or True or False. `inside` are the references that are being
        written out."""
        self._spend(_NODE)
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            raise DataError(
                f"a schema that is a {type(value).__name__}", "bad_schema", "write an object"
            )
        if any(word in value for word in _DYNAMIC):
            value = self._made_static(value, inside)
        if isinstance(value.get("$ref"), str):
            return self._referenced(value, inside)
        return _nullable(value, _exclusive(self._words(value, inside)))

    def _words(self, value: dict[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for word, inner in value.items():
            if word in _AS_IT_IS:
                self._spend(len(msgspec.json.encode(inner)))
                result[word] = inner
            elif word in _ONE:
                result[word] = self.schema(inner, inside)
            elif word in _LIST and isinstance(inner, list):
                result[word] = [self.schema(each, inside) for each in inner]
            elif word in _NAMED and isinstance(inner, dict):
                result[word] = {name: self.schema(each, inside) for name, each in inner.items()}
        if isinstance(value.get("properties"), dict):
            self._add_properties(value["properties"], result, inside)
        return result

    def _add_properties(
        self, properties: dict[str, Any], result: dict[str, Any], inside: tuple[str, ...]
    ) -> None:
        sent = {name: inner for name, inner in properties.items() if not self._is_read_only(inner)}
        result["properties"] = {name: self.schema(inner, inside) for name, inner in sent.items()}
        if isinstance(result.get("required"), list):
            result["required"] = [
                name for name in result["required"] if name in sent or name not in properties
            ]

    def _is_read_only(self, schema: Any) -> bool:
        return (
            isinstance(schema, dict)
            and (schema.get("readOnly") or self.target(schema).get("readOnly")) is True
        )

    def _made_static(self, value: dict[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
        """With $ref for $dynamicRef: to the outermost schema around this place that has the
        anchor."""
        found = dict(value)
        for word, anchor in _DYNAMIC.items():
            if word in found:
                wanted = True if word == "$recursiveRef" else str(found[word]).removeprefix("#")
                around = (
                    each for each in inside if self.target({"$ref": each}).get(anchor) == wanted
                )
                del found[word]
                found["$ref"] = next(around, "")
        if not found["$ref"]:
            raise DataError(
                "a dynamic reference to a schema that is not around it",
                "bad_ref",
                "write it as $ref",
            )
        return found

    def _referenced(self, value: dict[str, Any], inside: tuple[str, ...]) -> Any:
        """What the reference leads to, with what stands beside it (only remarks in 3.0, anything in
        3.1)."""
        reference = value["$ref"]
        target = self._at(reference)
        if inside.count(reference) > self._nested:
            return _open(target)
        found = self.schema(target, (*inside, reference))
        beside = self.schema(
            {word: inner for word, inner in value.items() if word != "$ref"}, inside
        )
        if isinstance(found, dict) and beside.keys() <= _REMARKS:
            return _nullable(value, found | beside)
        return _nullable(value, {"allOf": [found, beside]})

    def _at(self, reference: str) -> Any:
        """What a reference such as #/components/schemas/Pet names (RFC 6901)."""
        if not reference.startswith("#"):
            fix = "put it into this document (redocly bundle and its like do that)"
            raise DataError(f"{reference!r} is in another document", "external_ref", fix)
        value: Any = self._document
        for part in reference[1:].split("/")[1:]:
            step = _step(value, unquote(part).replace("~1", "/").replace("~0", "~"))
            if step is None:
                raise DataError(f"{reference!r} leads nowhere", "bad_ref", "mend the reference")
            value = step(value)
        return value

    def _spend(self, characters: int) -> None:
        self._left -= characters
        self._left_in_all -= characters
        if self._left < 0 or self._left_in_all < 0:
            raise DataError(
                f"more than {MOST:,} characters when written out",
                "too_large",
                "simplify its schemas",
            )


def _step(value: Any, name: str) -> Callable[[Any], Any] | None:
    if isinstance(value, dict) and name in value:
        return lambda found: found[name]
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return lambda found: found[int(name)]
    return None


def _open(target: Any) -> dict[str, Any]:
    """Of a schema that is cut off: its type alone."""
    is_typed = isinstance(target, dict) and isinstance(target.get("type"), str)
    return {"type": target["type"]} if is_typed else {}


def _exclusive(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0: {minimum: 1, exclusiveMinimum: true} means {exclusiveMinimum: 1}."""
    for bound, word in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        is_exclusive = schema.get(word)
        if isinstance(is_exclusive, bool):
            del schema[word]
            if is_exclusive and bound in schema:
                schema[word] = schema.pop(bound)
    return schema


def _nullable(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0's `nullable: true` of `value` in its JSON Schema."""
    if value.get("nullable") is not True or not schema.keys() - _REMARKS:
        return schema
    types = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type")
    if isinstance(types, list) and not schema.keys() & (_LIST | {"const", "not", "if"}):
        values = schema.get("enum")
        enum = {"enum": [*values, None]} if isinstance(values, list) and None not in values else {}
        return {**schema, "type": [*types, "null"], **enum} if "null" not in types else schema
    remarks = {word: schema[word] for word in schema if word in _REMARKS}
    rest = {word: inner for word, inner in schema.items() if word not in _REMARKS}
    return {**remarks, "anyOf": [rest, {"type": "null"}]}
