"""A Harmony message's header, the call in its body, and the parts of an answer as they are read.

Shared by the readers of answers with special tokens (answer.py) and without (stripped.py).
"""

from typing import NamedTuple

from swiftkit.json_text import object_at
from swiftkit.toolcall.call import ToolCall

FUNCTIONS = "functions."
CHANNELS = ("analysis", "commentary", "final")


class MessageHeader(NamedTuple):
    """The header of a message whose body begins at `start`.

    recipient: None for a message to the user.
    """

    channel: str
    recipient: str | None
    start: int


class AnswerParts(NamedTuple):
    """The parts of an answer that have been read so far, each in its order."""

    calls: list[ToolCall]
    content: list[str]
    reasoning: list[str]

    def add(self, header: MessageHeader, body: str) -> None:
        (self.reasoning if header.channel == "analysis" else self.content).append(body)

    def joined(self) -> tuple[str, str]:
        """Return (reasoning, content)."""
        return "\n".join(filter(None, self.reasoning)), "\n\n".join(filter(None, self.content))


def read_call(recipient: str, text: str, start: int) -> tuple[ToolCall, int]:
    """Return the call whose arguments begin at `start`, and the position behind them. Raises
    ValueError or RecursionError, which says why it is no call."""
    if not recipient.startswith(FUNCTIONS):
        raise ValueError(f"the recipient {recipient[:80]!r} is no function")
    if recipient == FUNCTIONS:
        raise ValueError("the call has no name")
    arguments, end = object_at(text, start)
    return ToolCall(recipient.removeprefix(FUNCTIONS), arguments), end
