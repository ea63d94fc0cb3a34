"""Calls as a Python list: Llama 3.2 and Llama 4, and many a prompt.

    [get_weather(city="北京", days=[1, 2]), calendar.add(event={"title": "Tea", "all_day": True})]

The text is parsed, never run. Arguments have names and are literals (python_literal.py): `true`,
`false` and `null` are read too. The whole answer must be the list, perhaps between Llama 4's
<|python_start|> and <|python_end|>.

Source: Meta's prompt formats of Llama 3.2 and Llama 4. Names are identifiers, perhaps with dots,
and arguments' names are identifiers: nothing else can be written. ms-swift's Llama4AgentTemplate
writes JSON (llama_json.py).
"""

import ast
import keyword
import re
import unicodedata
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import reason, written
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.wire_format import Signs, WholeAnswer

_START, _END = "<|python_start|>", "<|python_end|>"
_STOPS = ("<|eot|>", "<|eom|>", "<|eot_id|>", "<|eom_id|>")
# a list whose first item is a call without arguments, or with a named one
_LIST = re.compile(r"\[\s*+[^\W\d][\w.]*+\(\s*+(?:\)|[^\W\d]\w*+\s*+=(?!=))")


def render(calls: list[ToolCall]) -> str:
    """Write strings with double quotes, True, False and None as in Python."""
    rendered = []
    for call in calls:
        for name in (*call.name.split("."), *call.arguments):
            # Python reads a name in its normal form (NFKC), so another form comes back changed.
            is_normal = unicodedata.normalize("NFKC", name) == name
            if not name.isidentifier() or keyword.iskeyword(name) or not is_normal:
                fix = "give tools and parameters names that are Python identifiers"
                raise DataError(f"a Python call cannot carry the name {name!r}", "bad_call", fix)
        arguments = ", ".join(f"{name}={_literal(value)}" for name, value in call.arguments.items())
        rendered.append(f"{call.name}({arguments})")
    return f"[{', '.join(rendered)}]" if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer. Malformed: one that begins as a list of calls and ends with it, or never
    ends, and cannot be read; all else is prose."""
    return blocks.read_whole(text, read)


def read(answer: str) -> Parsed:
    """Read an answer without reasoning."""
    body = answer
    for stop in _STOPS:
        body = body.removesuffix(stop)
    body = body.removeprefix(_START).removesuffix(_END).strip()
    if not _LIST.match(body) or python_literal.end_of(body, 0) < len(body):
        return Parsed([], answer)
    try:
        tree = python_literal.tree_of(body, python_literal.LONGEST)
        if not isinstance(tree, ast.List):
            return Parsed([], answer, "the calls are no list")
        return Parsed([_call(node) for node in tree.elts])
    except (ValueError, RecursionError) as error:
        return Parsed([], answer, reason(error))


def _call(node: ast.expr) -> ToolCall:
    if not isinstance(node, ast.Call):
        raise ValueError(f"no call: {type(node).__name__}")  # noqa: TRY004 - malformed
    if node.args or any(argument.arg is None for argument in node.keywords):
        raise ValueError("an argument without a name")
    values = [(str(each.arg), python_literal.value_of(each.value)) for each in node.keywords]
    arguments = dict(values)
    if len(arguments) < len(values):
        raise ValueError("an argument is given twice")
    return ToolCall(_dotted_name(node.func), arguments)


def _dotted_name(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise ValueError("the call has no name")  # noqa: TRY004
    return ".".join([node.id, *reversed(parts)])


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        items = [f"{_literal(key)}: {_literal(item)}" for key, item in value.items()]
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            problem = "Python text cannot carry a lone surrogate"
            raise DataError(problem, "bad_call", "mend the text") from error
    return written(value)


SIGNS = Signs(whole=WholeAnswer(read, re.compile(rf"\[|{re.escape(_START)}")))
