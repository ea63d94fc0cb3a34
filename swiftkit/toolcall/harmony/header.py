"""What Harmony with special tokens and without have in common: a message's header, and the call in
its body."""

from typing import NamedTuple

from swiftkit.json_text import raw_decode, skip_space
from swiftkit.toolcall.call import ToolCall

FUNCTIONS = "functions."
CHANNELS = ("analysis", "commentary", "final")


class Head(NamedTuple):
    """A message's header; its body begins at `start`. recipient: None for a message to the user."""

    channel: str
    recipient: str | None
    start: int


class Found(NamedTuple):
    """What has been read of an answer so far, in its order."""

    calls: list[ToolCall]
    said: list[str]
    thought: list[str]

    def add(self, head: Head, body: str) -> None:
        (self.thought if head.channel == "analysis" else self.said).append(body)

    def joined(self) -> tuple[str, str]:
        """(reasoning, content)"""
        return "\n".join(filter(None, self.thought)), "\n\n".join(filter(None, self.said))


def read_call(recipient: str, text: str, start: int) -> tuple[ToolCall, int]:
    """The call whose arguments begin at `start`, and the position behind them; ValueError says why
    it is none.

    The arguments are read as JSON and not searched for their end, so a string among them may hold
    any markup.
    """
    if not recipient.startswith(FUNCTIONS):
        raise ValueError(f"the recipient {recipient[:80]!r} is no function")
    if recipient == FUNCTIONS:
        raise ValueError("the call has no name")
    arguments, end = raw_decode(text, skip_space(text, start))
    if not isinstance(arguments, dict):
        raise ValueError("the arguments are not an object")  # noqa: TRY004 (one kind of error: malformed)
    return ToolCall(recipient.removeprefix(FUNCTIONS), arguments), skip_space(text, end)
