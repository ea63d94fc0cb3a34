"""An answer without its reasoning, for whoever looks for a number, a word or a verdict in it."""

from swiftkit.toolcall.harmony import answer as harmony
from swiftkit.toolcall.harmony import stripped
from swiftkit.toolcall.reasoning import CLOSING, LEADING, TAGS

_HARMONY = (harmony.CHANNEL, harmony.START)


def visible_text(text: str) -> str:
    """Return an answer without its reasoning, Harmony's too; nothing where the reasoning never
    ends. Never raises."""
    if text.lstrip().startswith(_HARMONY) or stripped.is_sure(text):
        parsed = harmony.parse(text)
        return "" if parsed.malformed else parsed.content
    if opening := LEADING.match(text):
        closing = TAGS[opening[1]]
        return text[opening.end() :].partition(closing)[2].removeprefix("\n").removeprefix("\n")
    closings = list(CLOSING.finditer(text))
    return text[closings[-1].end() :] if closings else text
