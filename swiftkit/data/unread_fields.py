"""What a converter does not read of a record: counted, or refused where it would change a row.

A converter says in READS what it reads:

    READS = {
        "": "messages tools -model -usage",
        "messages[]": "role content tool_calls",
        "messages[].tool_calls[]": "id function -type -index",
    }

A path names an object, "[]" the items of a list; the names behind it are the keys that are read. A
name with "-" in front is known and says nothing that a row could hold. A value whose path is not
named, such as a call's arguments, is read whole. A name with "~" behind it may hold JSON text,
which is looked into. "*" reads all other names of an object, too; "-*" does not count them. null,
"", [] and {} say nothing anywhere, and texts of the record itself become columns of the row. What
make_row reads of every record (rows.READS) need not be named.

Any other key is counted for the account. It is refused (unread_field) where it is tools, calls,
messages, media or a system prompt, or where a message has a loss flag or a reasoning in it: left
out, these would change what is trained.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from swiftkit.data.columns import READS
from swiftkit.data.json_values import listed
from swiftkit.data.roles import are_messages, role_of
from swiftkit.data.row_tools import are_tools_column, is_tools_column
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.toolcall.read_call import is_call
from swiftkit.toolcall.tools import are_surely_tools, are_tools

Reads = Mapping[str, str]

_STEPS = re.compile(r"\[\]|[^.\[\]]+")
_NOTHING: tuple[Any, ...] = (None, "", [], {})
_DEEPEST = 3  # objects inside an unread value that are looked into
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_LOSS = frozenset(
    "loss mask masks masked train training trainable trained weight weights ignore ignored".split()
)
_REASONING = frozenset(
    "reasoning thinking think thought thoughts cot rationale analysis scratchpad".split()
)
_SYSTEM = frozenset("system sys developer preamble persona".split())
_PROMPT = frozenset("prompt message instruction instructions text content".split())
_CALL_KEYS = frozenset((
    "tool", "tool_name", "toolName", "function", "function_name", "action", "action_input",
    "tool_input",
))  # fmt: skip
_READ_AS = {"tools": "tools", "a system prompt": "system", "messages": "messages"}
_CHINESE = {  # in a name, and what it says
    "系统": "system", "提示": "prompt", "思考": "thinking", "思维": "thinking", "推理": "reasoning",
    "训练": "train", "损失": "loss", "掩码": "mask", "图片": "image", "图像": "image",
}  # fmt: skip
_MEDIA = frozenset("image images img video videos audio audios".split())
# what is counted, dated or named by its number is only about a loss, a thought or a picture
_ABOUT = frozenset(
    "step steps time date count num number tokens length len size split epoch eval valid test"
    " attention mode effort budget level type lang language model".split()
)
_CALL_WORDS = frozenset("call calls tool tools function functions action actions".split())
_TOOL_WORDS = _CALL_WORDS.union("api apis plugin plugins skill skills command commands".split())
_FILE = re.compile(r"\S+")  # a path, an address, or base64


@dataclass
class _Node:
    """What is read at a path."""

    path: str
    known: frozenset[str] | None = None  # the keys, also those that say nothing; None: all
    is_open: bool = False  # other keys are not counted
    texts: frozenset[str] = frozenset()  # keys that may hold JSON text
    keys: dict[str, "_Node"] = field(default_factory=dict)  # whose values are looked into
    items: "_Node | None" = None  # of a list


_TREES: dict[int, _Node] = {}  # by the id of a READS


def unread_fields(record: Mapping[str, Any], reads: Reads, carried: Collection[str]) -> list[str]:
    """Return the paths of what was not read, such as "messages[].mood".

    carried: the columns of the row that was made: a text of the record among them is not lost.
    Raises DataError (unread_field) for what would change a row.
    """
    unread: dict[str, None] = {}  # in their order, each once
    for node, place, owner, name, value in _unknown(record, _tree_of(reads), ""):
        path = node.path
        if not path and is_tools_column(name) and are_tools_column(value):
            continue
        meaning = _meaning(name, value, is_inside=bool(path))
        if not meaning and name in _CALL_KEYS and role_of(owner) == "assistant":
            meaning = "a part of a call"
        if meaning:
            raise _refused(path, place, name, meaning)
        if node.is_open:
            continue
        # training reads no such column, though it is carried
        is_lost = not is_plain_name(name)
        if path or name not in carried or is_lost:
            unread[f"{path}.{name}" if path else name] = None
    return list(unread)


def _unknown(value: Any, node: _Node, place: str) -> Iterator[tuple[_Node, str, Any, str, Any]]:
    """Yield (node, place, owner, name, value) of each key that is not known, and says something;
    the owner is the object that has it."""
    if isinstance(value, dict):
        if node.known is not None and not node.known.issuperset(value):
            for name, inner in value.items():
                if name not in node.known and inner not in _NOTHING:
                    yield node, place, value, name, inner
        for name, inner in value.items():
            below = node.keys.get(name)
            if below is None or not inner or (type(inner) is str and name not in node.texts):
                continue
            opened = _opened(inner, below) if type(inner) is str else inner
            yield from _unknown(opened, below, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and node.items:
        for number, item in enumerate(value):
            yield from _unknown(item, node.items, f"{place}[{number}]")


def _opened(text: str, node: _Node) -> Any:
    """Return what JSON text holds; None for words, and for an object without any of these names."""
    value = decode_or_none(text) if text.lstrip().startswith(("{", "[")) else None
    if isinstance(value, dict) and node.known and node.known.isdisjoint(value):
        return None
    return value


def _tree_of(reads: Reads) -> _Node:
    """Return the paths of a READS, which is a constant, as a tree; made once."""
    if id(reads) not in _TREES:
        _TREES[id(reads)] = _made_tree(reads)
    return _TREES[id(reads)]


@lru_cache(maxsize=1024)
def known_names(names: str) -> frozenset[str]:
    """Return the names of a path, of READS, without their marks."""
    return frozenset(name.removeprefix("-").removesuffix("~") for name in names.split())


def _made_tree(reads: Reads) -> _Node:
    root = _Node("")
    for path, names in {"": "", **reads}.items():
        node = root
        for step in _STEPS.findall(path):
            below = f"{node.path}{step}" if step == "[]" else f"{node.path}.{step}".lstrip(".")
            if step != "[]":
                node = node.keys.setdefault(step, _Node(below))
            else:
                node.items = node.items or _Node(below)
                node = node.items
        names = names if path else f"{names} {READS}"
        words = names.split()
        node.is_open = "-*" in words
        node.texts = frozenset(word[:-1] for word in words if word.endswith("~"))
        node.known = None if "*" in words else known_names(names)
    return root


def _refused(path: str, place: str, name: str, meaning: str) -> DataError:
    inner, _, what = meaning.rpartition(":")
    where = f"{place}.{name}{inner}" if place else f"{name}{inner}"
    fix = "move it to where its format has it, or delete it"
    if not path and not inner:
        read_as = _READ_AS.get(what, "...")
        fix = f"name the column as the format does (--columns {name}={read_as}), or leave it out"
        fix = f"{fix} (--columns {name}=)"
    return DataError(f"{where} is not read, and holds {what}", "unread_field", fix)


def _meaning(name: str, value: Any, *, is_inside: bool) -> str:
    """Return what an unread value would have meant for the row, as _shape; "" for metadata.

    is_inside: it stands inside of the record's columns, as in a message.
    """
    if found := _shape(name, value, _DEEPEST):
        return found
    words = _words(name)
    if words & _MEDIA and _may_be_media(value):
        return "images, audio or video"
    if words & _ABOUT:
        return ""
    return _of_a_message(words, value) if is_inside else _of_a_record(words, value)


def _of_a_message(words: frozenset[str], value: Any) -> str:
    """Return what a value of this name would have meant for a message."""
    is_number = isinstance(value, bool | int | float)
    if words & _LOSS and (is_number or isinstance(value, list)):
        return "a flag of the loss"
    if words & _REASONING and not is_number:
        return "a reasoning"
    for inner, content in value.items() if isinstance(value, dict) else ():
        if content not in _NOTHING and _words(inner) & _REASONING:
            return f".{inner}:a reasoning"
    return ""


def _of_a_record(words: frozenset[str], value: Any) -> str:
    """Return what a column of this name would have meant for the row."""
    if words & _LOSS and isinstance(value, bool | int | float | list):
        # 1 and true are what is done anyway; train_id is another thing's number
        return "" if value in (1, True) or "id" in words else "a flag of the loss"
    if isinstance(value, str) and words & _SYSTEM and words & _PROMPT:
        return "a system prompt"
    return ""


def _may_be_media(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_FILE.fullmatch(value))
    return value not in (False, 0)


def _shape(name: str, value: Any, depth: int) -> str:
    """Return what a value of this name is by its form: tools, calls or messages; ".tools:tools" for
    what stands inside of an object.

    A name with a description is a tool, and one with parameters a call, only under such a name: a
    person of a story has a description, and a model its parameters.
    """
    if isinstance(value, str):
        if not value.lstrip().startswith(("[", "{")):
            return ""
        value = decode_or_none(value)
    if not isinstance(value, dict | list) or not value:
        return ""
    words = _words(name)
    is_said = words & _TOOL_WORDS and are_tools(value)
    if is_said or are_surely_tools(value) or _are_tools_by_name(value):
        return "tools"
    if all(_is_call(item, words) for item in listed(value)):
        return "calls"
    if are_messages(value):
        return "messages"
    if depth and isinstance(value, dict):
        for key, inner in value.items():
            if found := _shape(key, inner, depth - 1):
                place, _, what = found.rpartition(":")
                return f".{key}{place}:{what}"
    return ""


def _are_tools_by_name(value: Any) -> bool:
    """Tell whether an object holds tools under their names, each with its parameters."""
    if not isinstance(value, dict):
        return False
    for name, tool in value.items():
        if not isinstance(tool, dict) or not are_tools({"name": name, **tool}):
            return False
        if not isinstance(tool.get("parameters") or tool.get("input_schema"), dict):
            return False
    return True


def _is_call(value: Any, words: frozenset[str]) -> bool:
    function = value.get("function") if isinstance(value, dict) else None
    if isinstance(function, dict):
        return "arguments" in function
    return is_call(value) and ("arguments" in value or bool(words & _CALL_WORDS))


@lru_cache(maxsize=4096)
def is_plain_name(name: str) -> bool:
    """Tell whether a column of this name is metadata whatever number or word it holds."""
    words = _words(name)
    if words & (_LOSS | _MEDIA | _REASONING | _SYSTEM):
        return False
    return not is_tools_column(name)


def _words(name: str) -> frozenset[str]:
    words = {word.lower() for word in _WORDS.findall(name)}
    if not name.isascii():
        words.update(word for written, word in _CHINESE.items() if written in name)
    return frozenset(words)
