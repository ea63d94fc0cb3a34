"""Schemas of an OpenAPI document as JSON Schema that stands alone, without references.

- `$ref` within the document is written out; one that holds itself is written out NESTED times
  inside itself and is left open below. Nothing is fetched: a reference to another document is an
  error.
- OpenAPI 3.0's `nullable` and boolean `exclusiveMinimum` become JSON Schema's, which 3.1 has.
- Properties that are readOnly are left out: a request does not hold them.
- A list whose items are not described gets `items: {}`: OpenAI refuses one without.
- Examples, xml, discriminator, externalDocs and extensions (x-...) say nothing of what is valid.

References to references, and aliases of aliases in YAML, double with each step, so what is written
out is bounded, for one operation and for all.
"""

from typing import Any
from urllib.parse import unquote

from swiftkit.errors import DataError

NESTED = 1
MOST, MOST_IN_ALL = 200_000, 200_000_000  # characters; what is larger than the first fits no prompt
_NODE = 20  # characters of a schema beside what its words hold
_LONGEST_CHAIN = 20
_COPIED = frozenset((
    "type", "enum", "const", "title", "description", "default", "format", "pattern", "minLength",
    "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties",
    "maxProperties", "required", "dependentRequired", "contentEncoding", "contentMediaType",
))  # fmt: skip
# words whose value is a schema, a list of schemas, schemas by name
_SCHEMA = frozenset((
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
    "unevaluatedProperties", "unevaluatedItems",
))  # fmt: skip
_LIST = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED = frozenset(("patternProperties", "dependentSchemas"))
_REMARKS = frozenset(("title", "description", "default"))
_DYNAMIC = {"$dynamicRef": "$dynamicAnchor", "$recursiveRef": "$recursiveAnchor"}  # looked for


