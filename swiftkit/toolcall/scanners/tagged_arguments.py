"""Calls whose arguments stand between tags, without their types, as in XML."""

import re
from collections.abc import Callable

from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.text_arguments import Tools, typed_call


def read(
    text: str,
    tags: re.Pattern[str],
    read_call: Callable[[str, re.Match[str]], tuple[str, dict[str, str], int]],
    tools: Tools,
) -> Parsed:
    """Read an answer whose markup `tags` finds, a call a block. Never raises.

    `read_call` returns a call's name, its arguments as they stand, and the position behind it.
    """
    texts: list[dict[str, str]] = []

    def read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
        name, arguments, end = read_call(text, tag)
        del texts[len(calls) :]  # those of calls that turned out to be reasoning
        texts.append(arguments)
        calls.append(typed_call(name, arguments, tools))
        return end

    return blocks.read(text, tags, read_block).with_texts(texts)
