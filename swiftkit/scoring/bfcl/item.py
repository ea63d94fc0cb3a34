"""A question in BFCL's own form, which bfcl.py judges: as its files give it, or made of a gold and
its tools.

A row that `swiftkit convert` made of a BFCL file holds the item itself (column `scoring`, see
options.py). For other rows it is made here: the types of JSON Schema become BFCL's (number: float,
object: dict), and the fields of an accepted object become lists of one value.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

_TYPES = {
    "integer": "integer", "number": "float", "string": "string", "boolean": "boolean", "array": "array",
    "object": "dict",
}  # fmt: skip
_OF_VALUES = {bool: "boolean", int: "integer", float: "float", list: "array", dict: "dict"}


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`category` is BFCL's, such as live_parallel; `ground_truth` is None where it has none
    (irrelevance)."""

    category: str
    function: list[dict[str, Any]]
    ground_truth: list[dict[str, dict[str, Any]]] | None = None

    @property
    def language(self) -> str:
        return next((name for name in ("javascript", "java") if name in self.category), "python")


class Expected(Protocol):
    """A gold.GoldCall."""

    @property
    def name(self) -> str: ...
    @property
    def arguments(self) -> dict[str, Any]: ...
    @property
    def accepted(self) -> dict[str, list[Any]]: ...
    @property
    def optional(self) -> list[str]: ...


def item_of(calls: Sequence[Expected], tools: list[dict[str, Any]]) -> Item:
    """The item that BFCL would have for this gold; `tools` in OpenAI's form, [] where the row has
    none."""
    if not calls:
        return Item("irrelevance", [])
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in tools}
    by_name: dict[str, list[Expected]] = {}
    for call in calls:
        by_name.setdefault(call.name, []).append(call)
    function = [_function(name, schemas.get(name, {}), same) for name, same in by_name.items()]
    truth = [{call.name: _options(call)} for call in calls]
    return Item("parallel" if len(calls) > 1 else "multiple", function, truth)


def _options(call: Expected) -> dict[str, list[Any]]:
    values = {name: [value] for name, value in call.arguments.items()} | call.accepted
    optional = set(call.optional)
    return {
        name: [*map(_spread, options), *([""] if name in optional else [])]
        for name, options in values.items()
    }


def _spread(value: Any) -> Any:
    """The fields of an object as lists of one value, also in a list of objects."""
    if isinstance(value, dict):
        return {key: [inner] for key, inner in value.items()}
    return (
        [_spread(item) if isinstance(item, dict) else item for item in value]
        if isinstance(value, list)
        else value
    )


def _function(name: str, schema: Mapping[str, Any], calls: list[Expected]) -> dict[str, Any]:
    """What BFCL's checker reads of a tool: from its schema, or else from the calls of it."""
    first = {name: values[0] for call in reversed(calls) for name, values in _options(call).items()}
    declared, listed = schema.get("properties"), schema.get("required")
    if isinstance(declared, dict) and declared:
        described = {name: _described(inner, first.get(name)) for name, inner in declared.items()}
        required = listed if isinstance(listed, list) else []
    else:
        described = {name: _described(None, value) for name, value in first.items()}
        required = [name for name in first if all(name in call.arguments for call in calls)]
    return {"name": name, "parameters": {"properties": described, "required": required}}


def _described(schema: Any, value: Any) -> dict[str, Any]:
    """The type of a parameter: what its schema says, or what the value is."""
    name = schema.get("type") if isinstance(schema, dict) else None
    kind = _TYPES.get(name, "any") if isinstance(name, str) else _OF_VALUES.get(type(value), "any")
    if kind != "array":
        return {"type": kind}
    items = schema.get("items") if isinstance(schema, dict) else None
    return {
        "type": kind,
        "items": _described(items, value[0] if isinstance(value, list) and value else ""),
    }
