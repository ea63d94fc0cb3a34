"""Messages at a conversation's ends that cannot be trained, cut off where a person asks for it.

    assistant, user, assistant          --cut-leading-assistant    user, assistant
    user, assistant, user               --cut-trailing-user        user, assistant

A system message stays. What follows the last answer may also be a tool's result. A prompt that has
its gold in a column stays as it is, and so does a conversation without any answer.
"""

from typing import Any

from swiftkit.data.roles import ANSWERS
from swiftkit.records import GOLD_COLUMNS, Message, Row

LEADING, TRAILING = "leading", "trailing"


def cut_row(row: Row, *, leading: bool, trailing: bool) -> tuple[Row, list[str]]:
    """Return the row without these messages, and which of the cuts were made."""
    messages: list[Message] = row["messages"]
    kept = messages
    cuts = []
    if leading and (start := _first_question(messages)) > 0:
        kept = [*_system(messages), *messages[start:]]
        cuts.append(LEADING)
    has_gold = any(column in row for column in ("expected_calls", *GOLD_COLUMNS))
    if trailing and not has_gold and (end := _after_last_answer(kept)) < len(kept):
        kept = kept[:end]
        cuts.append(TRAILING)
    if not cuts:
        return row, cuts
    cut: Any = {**row, "messages": kept}
    return cut, cuts


def _system(messages: list[Message]) -> list[Message]:
    return [message for message in messages[:1] if message.get("role") == "system"]


def _first_question(messages: list[Message]) -> int:
    """Return the place of the first user message, if answers or results stand before it; or 0."""
    for place, message in enumerate(messages):
        if message.get("role") == "user":
            return place if place > len(_system(messages)) else 0
    return 0


def _after_last_answer(messages: list[Message]) -> int:
    """Return the place behind the last answer; the end where there is none."""
    for place in range(len(messages), 0, -1):
        if messages[place - 1].get("role") in ANSWERS:
            return place
    return len(messages)
