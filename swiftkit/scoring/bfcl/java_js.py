"""Values of Java and JavaScript code as BFCL reads them: text to a value, or the text itself.

A model answers these categories of BFCL with literals of the language, which stay text until here:

    "3.14f" (float)  "12L" (long)  "new int[]{1, 2}" (Array)
    "new HashMap<String, Integer>() {{ put(\\"a\\", 1); }}"
    "12n" (Bigint)   "'a'" (String)  "[1, 2]" (array)          "{'a': 1}" (dict)

Source: the rules of the type converters in bfcl-eval 2026.3.23, written anew, oddities kept: commas
part the items of a list also within strings, and a text that is no literal of its type stays text.
One thing differs: a text beyond _LONGEST, or with more than _MOST_BRACKETS arrays, is not
converted: the patterns would take too long.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

_LONGEST = 2000  # characters; the longest in BFCL's answers has 160
_MOST_BRACKETS = 12
LISTS = ("Array", "ArrayList", "array")
KINDS: dict[str, dict[str, type]] = {
    "java": {
        "byte": int, "short": int, "integer": int, "long": int, "float": float, "double": float,
        "boolean": bool, "char": str, "String": str, "Array": list, "ArrayList": list,
        "Queue": list, "Stack": list, "Set": set, "HashMap": dict, "Hashtable": dict, "any": str,
    },
    "javascript": {
        "String": str, "integer": int, "float": float, "Bigint": int, "Boolean": bool,
        "dict": dict, "array": list, "any": str,
    },
}  # fmt: skip
_WHOLE = r"^-?\d+"
_DECIMAL = r"^-?\d+(\.\d+)?([eE][+-]?\d+)?"
# the pattern of a type's literals, and the value of one
_Literal = tuple[re.Pattern[str], Callable[[str], Any]]
_JAVA: dict[str, _Literal] = {
    **dict.fromkeys(("byte", "short", "integer"), (re.compile(_WHOLE + "$"), int)),
    "long": (re.compile(_WHOLE + "[lL]$"), lambda text: int(text.rstrip("\n")[:-1])),
    "float": (re.compile(_DECIMAL + "[fF]$"), lambda text: float(text.rstrip("\n")[:-1])),
    "double": (re.compile(_DECIMAL + "$"), float),
    "boolean": (re.compile(r"(true|false)\Z"), lambda text: text == "true"),
}
_JAVASCRIPT: dict[str, _Literal] = {
    "integer": (re.compile(_WHOLE + "$"), int),
    "float": (re.compile(r"^-?\d+(\.\d+)?$"), float),
    "Bigint": (re.compile(_WHOLE + "n$"), lambda text: int(text[:-1])),
    "Boolean": _JAVA["boolean"],
}
_ARRAY = re.compile(r"new\s+\w+\[\]\s*\{(.*?)\}")
_AS_LIST = re.compile(r"new\s+ArrayList<\w*>\(Arrays\.asList\((.+?)\)\)")
_ADDING = re.compile(r"new\s+ArrayList<\w*>\(\)\s*\{\{\s*+")
_NO_ITEMS = re.compile(r"new\s+ArrayList<\w*>\(\)")
_ADD = re.compile(r"add\((.+?)\)")
_MAP = re.compile(r"new\s+HashMap<.*?>\s*\(\)\s*\{\s*\{?", re.DOTALL)
_PUT = re.compile(r'put\("(.*?)",\s*(.*?)\)')
_NO_ENTRIES = re.compile(r"new\s+HashMap<.*?>\s*\(\)")
_ROWS = r"\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*"
_ARRAYS_OF_ARRAYS = re.compile(rf"\[{_ROWS}\]|\bnew\s+Array\({_ROWS}\)")
_ARRAY_OF_ANY = re.compile(r"\[(.*?)\]|\bnew\s+Array\((.*?)\)")
_OBJECT = re.compile(r"\{(.*?)\}")
_PAIR = re.compile(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|$)")


def from_java(text: str, kind: str = "", item_kind: str = "") -> Any:
    """Return the value of a Java literal of that type; the text where it is none.

    "" is a type that is not known. Raises NotImplementedError for a type that BFCL does not convert
    either.
    """
    if len(text) > _LONGEST or kind in ("String", "any", "char"):
        return text
    if not kind:
        return _untyped(text, '"', (_JAVA["boolean"], _JAVA["long"], _JAVA["float"]))
    if kind in _JAVA:
        return _scalar(text, *_JAVA[kind])
    if kind == "Array":
        array = _ARRAY.search(text)
        if not array:
            return text
        return [from_java(item, item_kind) for item in _parts(array[1]) if item]
    if kind == "ArrayList":
        return _array_list(text, item_kind)
    if kind == "HashMap":
        return _hash_map(text)
    raise NotImplementedError(kind)


def from_javascript(text: str, kind: str = "", item_kind: str = "") -> Any:
    """Return the value of a JavaScript literal of that type; the text where it is none.

    "" is a type that is not known. Raises ValueError for an unknown type.
    """
    if len(text) > _LONGEST or kind == "any":
        return text
    if not kind:
        return _untyped(text.strip(), "\"'", (_JAVASCRIPT["Boolean"],))
    if kind in _JAVASCRIPT:
        return _scalar(text, *_JAVASCRIPT[kind])
    if kind == "String":
        return _unquoted(text)
    if kind == "array":
        return _javascript_array(text.strip(), item_kind)
    if kind == "dict":
        return _javascript_object(text.strip())
    raise ValueError(kind)


CONVERTERS = {"java": from_java, "javascript": from_javascript}


def _scalar(text: str, pattern: re.Pattern[str], value: Callable[[str], Any]) -> Any:
    return value(text) if pattern.match(text) else text


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _untyped(text: str, quotes: str, literals: Sequence[_Literal]) -> Any:
    """Return the value of a literal whose type is not known."""
    unquoted = _unquoted(text, quotes)
    if unquoted != text:
        return unquoted
    for pattern, value in literals:
        if pattern.match(text):
            return value(text)
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _unquoted(text: str, quotes: str = "\"'") -> str:
    is_quoted = any(text.startswith(quote) and text.endswith(quote) for quote in quotes)
    return text[1:-1] if is_quoted else text


def _array_list(text: str, item_kind: str) -> Any:
    as_list, adding = _AS_LIST.search(text), _ADDING.search(text)
    end = text.find("}}", adding.end() + 1) if adding else -1
    if as_list:
        items = _parts(as_list[1])
    elif adding and end > 0:
        items = [item.strip() for item in _ADD.findall(text[adding.end() : end])]
    else:
        return [] if _NO_ITEMS.search(text) else text
    if item_kind in ("char", "String"):
        return [item[1:-1] for item in items]  # whatever the quotes are
    return [from_java(item, item_kind) for item in items]


def _hash_map(text: str) -> Any:
    opening = _MAP.search(text)
    end = text.find("}", opening.end()) if opening else -1
    if opening and end > 0:
        entries = text[opening.end() : end]
        # behind the last ) the search would be long and in vain
        puts = _PUT.findall(entries[: entries.rfind(")") + 1])
        return {key: from_java(value.strip()) for key, value in puts}
    return {} if _NO_ENTRIES.search(text) else text


def _javascript_array(text: str, item_kind: str) -> Any:
    if text.count("[") > _MOST_BRACKETS:
        return text
    if nested := _ARRAYS_OF_ARRAYS.match(text):
        inner = re.findall(r"\[(.*?)\]", nested[0])
        inner[0] = inner[0].strip().removeprefix("[")
        rows = [array.strip().split(",") for array in inner]
        return [list(map(from_javascript, row)) for row in rows]
    array = _ARRAY_OF_ANY.match(text)
    if not array:
        return text
    content = (array[1] if array[1] is not None else array[2]).strip()
    items = _parts(content) if content else []
    try:
        return [from_javascript(item, item_kind) for item in items]
    except ValueError:  # an item's type is unknown
        return text


def _javascript_object(text: str) -> Any:
    body = _OBJECT.match(text)
    if not body:
        return text
    fields = {}
    for key, value in _PAIR.findall(body[1]):
        field, kind = value.strip(), ""
        if field.startswith("[") and field.endswith("]"):
            kind = "array"
        elif field.startswith("{") and field.endswith("}"):
            kind = "dict"
        else:
            field = field.strip("'\"")
        fields[key.strip().strip("'\"")] = from_javascript(field, kind)
    return fields
