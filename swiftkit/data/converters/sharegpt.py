r"""ShareGPT conversations of {from, value}, also with function_call and observation turns.

Source: ShareGPT's dumps and LLaMA-Factory's "sharegpt" data format, which many data sets use. A
real row:

    {"conversations": [{"from": "human", "value": "What is the area of a rectangle of 5 by 3?"},
       {"from": "function_call",
        "value": "{\"name\": \"calculate_area\", \"arguments\": {\"dimensions\": [5, 3]}}"},
       {"from": "observation", "value": "{\"area\": 15}"},
       {"from": "gpt", "value": "The area is 15."}],
     "system": "Be brief.", "tools": "[{\"name\": \"calculate_area\", \"parameters\": {...}}]"}

A function_call is one call or a list of calls, as JSON text, as Python's text of a dict, or as the
value itself; reasoning in
<think> or other text may stand before it. An observation stays one result, whatever it holds. A
turn's loss, weight or train becomes ms-swift's `loss`. Rows of this form that write calls in the
text have converters of their own (see data/from_sharegpt.py).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.columns import SYSTEM
from swiftkit.data.from_sharegpt import (
    CONVERSATION_READS,
    ShareGptTurn,
    answer,
    is_conversation,
    turns_of,
)
from swiftkit.data.json_values import as_text, listed
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none, reason, skip_space
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.python_arguments import with_python_arguments
from swiftkit.toolcall.python_literal import json_at, object_at
from swiftkit.toolcall.read_call import call_from

ORDER = 420
READS = CONVERSATION_READS

_PYTHON_DICT = re.compile(r"\{\s*'")
_JSON = re.compile(r"[{\[]")
_TOOL_WORDS = ("function", "tool", "api")
_BRACKETS = {"[": "]", "(": ")", "{": "}", "<": ">"}


def matches(record: dict[str, Any]) -> bool:
    return is_conversation(record)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    turns = turns_of(record)
    _check_plain(turns)
    return [make_row(_messages(turns), record, SYSTEM)]


def _check_plain(turns: list[ShareGptTurn]) -> None:
    """Refuse an answer that is a call in a format of its own, such as [f]=>({"a": 1}), after a
    system text with tools. ToolACE has some hundred rows of that kind. As text they would be
    trained on, and never be a call."""
    texts = [(turn, turn.value.strip()) for turn in turns if isinstance(turn.value, str)]
    system = " ".join(text for turn, text in texts if turn.role == "system").lower()
    if "param" not in system or not any(word in system for word in _TOOL_WORDS):
        return
    for turn, text in texts:
        is_bracketed = text[:1] in _BRACKETS and text.endswith(_BRACKETS[text[:1]])
        if turn.role == "assistant" and is_bracketed and decode_or_none(text) is None:
            problem = f"{turn.where}: {text[:60]!r} looks like a call in an unknown format"
            fix = "write it as a function_call turn, or mend the text"
            raise DataError(problem, "unread_call", fix)


def _messages(turns: list[ShareGptTurn]) -> Iterator[Message]:
    for turn in turns:
        if turn.role == "tool_call":
            text, calls = _text_and_calls(turn)
            yield from answer(text, calls, turn)
        elif turn.role == "tool_response":
            yield turn.says(as_text(turn.value))
        else:
            message = turn.says(turn.text)
            message |= turn.flags
            yield message


def _text_and_calls(turn: ShareGptTurn) -> tuple[str, list[ToolCall]]:
    """Return the text of a function_call turn before its calls, and the calls: JSON values, one
    after the other."""
    text, where = turn.value, turn.where
    if not isinstance(text, str):
        return "", _calls_of(text, where)
    begin = _JSON.search(text, text.find("</think>") + 1)
    if not begin:
        problem = f"{where}: no call in the function_call"
        raise DataError(problem, "bad_call", "write the call as JSON")
    calls: list[ToolCall] = []
    position = begin.start()
    while position < len(text):
        try:
            if _PYTHON_DICT.match(text, position):
                value, position = object_at(text, position)
            else:
                value, position = json_at(text, position, where)
        except (ValueError, RecursionError) as error:
            problem = f"{where}: {reason(error)}"
            raise DataError(problem, "broken_call", "mend the JSON of the call") from error
        calls += _calls_of(value, where)
        position = skip_space(text, position)
    return text[: begin.start()], calls


def _calls_of(value: Any, where: str) -> list[ToolCall]:
    values = listed(value)
    if not values:
        fix = "delete the turn, or write its call"
        raise DataError(f"{where}: an empty list of calls", "bad_call", fix)
    return [call_from(with_python_arguments(item), where) for item in values]
