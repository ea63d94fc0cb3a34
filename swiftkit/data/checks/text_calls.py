"""Calls that an answer writes as text, and system prompts that say how to write them.

A chat template writes calls itself, in its model's own format. A call in a text is trained as
words, in whatever format it is; a reward or an evaluation that looks for calls in the messages
finds none. Rows of KTO are left alone: ms-swift wants the call that ends them as text.

A text is a call where a wire format reads it: one with marks of its own, or one without marks whose
calls are all of the row's tools. Where no format does, unread.py looks for the row's tools in what
looks like a call.
"""

import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

from swiftkit.data.checks.row_view import RowFinding, RowView
from swiftkit.data.to_openai import parse_tools
from swiftkit.errors import DataError
from swiftkit.scoring.explain import listed
from swiftkit.terminal import shorten
from swiftkit.toolcall import detect, wire_format
from swiftkit.toolcall.alternatives import any_of
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.tools import tool_names
from swiftkit.toolcall.unread import call_like

_SHOWN = 120
# of the marks of all formats those that only speak of calls; the others begin any message
_OF_CALLS = re.compile(r"tool|function|call|action|invoke|python_tag", re.IGNORECASE)
_LABELS = (r"Action Input\s*:", "✿FUNCTION✿", "<tools>", r"\[func_?name")
# {"name": <function-name>, "arguments": <args-dict>}; a tool's definition goes on with its schema
_JSON_CALL = (
    r"\{\s*+\\?[\"']name\\?[\"']\s*+:[^,{}\n]{1,60},\s*+"
    r"\\?[\"'](?:arguments\\?[\"']|parameters\\?[\"']\s*+:(?!\s*+\{\s*+\\?[\"'](?:type|properties)\b))"
)


def findings_in(view: RowView) -> Iterator[RowFinding]:
    for turn in view.turns:
        if turn.role == "system" and (mark := _prescribed(turn.text)):
            yield RowFinding("format_in_prompt", f"the system text holds {shorten(mark, _SHOWN)!r}")
    answers = [
        (number, turn.text)
        for number, turn in enumerate(view.turns, 1)
        if turn.role == "assistant" and _may_hold_call(turn.text)
    ]
    if "label" in view.row and answers and answers[-1][0] == len(view.turns):
        answers.pop()
    if not answers:
        return
    try:
        tools = parse_tools(view.row.get("tools"), "tools")
    except (DataError, RecursionError):
        tools = []
    names = tool_names(tools)
    for number, text in answers:
        if problem := _problem(text, names) or _unread(text, tools):
            yield RowFinding("call_in_text", f"turn {number}: {problem}")


def written_calls(text: str, names: Collection[str]) -> list[ToolCall]:
    """Return the calls that an answer writes as text; those of a format without marks only where
    all of them are of tools of these names."""
    if not _may_hold_call(text):
        return []
    calls = detect.parse(text).calls
    if calls and (all(call.name in names for call in calls) or detect.format_of(text)):
        return calls
    return []


def _may_hold_call(text: str) -> bool:
    """Tell if a text has any of the signs that every format's calls have; most answers do not."""
    if "{" in text or "<" in text or "[" in text or "```" in text:
        return True
    return text.rstrip().endswith(")")


def _problem(text: str, names: Collection[str]) -> str:
    if calls := written_calls(text, names):
        return f"in the format {detect.format_read(text)}: {shorten(listed(calls), _SHOWN)}"
    if names and detect.format_of(text) and (malformed := detect.parse(text).malformed):
        return f"in the format {detect.format_of(text)}, unreadable: {malformed}"
    return ""


def _unread(text: str, tools: list[dict[str, Any]]) -> str:
    found = call_like(text, tools)
    return f"it looks like a call: {shorten(found, _SHOWN)}" if found else ""


def _prescribed(text: str) -> str:
    """Return the words with which a system text prescribes a format of calls; "" without any."""
    found = _marks().search(text) if _may_hold_call(text) or "Action" in text else None
    return found[0] if found else ""


@cache
def _marks() -> re.Pattern[str]:
    marks: set[str] = set()
    for form in wire_format.load_all().values():
        marks.update(mark for mark in form.SIGNS.opening if _OF_CALLS.search(mark))
    return re.compile("|".join((any_of(marks), *_LABELS, _JSON_CALL)))
