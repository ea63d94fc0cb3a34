"""The gold of a row, whatever column holds it: a text, or calls."""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from swiftkit.json_text import decode_or_none
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.detect import parse

PARTS = {  # of a gold that holds more than the answer
    "behind ####": re.compile(r"#### ?(.+?)\s*$"),
    "in <answer>": re.compile(r"<answer>(.*?)</answer>", re.DOTALL),
    "in \\boxed{}": re.compile(r"\\boxed\{([^{}]*)\}"),
}
# A text that begins so is read as calls; `f(2)` may be an answer.
_CALL_MARKS = ("Action:", "<tool_call>", "<function", "[TOOL_CALLS]", "<|tool_call")
_YES_NO = ("yes", "no", "true", "false")


def gold_of(row: Mapping[str, Any], column: str) -> Any:
    """Return the gold as a text or a list of calls; None where the row has none."""
    value = last_answer(row) if column == "messages" else row.get(column)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        value = value[0]
    if isinstance(value, bool | int | float):
        value = str(value)
    calls = calls_in(value)
    if calls is not None:
        return calls
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) and value.strip() else None


def part_of(gold: Any, part: str) -> Any:
    """Return a part of a gold that is a text, one of PARTS ("": all of it); None without it."""
    if not part or not isinstance(gold, str):
        return gold
    match = PARTS[part].search(gold)
    return match[1].strip() if match and match[1].strip() else None


def calls_in(value: Any) -> list[ToolCall] | None:
    """Return the calls that a gold is, None for another gold."""
    if isinstance(value, str) and value.lstrip().startswith(_CALL_MARKS):
        parsed = parse(value)
        return parsed.calls if parsed.calls and not parsed.content.strip() else None
    value = decoded(value) if isinstance(value, str) else value
    value = [value] if isinstance(value, dict) else value
    if not isinstance(value, list):
        return None
    calls = []
    for call in value:
        function = call.get("function", call) if isinstance(call, dict) else {}
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            return None
        arguments = function.get("arguments", function.get("parameters"))
        arguments = decoded(arguments) if isinstance(arguments, str) else arguments
        if not isinstance(arguments, dict):
            return None
        calls.append(ToolCall(function["name"], arguments))
    return calls


def decoded(value: Any) -> Any:
    """Return the value of a JSON text, None for what is no JSON; another value as it is."""
    return decode_or_none(value) if isinstance(value, str) else value


def last_answer(row: Mapping[str, Any]) -> Any:
    """Return the text of the answer with which a conversation ends, or None."""
    match row.get("messages"):
        case [*_, {"role": "assistant", "content": content}]:
            return content
    return None


def number(text: str) -> float | None:
    """Return the number that a text is, also `$1,234.50` and `20 %`."""
    plain = text.strip().replace(",", "").strip("$€£¥% \t")
    if not plain or not plain.isascii() or plain.lower().strip("+-")[:1].isalpha():
        return None
    try:
        return float(plain)
    except ValueError:
        return None


def key_of(gold: Any) -> str:
    """Return what two golds share that are the same for most graders."""
    if isinstance(gold, list):
        return msgspec.json.encode(gold, order="deterministic").decode()
    value = number(gold)
    return repr(value) if value is not None else " ".join(gold.lower().split()).strip(" .")


def is_choice(text: str) -> bool:
    """Return True for a single letter, yes, no, true and false."""
    plain = text.strip().strip("().").lower()
    return (len(plain) == 1 and plain.isalpha()) or plain in _YES_NO


def made_up(gold: Any, kind: str) -> tuple[Any, ...]:
    """Return wrong answers where the rows hold but one gold."""
    if kind in ("calls", "silence"):
        name = f"{gold[0].name}_other" if gold else "search"
        return ([ToolCall(name, {"query": "something else"})],)
    value = number(gold)
    if value is not None:
        return (str(int(value) + 13), str(int(value) * 7 + 5))
    plain = gold.strip()
    if plain.lower() in _YES_NO:
        return (_YES_NO[_YES_NO.index(plain.lower()) ^ 1],)
    if kind == "choice":
        return tuple(letter for letter in "ABCD" if letter != plain.upper())
    return ("A wholly different answer", "zebra")
