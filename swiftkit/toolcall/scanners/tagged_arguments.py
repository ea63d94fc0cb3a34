"""Calls whose arguments stand between tags, without their types, as in XML."""

import re
from collections.abc import Callable
from typing import NamedTuple

from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.text_arguments import Tools, typed_call


class TaggedCall(NamedTuple):
    """A call as it stands in the text, up to the position `end`."""

    name: str
    texts: dict[str, str]
    end: int


def read(
    text: str,
    tags: re.Pattern[str],
    read_call: Callable[[str, re.Match[str]], TaggedCall],
    tools: Tools,
) -> Parsed:
    """Read an answer whose markup `tags` finds, a call a block. Never raises."""
    texts: list[dict[str, str]] = []

    def read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
        call = read_call(text, tag)
        del texts[len(calls) :]  # those of calls that turned out to be reasoning
        texts.append(call.texts)
        calls.append(typed_call(call.name, call.texts, tools))
        return call.end

    parsed = blocks.read(text, tags, read_block)
    return Parsed(parsed.calls, parsed.content, parsed.malformed, "", texts[: len(parsed.calls)])