class SchemaWriter:
    """Writes out the schemas of a document. `begin` each operation: it counts its size.

    The document may also be one schema, whose references lead into itself.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._nested = NESTED
        self._left, self._left_in_all = MOST, MOST_IN_ALL

    def begin(self, nested: int, document: dict[str, Any] | None = None) -> None:
        """Begin an operation; `nested` is how often what holds itself is written inside itself.

        `document` takes the place of the one before.
        """
        self._nested, self._left = nested, MOST
        if document is not None:
            self._document = document

    def target(self, value: Any) -> dict[str, Any]:
        """Return the object itself, or the one that its $ref leads to. Raises DataError."""
        for _ in range(_LONGEST_CHAIN):
            if not isinstance(value, dict):
                reason = "not an object where one is needed"
                raise DataError(reason, "bad_document", "mend the document")
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self._at(reference)
        raise DataError("references that lead in a circle", "bad_ref", "mend the document")

    def schema(self, value: Any, inside: tuple[str, ...] = ()) -> Any:
        """Return JSON Schema, also True or False. `inside` are the references being written out."""
        self._spend(_NODE)
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            kind = type(value).__name__
            raise DataError(f"a schema that is a {kind}", "bad_schema", "write an object")
        if any(word in value for word in _DYNAMIC):
            value = self._static(value, inside)
        if isinstance(value.get("$ref"), str):
            return self._referenced(value, inside)
        schema = self._words(value, inside)
        _make_exclusive(schema)
        return _nullable(value, _with_items(schema))

    def _words(self, value: dict[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for word, inner in value.items():
            if word in _COPIED:
                self._spend_on(inner)
                result[word] = inner
            elif word == "items" and isinstance(inner, list):  # a tuple, until draft 2019-09
                result["prefixItems"] = [self.schema(item, inside) for item in inner]
                if "additionalItems" in value:
                    result["items"] = self.schema(value["additionalItems"], inside)
            elif word in _SCHEMA:
                result[word] = self.schema(inner, inside)
            elif word in _LIST and isinstance(inner, list):
                result[word] = [self.schema(item, inside) for item in inner]
            elif word in _NAMED and isinstance(inner, dict):
                result[word] = {name: self.schema(item, inside) for name, item in inner.items()}
        if isinstance(value.get("properties"), dict):
            self._add_properties(value["properties"], result, inside)
        return result

    def _add_properties(
        self, properties: dict[str, Any], result: dict[str, Any], inside: tuple[str, ...]
    ) -> None:
        """Add those that a request holds."""
        sent = {}
        for name, inner in properties.items():
            if not self._is_read_only(inner):
                sent[name] = self.schema(inner, inside)
        result["properties"] = sent
        left_out = properties.keys() - sent.keys()
        if isinstance(result.get("required"), list):
            names = result["required"]
            result["required"] = [
                name for name in names if not isinstance(name, str) or name not in left_out
            ]

    def _is_read_only(self, schema: Any) -> bool:
        if not isinstance(schema, dict):
            return False
        return (schema.get("readOnly") or self.target(schema).get("readOnly")) is True

    def _static(self, value: dict[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
        """Return the schema with $ref, to the outermost schema with the anchor, for $dynamicRef."""
        static = dict(value)
        for word, anchor in _DYNAMIC.items():
            if word not in static:
                continue
            name = str(static.pop(word)).removeprefix("#")
            wanted = True if word == "$recursiveRef" else name
            around = [
                reference
                for reference in inside
                if self.target({"$ref": reference}).get(anchor) == wanted
            ]
            if not around:
                reason = "a dynamic reference to a schema that is not around it"
                raise DataError(reason, "bad_ref", "write it as $ref")
            static["$ref"] = around[0]
        return static

    def _referenced(self, value: dict[str, Any], inside: tuple[str, ...]) -> Any:
        """Return the target of a reference, with what stands beside it."""
        reference = value["$ref"]
        target = self._at(reference)
        if inside.count(reference) > self._nested:  # left open: its type alone
            is_typed = isinstance(target, dict) and isinstance(target.get("type"), str)
            return _with_items({"type": target["type"]}) if is_typed else {}
        schema = self.schema(target, (*inside, reference))
        others = {word: inner for word, inner in value.items() if word != "$ref"}
        beside = self.schema(others, inside)
        if isinstance(schema, dict) and beside.keys() <= _REMARKS:
            return _nullable(value, schema | beside)
        return _nullable(value, {"allOf": [schema, beside]})

    def _at(self, reference: str) -> Any:
        """Return what a reference such as #/components/schemas/Pet names (RFC 6901)."""
        own_address = self._document.get("$self")  # of OpenAPI 3.2
        if isinstance(own_address, str) and own_address:
            reference = reference.removeprefix(own_address.partition("#")[0])
        if not reference.startswith("#"):
            fix = "put it into this document (redocly bundle and its like do that)"
            raise DataError(f"{reference!r} is in another document", "external_ref", fix)
        if reference[1:2] not in ("", "/"):
            fix = "write it as a path, such as #/components/schemas/Pet"
            raise DataError(f"{reference!r} is the name of an anchor", "bad_ref", fix)
        value: Any = self._document
        for part in reference[1:].split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and name in value:
                value = value[name]
            elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                value = value[int(name)]
            else:
                raise DataError(f"{reference!r} leads nowhere", "bad_ref", "mend the reference")
        return value

    def _spend_on(self, value: Any) -> None:
        """Spend the characters of any value, as it is written out."""
        waiting = [value]
        while waiting:
            inner = waiting.pop()
            if isinstance(inner, dict):
                waiting += [*inner, *inner.values()]
            elif isinstance(inner, list):
                waiting += inner
            self._spend(len(inner) + 2 if isinstance(inner, str) else 2)

    def _spend(self, characters: int) -> None:
        self._left -= characters
        self._left_in_all -= characters
        if self._left < 0 or self._left_in_all < 0:
            reason = f"more than {MOST:,} characters when written out"
            raise DataError(reason, "too_large", "simplify its schemas")


def _make_exclusive(schema: dict[str, Any]) -> None:
    """Rewrite OpenAPI 3.0's {minimum: 1, exclusiveMinimum: true} as {exclusiveMinimum: 1}."""
    for bound, word in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        is_exclusive = schema.get(word)
        if isinstance(is_exclusive, bool):
            del schema[word]
            if is_exclusive and bound in schema:
                schema[word] = schema.pop(bound)


def _with_items(schema: dict[str, Any]) -> dict[str, Any]:
    types = schema.get("type")
    is_list = types == "array" or (isinstance(types, list) and "array" in types)
    return {**schema, "items": {}} if is_list and "items" not in schema else schema


def _nullable(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with OpenAPI 3.0's `nullable: true` of `value`, in Swagger x-nullable."""
    is_nullable = value.get("nullable") is True or value.get("x-nullable") is True
    if not is_nullable or not schema.keys() - _REMARKS:
        return schema
    types = schema.get("type")
    types = [types] if isinstance(types, str) else types
    if isinstance(types, list) and schema.keys().isdisjoint(_LIST | {"const", "not", "if"}):
        if "null" in types:
            return schema
        nullable = {**schema, "type": [*types, "null"]}
        values = schema.get("enum")
        if isinstance(values, list) and None not in values:
            nullable["enum"] = [*values, None]
        return nullable
    remarks = {word: schema[word] for word in schema if word in _REMARKS}
    rest = {word: inner for word, inner in schema.items() if word not in _REMARKS}
    return {**remarks, "anyOf": [rest, {"type": "null"}]}
