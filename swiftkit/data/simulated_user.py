"""Conversations of an agent with a simulated user, as tau-bench and tau2 record them."""

import re

from swiftkit.data.messages import place_of, placed
from swiftkit.data.roles import ANSWERS
from swiftkit.records import Message

SUCCESS = 0.99  # the reward is 1.0 or less; a product of floats may fall short of 1
NOT_THE_AGENTS_FAULT = ("infrastructure_error", "unexpected_error", "user_error")
_MARK = re.compile(r"\s*###(?:STOP|TRANSFER|OUT-OF-SCOPE)###\s*")


def from_first_words_to_last_answer(messages: list[Message]) -> list[Message]:
    """Return the conversation from the user's first words to the last answer, without the
    simulator's marks; the system text stays in front."""
    roles = [message["role"] for message in messages]
    first = roles.index("user") if "user" in roles else 0
    end = len(roles)
    while end > first and roles[end - 1] not in ANSWERS:
        end -= 1
    if end == first:  # no answer: all of it is a question
        end = len(roles)
    kept: list[Message] = []
    for index, message in enumerate(messages[:end]):
        if message["role"] == "user":
            text = _MARK.sub(" ", message["content"]).strip()
            kept.append(placed({**message, "content": text}, place_of(message, index)))
        elif index >= first or message["role"] == "system":
            kept.append(message)
    return kept
