"""Types as Python signatures write them, to JSON Schema: "List[int]", "str, optional", "Dict[str,
float]".

    str int float bool list dict tuple set any None        in any letter case, with their common synonyms
    List[T]  Set[T]  Tuple[T, U]  Tuple[T, ...]  Dict[K, V]  Union[T, U]  T | U  Optional[T]
    TYPE, optional        TYPE, default=VALUE        TYPE, required        default=VALUE

Source: the parameters of Salesforce/xlam-function-calling-60k. Nothing is guessed: a text that is
none of these, such as Callable[[float], float], stays unread.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

_SYNONYMS = {
    "string": "string str text char", "number": "number float double decimal", "integer": "integer int long short",
    "boolean": "boolean bool", "null": "null none nonetype", "object": "object dict map hashmap mapping",
    "array": "array list tuple sequence iterable arraylist set frozenset",
}  # fmt: skip
NAMES = {word: name for name, words in _SYNONYMS.items() for word in words.split()}
_SETS = ("set", "frozenset")
_GENERIC = re.compile(r"(?:typing\.)?(\w+)\s*\[(.*)\]", re.DOTALL)
_DEFAULT = re.compile(r"defaults?(?:\s*[=:]|\s+(?:is|to))?\s*(.+)", re.IGNORECASE | re.DOTALL)
_PYTHON = {"True": "true", "False": "false", "None": "null"}
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_LONGEST = 500  # characters of a text that may be a type
ABSENT = object()


class Annotation(msgspec.Struct, frozen=True):
    """What a text says of a parameter. `unread`: it says more than the rest of this, or its type is
    not known."""

    schema: dict[str, Any] = {}
    optional: bool = False
    default: Any = ABSENT
    unread: bool = False


@lru_cache(maxsize=4096)  # the types of a file are few
def read_type(text: str) -> Annotation:
    """The annotation that the text is; its schema is shared, so do not change it."""
    if not text.strip():
        return Annotation()
    return _read(text) if len(text) <= _LONGEST else Annotation(unread=True)


def _read(text: str) -> Annotation:
    head, *modifiers = _split(text, ",")
    if _DEFAULT.fullmatch(head):
        head, modifiers = "any", [head, *modifiers]
    inner = _arguments(head, "optional")
    schema = _schema(head if inner is None else inner)
    optional, default, unread = inner is not None, ABSENT, schema is None
    for modifier in modifiers:
        if given := _DEFAULT.fullmatch(modifier):
            default = _literal(given[1])
        else:
            unread |= modifier.lower() not in ("optional", "required")
        optional |= modifier.lower() == "optional"
    return Annotation(schema or {}, optional, default, unread)


def union(schemas: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """What is any of these; {} accepts everything."""
    known = [schema for schema in schemas if schema is not None]
    if not known or len(known) < len(schemas):
        return None
    if {} in known:
        return {}
    if all(schema.keys() == {"type"} and isinstance(schema["type"], str) for schema in known):
        names = list(dict.fromkeys(schema["type"] for schema in known))
        return {"type": names[0] if len(names) == 1 else names}
    return {"anyOf": known}


def _schema(text: str) -> dict[str, Any] | None:
    choices = _split(text, "|")
    if len(choices) > 1:
        return union([_schema(choice) for choice in choices])
    name = text.lower().removeprefix("typing.")
    if name in ("any", "object", "dict"):
        return {} if name == "any" else {"type": "object"}
    if name in NAMES:
        return {"type": NAMES[name]} | ({"uniqueItems": True} if name in _SETS else {})
    generic = _GENERIC.fullmatch(text)
    return _generic(generic[1].lower(), _split(generic[2], ",")) if generic else None


def _generic(name: str, arguments: list[str]) -> dict[str, Any] | None:
    if name == "tuple" and arguments[-1] != "...":
        return _tuple([_schema(argument) for argument in arguments])
    if name in ("union", "optional"):
        return union(
            [_schema(argument) for argument in arguments]
            + ([{"type": "null"}] if name == "optional" else [])
        )
    inner = _schema(arguments[-1 if NAMES.get(name) == "object" else 0])
    keyword = {"array": "items", "object": "additionalProperties"}.get(NAMES.get(name, ""))
    if inner is None or keyword is None:
        return None
    plain: dict[str, Any] = {"type": NAMES[name]} | ({"uniqueItems": True} if name in _SETS else {})
    return plain | ({keyword: inner} if inner else {})


def _tuple(items: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    if None in items:
        return None
    alike = all(item == items[0] for item in items)
    kinds = {"items": items[0]} if alike else {"prefixItems": items}
    return {"type": "array", **kinds, "minItems": len(items), "maxItems": len(items)}


def _arguments(text: str, name: str) -> str | None:
    """The text inside NAME[...], or None."""
    generic = _GENERIC.fullmatch(text)
    return generic[2].strip() if generic and generic[1].lower() == name else None


def _literal(text: str) -> Any:
    """The value that a default's text is: JSON's or Python's, else the text itself."""
    if text[0] == text[-1] == "'" and len(text) > 1:
        return text[1:-1]
    try:
        return msgspec.json.decode(_PYTHON.get(text, text))
    except (ValueError, RecursionError):
        return text


def _split(text: str, mark: str) -> list[str]:
    """The stripped parts between the marks that stand outside brackets and quotes."""
    parts, start, open_brackets, quote = [], 0, [""], ""
    for index, character in enumerate(text):
        if quote or character in "'\"":
            quote = "" if quote == character else quote or character
        elif character in _CLOSING:
            open_brackets.append(_CLOSING[character])
        elif character == open_brackets[-1]:
            open_brackets.pop()
        elif character == mark and len(open_brackets) == 1:
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()]
