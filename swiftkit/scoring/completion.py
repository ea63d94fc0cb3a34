"""Read the calls of an answer as its row wants it.

A row whose options name a wire format (options.py), as its model writes it, is read in that format
alone: calls in any other are none that the model's server would hand out. What looks like a call
and is not read is said, for it is no silence (toolcall/unread.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from swiftkit.records import Response
from swiftkit.scoring.answer import is_text_judged
from swiftkit.scoring.gold import Gold
from swiftkit.toolcall import detect, wire_format
from swiftkit.toolcall.call import UNREAD, Parsed
from swiftkit.toolcall.text_arguments import retyped
from swiftkit.toolcall.unread import call_like
from swiftkit.toolcall.wire_format import UNPINNED

READ = "read:"  # before what `read_as` says, in the counts of a score
Tools = Sequence[Mapping[str, Any]]
# a file's name above its JSON is no call, nor is a formula
_LIKE_PROSE = ("glm4", "pythonic", "call_strings")


def parse_answer(text: str, gold: Gold) -> Parsed:
    """Read a completion as its gold's row wants it. Never raises."""
    return read_text(text, gold.options.wire_format, gold.tools)


def read_text(text: str, pinned: str, tools: Tools) -> Parsed:
    """Read an answer in the format `pinned`, or without one in whichever it is written in.

    tools: definitions by which values without types are read. What looks like a call and is not
    read makes the answer malformed, for a reason that begins with UNREAD. Never raises.
    """
    if pinned in UNPINNED:
        parsed = detect.parse(text)
    else:
        parsed = wire_format.load(pinned).parse(text)
    if text[:1].isalpha() and pinned in UNPINNED and _is_heading(text, parsed, tools):
        parsed = Parsed([], text.strip())
    if parsed.calls or parsed.malformed:
        return retyped(parsed, tools) if parsed.texts else parsed
    found = "" if pinned in UNPINNED else _in_other_format(text, pinned, tools)
    found = found or call_like(parsed.content, tools)
    if found:
        return msgspec.structs.replace(parsed, malformed=UNREAD + found)
    return parsed


def _is_heading(text: str, parsed: Parsed, tools: Tools) -> bool:
    """Tell if an answer is a line over JSON, as GLM-4 writes calls, that names no tool on offer."""
    if not parsed.calls or not tools or _offers(tools, parsed):
        return False
    return detect.format_read(text) == "glm4"


def _offers(tools: Tools, parsed: Parsed) -> bool:
    names = {tool.get("function", tool)["name"] for tool in tools}
    return not names.isdisjoint(call.name for call in parsed.calls)


def _in_other_format(text: str, pinned: str, tools: Tools) -> str:
    other = detect.parse(text)
    if not other.calls and not other.malformed:
        return ""
    name = detect.format_read(text) or "no known format"
    if name in _LIKE_PROSE and not _offers(tools, other):
        return ""
    return f"calls are written as {name}, not as {pinned}"


def read_as(response: Response, parsed: Parsed, pinned: str) -> str:
    """Return how the calls stood that were read in a response: "tool_calls", a wire format's name,
    or without any "unread", "malformed" or "no call"."""
    if parsed.malformed:
        return "unread" if parsed.malformed.startswith(UNREAD) else "malformed"
    if not parsed.calls:
        return "no call"
    if parsed.calls is response.tool_calls or not is_text_judged(response):
        return "tool_calls"
    return detect.format_read(response.text) if pinned in UNPINNED else pinned
