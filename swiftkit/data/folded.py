r"""A row's messages as ms-swift's own templates read them: with reasoning inside the text.

    {"role": "assistant", "content": "I look.", "reasoning_content": "Rain?"}
    {"role": "assistant", "content": "<think>\nRain?\n</think>\n\nI look.\n"}     before a call

ms-swift 4.6.0 drops every key of an answer but its text. The line break parts a text from its
calls, as Qwen's chat templates do; swift's agent template of Hermes adds none. Parts of one answer,
of which only one has a loss, swift joins without anything between them.
"""

from collections.abc import Sequence
from typing import Any

from swiftkit.toolcall.added_breaks import has_added_breaks
from swiftkit.toolcall.reasoning import CLOSE, KEYS, OPEN, join, reasoning_of


def folded(messages: Sequence[Any]) -> list[Any]:
    """Return the messages of a row in this form; those of an older `swiftkit convert` have it.

    What is no message, or an answer of token ids, stays as it is. Raises DataError (bad_reasoning)
    for a reasoning that holds the closing tag.
    """
    if not all(isinstance(message, dict) for message in messages):
        return list(messages)
    result: list[Any] = []
    has_breaks = has_added_breaks(messages)
    for number, message in enumerate(messages):
        text = message.get("content")
        if text is None and reasoning_of(message, f"messages[{number}]"):
            text = ""
        if message.get("role") != "assistant" or not isinstance(text, str):
            result.append(message)
            continue
        following = messages[number + 1] if number + 1 < len(messages) else {}
        is_spoken = not text.startswith(OPEN) or bool(text.partition(CLOSE)[2].strip())
        if text and is_spoken and following.get("role") == "tool_call" and not has_breaks:
            text = f"{text}\n"
        elif following.get("role") == "assistant" and not text.endswith("\n\n"):
            text = f"{text}\n\n"
        where = f"messages[{number}]"
        if reasoning := reasoning_of(message, where):
            text = join(reasoning, text, where)
        rest = {key: value for key, value in message.items() if key not in KEYS}
        result.append(rest | {"content": text})
    return result
