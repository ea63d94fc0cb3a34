"""Refuse a row without tools whose texts define the tool that it calls.

Tools in a user's text, or as TypeScript, Python or XML, are in no form that is read; the chat
template would be given none, and the gold of a row of grpo could be "call nothing".
"""

import re
from collections.abc import Sequence

from swiftkit.data.check_row import call_from_message
from swiftkit.data.dialects import json_prompt
from swiftkit.data.messages import place_of
from swiftkit.data.text_calls import holds_none
from swiftkit.errors import DataError
from swiftkit.records import Message
from swiftkit.toolcall.tools import tool_names, tools_from

_DEFINES = r"\b(?:def\s+{0}\s*\(|type\s+{0}\s*=)"
_NAMES = r"(?:<name>\s*|\bname[\"']?\s*:\s*[\"']?){0}\b"  # in a system text it defines, too


def check_no_tools_in_text(messages: Sequence[Message]) -> None:
    """Raise DataError (bad_tools) where a text defines a tool that the row calls."""
    called = set()
    for message in messages:
        if message["role"] == "tool_call":
            called.add(call_from_message(message, "call").name)
    for number, message in enumerate(messages):
        text = message["content"]
        if message["role"] not in ("system", "user"):
            continue
        defines = _DEFINES if message["role"] == "user" else f"{_DEFINES}|{_NAMES}"
        name = _defined(text, defines, called) or _shown(text, called, messages)
        if name:
            reason = f"{place_of(message, number)} defines {name}, and the row has no tools"
            fix = "give the tools as a list of JSON in the column tools, and take them out there"
            raise DataError(reason, "bad_tools", fix)


def _defined(text: str, defines: str, called: set[str]) -> str:
    """Return the name of a called tool that a text defines, or ""."""
    for name in called:
        if name in text and re.search(defines.format(re.escape(name)), text):
            return name
    return ""


def _shown(text: str, called: set[str], messages: Sequence[Message]) -> str:
    """Return the name of a tool that a text holds as JSON, if the row calls it, or ""."""
    if not json_prompt.may_hold_tools(text):
        return ""
    try:
        tools = tools_from(json_prompt.without_prompt(text, "")[1])
    except DataError:
        return ""
    names = tool_names(tools)
    for name in names & called:
        return name
    for message in messages:
        is_answer = message["role"] == "assistant"
        if names and is_answer and not holds_none(message["content"], tools, names):
            return min(names)
    return ""
