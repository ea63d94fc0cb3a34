r"""Rows that an older `swiftkit convert` wrote: one chat template's ways stand in them.

    {"role": "assistant", "content": "<think>\nRain?\n</think>\n\nI look.\n"}    as it was
    {"role": "assistant", "content": "I look.", "reasoning_content": "Rain?"}    as it is today

Reasoning was folded into the text, and a line break stood between a text and its calls. Both are a
template's matter. The reasoning can be taken apart again; a line break may as well be the text's
own, so it stays: only the raw data can tell.
"""

import re
from typing import Any

from swiftkit.toolcall.added_breaks import has_added_breaks
from swiftkit.toolcall.reasoning import CLOSE, OPEN

_OWN_SOURCE = re.compile(r".+:[0-9]+")  # file:line, as convert writes it
_NEW_KEYS = ("reasoning_content", "tool_call_id")


def is_old_form(messages: Any) -> bool:
    """Return whether a row's messages look as an older `swiftkit convert` wrote them. Never raises.

    A text of KTO, in which calls and reasoning are one, is of today's form.
    """
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        return False
    for message in messages:
        if any(message.get(key) is not None for key in _NEW_KEYS):
            return False
    return has_added_breaks(messages) or any(map(_is_folded, messages))


def is_own_old_row(record: dict[str, Any]) -> bool:
    """Return whether a record is a row that an older `swiftkit convert` wrote. Never raises."""
    source = record.get("source")
    is_own = isinstance(source, str) and _OWN_SOURCE.fullmatch(source) is not None
    return is_own and is_old_form(record.get("messages"))


def _is_folded(message: dict[str, Any]) -> bool:
    content = message.get("content")
    if message.get("role") != "assistant" or not isinstance(content, str):
        return False
    return content.startswith(f"{OPEN}\n") and CLOSE in content and "<tool_call>" not in content
