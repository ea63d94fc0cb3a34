"""The line break that `swiftkit convert` of 2026-11 and before added between a text and its calls.

Rows of today hold the text as it was. Where every text before a call ends with a line break, the
row is taken to be of the older form.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any


def has_added_breaks(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether there are texts before calls, and each of them ends with a line break."""
    texts = []
    for message, following in pairwise(messages):
        content = message.get("content")
        is_before_calls = following.get("role") == "tool_call"
        if message.get("role") == "assistant" and is_before_calls and isinstance(content, str):
            texts.append(content)
    # an answer of reasoning alone had no break
    texts = [text for text in texts if text and not text.endswith("</think>\n\n")]
    return bool(texts) and all(text.endswith("\n") for text in texts)
