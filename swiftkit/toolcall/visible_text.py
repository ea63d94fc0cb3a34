"""An answer without its reasoning, for whoever looks for a number, a word or a verdict in it."""

from swiftkit.toolcall.harmony import answer as harmony
from swiftkit.toolcall.harmony import stripped
from swiftkit.toolcall.reasoning import CLOSING, LEADING, TAGS, without_answer_tags

_HARMONY = (harmony.CHANNEL, harmony.START)


def visible_text(text: str) -> str:
    """Return an answer without its reasoning, Harmony's too, and without the tags that it may stand
    in (reasoning.ANSWER_TAGS); nothing where the reasoning never ends. Never raises."""
    if text.lstrip().startswith(_HARMONY) or stripped.is_sure(text):
        parsed = harmony.parse(text)
        return "" if parsed.malformed else parsed.content
    answer = text
    if opening := LEADING.match(text):
        closing = TAGS[opening[1]]
        answer = text[opening.end() :].partition(closing)[2].removeprefix("\n").removeprefix("\n")
    elif closings := list(CLOSING.finditer(text)):
        answer = text[closings[-1].end() :]
    return without_answer_tags(answer, is_behind_reasoning=answer is not text)
