r"""ShareGPT conversations of {from, value}, also with function_call and observation turns.

Source: ShareGPT's dumps and LLaMA-Factory's "sharegpt" data format, which many data sets use. A
real row:

    {"conversations": [{"from": "human", "value": "What is the area of a rectangle of 5 by 3?"},
       {"from": "function_call", "value": "{\"name\": \"calculate_area\", \"arguments\": {\"dimensions\": [5, 3]}}"},
       {"from": "observation", "value": "{\"area\": 15}"},
       {"from": "gpt", "value": "The area is 15."}],
     "system": "Be brief.", "tools": "[{\"name\": \"calculate_area\", \"parameters\": {...}}]"}

A function_call is one call or a list of calls, as JSON text or as the value itself; reasoning in
<think> or other text may stand before it. An observation stays one result, whatever it holds. A
turn's loss, weight or train becomes ms-swift's `loss`. Rows of this form that write calls in the
text have converters of their own (see data/from_sharegpt.py).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from swiftkit.data.from_sharegpt import Turn, answer, dialect_of, result_text, turns_of
from swiftkit.data.rows import SYSTEM, make_row
from swiftkit.errors import DataError
from swiftkit.json_text import reason, skip_space
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.python_literal import json_at
from swiftkit.toolcall.read_call import call_from

_JSON = re.compile(r"[{\[]")
_TOOL_WORDS = ("function", "tool", "api")
_BRACKETS = {"[": "]", "(": ")", "{": "}", "<": ">"}


def matches(record: dict[str, Any]) -> bool:
    return dialect_of(record) == "sharegpt"


def convert(record: dict[str, Any]) -> Iterable[Row]:
    turns = turns_of(record)
    _check_plain(turns)
    return [make_row((message for turn in turns for message in _messages(turn)), record, SYSTEM)]


def _check_plain(turns: list[Turn]) -> None:
    """Refuse an answer that is a call in a format of its own, such as [f]=>({"a": 1}), after a
    system text with tools.

    ToolACE has some hundred rows of that kind. As text they would be trained on, and never be a
    call.
    """
    system = " ".join(
        turn.value for turn in turns if turn.role == "system" and isinstance(turn.value, str)
    ).lower()
    if "param" not in system or not any(word in system for word in _TOOL_WORDS):
        return
    for turn in turns:
        text = (
            turn.value.strip() if turn.role == "assistant" and isinstance(turn.value, str) else ""
        )
        if text[:1] in _BRACKETS and text.endswith(_BRACKETS[text[:1]]) and not _is_json(text):
            fix = "write it as a function_call turn, or mend the text"
            raise DataError(
                f"{turn.where}: {text[:60]!r} looks like a call in an unknown format",
                "unread_call",
                fix,
            )


def _messages(turn: Turn) -> Iterator[Message]:
    if turn.role == "tool_call":
        text, calls = _calls(turn)
        yield from answer(text, calls, turn)
    elif turn.role == "tool_response":
        yield {"role": "tool_response", "content": result_text(turn)}
    else:
        message: Message = {"role": turn.role, "content": turn.text}
        message |= turn.flags
        yield message


def _calls(turn: Turn) -> tuple[str, list[ToolCall]]:
    """(the text before the calls, the calls) of a function_call turn."""
    if not isinstance(turn.value, str):
        return "", _listed(turn.value, turn.where)
    begin = _JSON.search(turn.value, turn.value.find("</think>") + 1)
    if not begin:
        raise DataError(
            f"{turn.where}: no call in the function_call", "bad_call", "write the call as JSON"
        )
    return turn.value[: begin.start()], _read(turn.value, begin.start(), turn.where)


def _read(text: str, position: int, where: str) -> list[ToolCall]:
    """The calls from here to the end of the text: JSON values, one after the other."""
    calls: list[ToolCall] = []
    while position < len(text):
        try:
            value, position = json_at(text, position, where)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{where}: {reason(error)}", "broken_call", "mend the JSON of the call"
            ) from error
        calls += _listed(value, where)
        position = skip_space(text, position)
    return calls


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _listed(value: Any, where: str) -> list[ToolCall]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise DataError(
            f"{where}: an empty list of calls", "bad_call", "delete the turn, or write its call"
        )
    return [call_from(each, where) for each in values]
