"""The block scanner: calls stand in blocks that markup opens, the text around them is content, and
reasoning is set aside.

Reasoning stands between its tags (toolcall/reasoning.py), or is all that stands before a closing
tag whose opening tag was part of the prompt. A block is read, not searched for its end, so a string
in it may hold any markup.
"""

import re
from collections.abc import Callable

from swiftkit.errors import DataError
from swiftkit.json_text import reason
from swiftkit.toolcall.alternatives import any_of
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import (
    ANY_TAG,
    CLOSING,
    CLOSING_TAGS,
    OPENING,
    TAGS,
    may_close,
    stripped_thought,
    without_answer_tags,
    without_cut_tag,
)
from swiftkit.toolcall.scanners.endings import without_stops

# The characters of a name in a header that is not JSON; white space at its ends is no part of it.
NAME = r'[^<>{}\[\]"\r\n]++'
# A keyword begins a line, or follows reasoning at once. A JSON string holds no line break, so none
# is quoted.
_BEHIND_REASONING = "|".join(f"(?<={re.escape(tag)})" for tag in TAGS.values())
LINE_START = rf"(?:^|{_BEHIND_REASONING})[ \t]*+"
_REASONING = re.compile(ANY_TAG)
_FENCE = re.compile(r"```\w*+\s*+")
Span = tuple[int, int]
# Reads the block that a piece of markup opens, adds its calls, and returns the position behind it.
# Raises ValueError or RecursionError where the block cannot be read, which says why; stray and
# closing markup is such a case too.
BlockReader = Callable[[str, re.Match[str], list[ToolCall]], int]


def check_name(name: str, format_name: str) -> None:
    """Raise DataError (bad_call) for a name that a header outside of JSON cannot carry."""
    if not re.fullmatch(NAME, name) or name != name.strip():
        fix = 'give the tool a name of one line, without < > { } [ ] " and space around it'
        raise DataError(f"{format_name} cannot write a call of {name!r}", "bad_call", fix)


def markup(*tags: str) -> re.Pattern[str]:
    """Return a pattern of these tags and those of reasoning."""
    return re.compile(any_of((*tags, *TAGS, *CLOSING_TAGS)))


def read(text: str, tags: re.Pattern[str], read_block: BlockReader) -> Parsed:
    """Read the calls of an answer whose markup `tags` finds.

    Never raises, and takes time linear in the text's length. Unclosed, stray, nested or broken
    markup makes the whole answer malformed; its content is the whole text then, but for reasoning
    that is never closed and for a mark that nothing follows.
    """
    calls: list[ToolCall] = []
    prose: list[str] = []
    # (start, end) of each: a text of closing tags alone would be copied at each of them
    thoughts: list[Span] = []
    position = 0
    is_behind_reasoning = False
    while tag := tags.search(text, position):
        prose.append(text[position : tag.start()])
        mark = tag[0]
        closing = tag if mark in CLOSING_TAGS else None
        try:
            if closing:
                position = tag.end()
            elif mark in TAGS:
                position = _end_of_reasoning(text, tag)
                is_behind_reasoning = True
                thoughts.append((tag.end(), position - len(TAGS[mark])))
            else:
                position = read_block(text, tag, calls)
        except (ValueError, RecursionError) as error:
            # The block may be part of reasoning that the prompt opened: then a closing tag follows,
            # once, and no reasoning has been closed before it.
            is_answer = is_behind_reasoning or mark in TAGS
            closing = None if is_answer else CLOSING.search(text, tag.end())
            if not closing:
                return _malformed(text, tag, prose, thoughts, reason(error))
            position = closing.end()
            is_behind_reasoning = True
        if closing:  # all before it was reasoning
            calls, prose = [], []
            thoughts = [(0, closing.start())]
    prose.append(text[position:])
    content = "".join(prose).strip()
    if content and calls:
        content = without_stops(content)
    if content:
        content = without_answer_tags(content, is_behind_reasoning=bool(thoughts))
    return Parsed(calls, content, "", _joined(text, thoughts) if thoughts else "")


def _malformed(
    text: str, tag: re.Match[str], prose: list[str], thoughts: list[Span], problem: str
) -> Parsed:
    """Return the answer whose markup cannot be read from this tag on."""
    if tag[0] in TAGS:
        thought = without_cut_tag(text[tag.end() :], TAGS[tag[0]])
        thoughts.append((tag.end(), tag.end() + len(thought)))
        return Parsed([], "".join(prose).strip(), problem, _joined(text, thoughts))
    if not text[tag.end() :].strip():
        return Parsed([], "".join(prose).strip(), problem, _joined(text, thoughts))
    return Parsed([], text.strip(), problem)


def _joined(text: str, thoughts: list[Span]) -> str:
    stripped = [stripped_thought(text[start:end]) for start, end in thoughts]
    return "\n".join(filter(None, stripped))


def read_whole(text: str, read_answer: Callable[[str], Parsed]) -> Parsed:
    """Read an answer in a format without markup: calls from beginning to end, or none.

    `read_answer` gets the answer without its reasoning and its stop tokens, stripped; where it
    finds no call, also what stands behind a closing tag of reasoning. Never raises, if
    `read_answer` does not.
    """
    answer = without_stops(text.lstrip())
    thought = ""
    if opening := OPENING.match(answer):
        try:
            end = _end_of_reasoning(answer, opening)
        except ValueError as error:
            thought = without_cut_tag(answer[opening.end() :], TAGS[opening[0]])
            return Parsed([], "", reason(error), thought.strip())
        thought = answer[opening.end() : end - len(TAGS[opening[0]])]
        answer = without_answer_tags(answer[end:].strip(), is_behind_reasoning=True)
        if OPENING.match(answer):  # reasoning again
            rest = read_content(answer)
            if rest.malformed:
                return rest
            thought, answer = f"{thought.strip()}\n{rest.reasoning}", rest.content
    parsed = read_answer(answer)
    closing = None
    if not parsed.calls and may_close(answer):
        closing = CLOSING.search(answer)
    if closing:
        thought = answer[: closing.start()]
        answer = without_answer_tags(answer[closing.end() :].strip(), is_behind_reasoning=True)
        parsed = read_answer(answer)
    if not thought:
        return parsed
    return Parsed(parsed.calls, parsed.content, parsed.malformed, thought.strip())


def without_fence(answer: str) -> str:
    """Return what stands in the one fence that an answer is; any other answer as it is."""
    fence = _FENCE.match(answer)
    is_fenced = fence and answer.endswith("```") and len(answer) >= fence.end() + 3
    return answer[fence.end() : -3].rstrip() if fence and is_fenced else answer


def read_content(text: str) -> Parsed:
    """Read an answer without markup of calls: its content, or malformed reasoning."""
    return read(text, _REASONING, _no_block)


def _no_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:  # noqa: ARG001
    raise AssertionError("only tags of reasoning are searched")


def _end_of_reasoning(text: str, opening: re.Match[str]) -> int:
    """Return the position behind the end of the reasoning that begins here."""
    closing = TAGS[opening[0]]
    end = text.find(closing, opening.end())
    if end < 0:
        raise ValueError("the reasoning is never closed")
    return end + len(closing)
