"""Types as Python signatures write them, such as "List[int]" and "str, optional", to JSON Schema.

    str int float bool list dict tuple set any None     in any letter case, with common synonyms
    List[T]  Set[T]  Tuple[T, U]  Tuple[T, ...]  Dict[K, V]  Union[T, U]  T | U  Optional[T]
    TYPE, optional     TYPE, default=VALUE     TYPE, required     default=VALUE

Source: the parameters of Salesforce/xlam-function-calling-60k. Nothing is guessed: a text that is
none of these, such as Callable[[float], float], stays unread.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

_SYNONYMS = {
    "string": "string str text char",
    "number": "number float double decimal",
    "integer": "integer int long short",
    "boolean": "boolean bool",
    "null": "null none nonetype",
    "object": "object dict map hashmap mapping",
    "array": "array list tuple sequence iterable arraylist set frozenset",
}
NAMES: dict[str, str] = {}
for _name, _words in _SYNONYMS.items():
    NAMES |= dict.fromkeys(_words.split(), _name)
_SETS = ("set", "frozenset")
_GENERIC = re.compile(r"(?:typing\.)?(\w+)\s*\[(.*)\]", re.DOTALL)
_DEFAULT = re.compile(r"defaults?(?:\s*[=:]|\s+(?:is|to))?\s*(.+)", re.IGNORECASE | re.DOTALL)
_PYTHON = {"True": "true", "False": "false", "None": "null"}
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_LONGEST = 500  # characters of a text that may be a type
ABSENT = object()


class TypeAnnotation(msgspec.Struct, frozen=True):
    """The meaning of a text about a parameter.

    unread: the text says more than the rest of this, or its type is not known.
    """

    schema: dict[str, Any] = {}
    optional: bool = False
    default: Any = ABSENT
    unread: bool = False


@lru_cache(maxsize=4096)  # the types of a file are few
def read_type(text: str) -> TypeAnnotation:
    """Return the annotation that the text is; its schema is shared, so do not change it."""
    if not text.strip():
        return TypeAnnotation()
    if len(text) > _LONGEST:
        return TypeAnnotation(unread=True)
    head, *modifiers = _split(text, ",")
    if _DEFAULT.fullmatch(head):
        head, modifiers = "any", [head, *modifiers]
    optional, default = False, ABSENT
    generic = _GENERIC.fullmatch(head)
    if generic and generic[1].lower() == "optional":
        head, optional = generic[2].strip(), True
    schema = _schema(head)
    unread = schema is None
    for modifier in modifiers:
        if match := _DEFAULT.fullmatch(modifier):
            default = _literal(match[1])
        elif modifier.lower() == "optional":
            optional = True
        elif modifier.lower() != "required":
            unread = True
    return TypeAnnotation(schema or {}, optional, default, unread)


def union(schemas: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Return the schema of values that fit any of these; {} accepts everything. None stands for a
    type that is not known, and makes the union unknown."""
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
    """Return the schema of a type without modifiers; None where it is not known."""
    choices = _split(text, "|")
    if len(choices) > 1:
        return union([_schema(choice) for choice in choices])
    name = text.lower().removeprefix("typing.")
    if name == "any":
        return {}
    if name in NAMES:
        return _plain(name)
    generic = _GENERIC.fullmatch(text)
    return _generic(generic[1].lower(), _split(generic[2], ",")) if generic else None


def _plain(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": NAMES[name]}
    return schema | {"uniqueItems": True} if name in _SETS else schema


def _generic(name: str, arguments: list[str]) -> dict[str, Any] | None:
    if name == "tuple" and arguments[-1] != "...":
        items = [_schema(argument) for argument in arguments]
        if None in items:
            return None
        is_uniform = all(item == items[0] for item in items)
        schemas = {"items": items[0]} if is_uniform else {"prefixItems": items}
        return {"type": "array", **schemas, "minItems": len(items), "maxItems": len(items)}
    if name in ("union", "optional"):
        choices = [_schema(argument) for argument in arguments]
        return union([*choices, {"type": "null"}] if name == "optional" else choices)
    if NAMES.get(name) == "array":
        keyword, inner = "items", _schema(arguments[0])
    elif NAMES.get(name) == "object":
        keyword, inner = "additionalProperties", _schema(arguments[-1])
    else:
        return None
    if inner is None:
        return None
    return _plain(name) | ({keyword: inner} if inner else {})


def _literal(text: str) -> Any:
    """Return the value that a default's text is: JSON's or Python's, else the text itself."""
    if text[0] == text[-1] == "'" and len(text) > 1:
        return text[1:-1]
    try:
        return msgspec.json.decode(_PYTHON.get(text, text))
    except (ValueError, RecursionError):
        return text


def _split(text: str, separator: str) -> list[str]:
    """Return the stripped parts between separators that stand outside brackets and quotes."""
    parts = []
    start, quote = 0, ""
    closing = [""]  # of the brackets that are open
    for index, character in enumerate(text):
        if quote or character in "'\"":
            quote = "" if quote == character else quote or character
        elif character in _CLOSING:
            closing.append(_CLOSING[character])
        elif character == closing[-1]:
            closing.pop()
        elif character == separator and len(closing) == 1:
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()]
