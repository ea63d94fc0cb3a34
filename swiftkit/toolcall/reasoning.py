r"""Reasoning beside an answer: apart in OpenAI's messages, inside the one text of a swift row.

    {"reasoning_content": "Two cities.", "content": "Paris and Rome."}
    "<think>\nTwo cities.\n</think>\n\nParis and Rome."

The text is how ms-swift and Qwen's chat template write it; the Harmony plugin takes it apart again.
"""

from collections.abc import Mapping
from typing import Any

from swiftkit.errors import DataError

KEYS = ("reasoning_content", "reasoning", "thinking")
OPEN, CLOSE = "<think>", "</think>"


def thinking_of(message: Mapping[str, Any], where: str) -> str | None:
    """The reasoning of a message, under whichever of its names; None without one."""
    given = {message[key] for key in KEYS if isinstance(message.get(key), str)}
    if len(given) > 1:
        raise DataError(
            f"{where}: two different reasonings", "two_reasonings", f"keep one of {', '.join(KEYS)}"
        )
    return given.pop() if given else None


def join(thinking: str, answer: str, where: str) -> str:
    """One text, from which `split` gives both back. Raises DataError for a reasoning that holds the
    closing tag."""
    if CLOSE in thinking:
        raise DataError(
            f"{where}: the reasoning holds {CLOSE}", "bad_reasoning", "take the tag out of it"
        )
    return f"{OPEN}\n{thinking}\n{CLOSE}\n\n{answer}"


def split(text: str, where: str) -> tuple[str | None, str]:
    """(reasoning, answer) of one text; (None, text) where it does not begin with a reasoning, or
    with an empty one."""
    if not text.startswith(OPEN):
        return None, text
    inner, closed, answer = text.removeprefix(OPEN).partition(CLOSE)
    if not closed:
        raise DataError(
            f"{where}: {OPEN} is never closed", "open_reasoning", f"close it with {CLOSE}"
        )
    return inner.removeprefix("\n").removesuffix("\n") or None, answer.removeprefix(
        "\n"
    ).removeprefix("\n")


def spoken(text: str) -> str:
    """What a model says without its thinking, which is no answer; nothing where the thinking never
    ends."""
    try:
        return split(text, "")[1]
    except DataError:
        return ""
