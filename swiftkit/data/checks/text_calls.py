"""Calls that an answer writes as text, and system prompts that say how to write them.

A chat template writes calls itself, in its model's own format. A call in a text is trained as
words, in whatever format it is; a reward or an evaluation that looks for calls in the messages
finds none. What a call is, and what a prescription, is what `swiftkit convert` takes for one. Rows
of KTO are left alone: ms-swift wants the call that ends them as text.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from swiftkit.data.checks.row_view import RowFinding, RowView
from swiftkit.data.dialects.system_text import without_call_format
from swiftkit.data.messages import placed
from swiftkit.data.text_calls import with_calls_read
from swiftkit.data.to_openai import parse_tools
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.records import Message
from swiftkit.scoring.explain import listed
from swiftkit.terminal import shorten
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import ToolCall

_SHOWN = 120
# what stands in every text that is a call of whatever tool: words, which are cheap to look for, and
# how they stand there
_WORDS = "<| <｜ ✿ call CALL tool function invoke Action arguments to=".split()
_SIGN = re.compile(
    r"<\||<｜|✿|to=|Action|arguments|invoke|tool_code"
    r"|[<\[\"'_▁:](?:tool|TOOL|function|func|call|CALL)|(?:call|CALL|calls|function)[>_=\]|:<(]"
)


def findings_in(view: RowView) -> Iterator[RowFinding]:
    for number, turn in enumerate(view.turns, 1):
        if turn.role == "system" and (words := _prescription(turn.text)):
            yield RowFinding("format_in_prompt", f"turn {number} (system): {words}")
    answers = []
    for number, turn in enumerate(view.turns, 1):
        if turn.role == "assistant":
            answers.append((number, turn.text))
    if "label" in view.row and answers and answers[-1][0] == len(view.turns):
        answers.pop()
    if not answers:
        return
    try:
        tools = parse_tools(view.row.get("tools"), "tools")
    except (DataError, RecursionError):
        tools = []
    for number, text in answers:
        if problem := _written(text, f"turn {number}", tools):
            yield RowFinding("call_in_text", problem)


def marked_calls(text: str) -> list[ToolCall]:
    """Return the calls that an answer writes as text, between the marks of a wire format."""
    if not _may_hold_call(text, []):
        return []
    calls = detect.parse(text).calls
    return calls if calls and detect.format_of(text) else []


def _may_hold_call(text: str, tools: list[dict[str, Any]]) -> bool:
    if any(word in text for word in _WORDS) and _SIGN.search(text):
        return True
    return any(tool["function"]["name"] in text for tool in tools)


def _written(text: str, where: str, tools: list[dict[str, Any]]) -> str:
    """Return what `convert` says of the calls in an answer's text; "" where there are none."""
    if not _may_hold_call(text, tools):
        return ""
    message: Message = {"role": "assistant", "content": text}
    try:
        made = with_calls_read([placed(message, where)], tools, lenient=False)
    except DataError as error:
        return error.reason
    except RecursionError:
        return f"{where}: nested too deeply"
    calls = []
    for part in made:
        if part["role"] == "tool_call":
            call: Any = decode_or_none(part["content"])
            calls.append(ToolCall(call["name"], call["arguments"]))
    if not calls:
        return ""
    form = detect.format_read(text)
    return f"{where}: {f'in the format {form}: ' if form else ''}{shorten(listed(calls), _SHOWN)}"


@lru_cache(maxsize=64)  # there are few system prompts
def _prescription(text: str) -> str:
    """Return where a system text prescribes a format of calls, or defines tools; "" where not."""
    try:
        rest, _ = without_call_format(text, "it")
    except DataError as error:
        return error.reason
    except RecursionError:
        return "nested too deeply"
    if rest == text:
        return ""
    place = 0
    while place < len(rest) and rest[place] == text[place]:
        place += 1
    return f"convert takes out {shorten(text[place:], _SHOWN)!r}"
