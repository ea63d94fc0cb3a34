"""What the wire formats have in common: reasoning is set aside, calls stand in blocks, text around
them is content.

Reasoning stands between <think> and </think> (Mistral: [THINK] and [/THINK]), or is all that stands
before a closing tag whose opening tag was part of the prompt. A block is read, not searched for its
end, so a string in it may hold any markup.
"""

import re
from collections.abc import Callable

from swiftkit.errors import DataError
from swiftkit.json_text import reason
from swiftkit.toolcall.call import Parsed, ToolCall

# what a header outside of JSON can carry, if no white space stands at its ends
NAME = r'[^<>{}\[\]"\r\n]++'
THINK = r"</?think>|\[/?THINK\]"
CLOSING = re.compile(r"</think>|\[/THINK\]")
_OPENING = re.compile(r"\s*+(<think>|\[THINK\])")
_ENDS = {"<think>": "</think>", "[THINK]": "[/THINK]"}
# Reads the block that a piece of markup opens, adds its calls, and gives the position behind it.
# ValueError says why the block cannot be read; closing and stray markup is such a case too.
Block = Callable[[str, re.Match[str], list[ToolCall]], int]


def check_name(name: str, format_name: str) -> None:
    """Raises DataError (bad_call) for a name that a header outside of JSON cannot carry."""
    if not re.fullmatch(NAME, name) or name != name.strip():
        fix = 'give the tool a name of one line without < > { } [ ] " and without white space around it'
        raise DataError(f"{format_name} cannot write a call of {name!r}", "bad_call", fix)


def markup(*tags: str) -> re.Pattern[str]:
    """Finds these tags and those of reasoning."""
    return re.compile("|".join((*map(re.escape, tags), THINK)))


def read(text: str, tags: re.Pattern[str], block: Block) -> Parsed:
    """The calls of an answer whose markup `tags` finds. Never raises, in time linear in the text's
    length.

    Unclosed, stray, nested or broken markup makes the whole answer malformed.
    """
    calls: list[ToolCall] = []
    prose: list[str] = []
    position, is_behind = 0, False
    while tag := tags.search(text, position):
        prose.append(text[position : tag.start()])
        closes = tag[0] in _ENDS.values()
        try:
            position = tag.end() if closes else _behind(text, tag, calls, block)
        except (ValueError, RecursionError) as error:
            # The block may be part of reasoning that the prompt opened: then a closing tag follows,
            # once.
            end = None if is_behind or tag[0] in _ENDS else CLOSING.search(text, tag.end())
            if not end:
                return Parsed([], text.strip(), reason(error))
            position, closes, is_behind = end.end(), True, True
        if closes:
            calls, prose = [], []
    prose.append(text[position:])
    return Parsed(calls, "".join(prose).strip())


def read_whole(text: str, read_answer: Callable[[str], Parsed]) -> Parsed:
    """The same for formats without markup, in which an answer is calls from beginning to end, or
    none.

    `read_answer` is given the answer, stripped; where it finds no call, also what stands behind a
    closing tag.
    """
    position = 0
    if opening := _OPENING.match(text):
        try:
            position = _closed(text, opening[1], opening.end())
        except ValueError as error:
            return Parsed([], text.strip(), reason(error))
    answer = text[position:].strip()
    parsed = read_answer(answer)
    if not parsed.calls and (end := CLOSING.search(answer)):
        return read_answer(answer[end.end() :].strip())
    return parsed


def _behind(text: str, tag: re.Match[str], calls: list[ToolCall], block: Block) -> int:
    return _closed(text, tag[0], tag.end()) if tag[0] in _ENDS else block(text, tag, calls)


def _closed(text: str, opening: str, start: int) -> int:
    """The position behind the end of the reasoning that begins here."""
    end = text.find(_ENDS[opening], start)
    if end < 0:
        raise ValueError("the reasoning is never closed")
    return end + len(_ENDS[opening])
