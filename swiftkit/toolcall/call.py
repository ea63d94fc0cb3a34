"""A tool call, and a model's answer taken apart."""

from typing import Annotated, Any

import msgspec


class ToolCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call. Decoding it from JSON is strict (these two keys, a name that is not empty)."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    arguments: dict[str, Any]


UNREAD = "unread: "  # how `malformed` begins for call-like markup in which no call was read


class Parsed(msgspec.Struct, frozen=True):
    """A model's answer, taken apart.

    malformed: the reason why its calls cannot be read (then there are none), or "".
    content: the text that is neither reasoning nor a call.
    reasoning: the thoughts that were set aside (toolcall/reasoning.py).
    texts: the arguments as they stood, one dict a call, in the formats that write values without
        their types (text_arguments.py); empty elsewhere.
    """

    calls: list[ToolCall] = []
    content: str = ""
    malformed: str = ""
    reasoning: str = ""
    texts: list[dict[str, str]] = []

    def with_texts(self, texts: list[dict[str, str]]) -> "Parsed":
        """Return the same with the texts of its calls, which come first in these."""
        kept = texts[: len(self.calls)]
        return Parsed(self.calls, self.content, self.malformed, self.reasoning, kept)
