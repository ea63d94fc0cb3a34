"""Read the calls of a response that an endpoint served."""

import re
from collections.abc import Callable

from swiftkit.records import Response
from swiftkit.toolcall.call import UNREAD, Parsed

# not the XML that other templates write inside the same tag
_HERMES = re.compile(r"<tool_call>\s*\{")


def read_answer(response: Response, parse: Callable[[str], Parsed]) -> Parsed:
    """Return what a response says; `parse` reads its text.

    The calls that the endpoint gave count, and without any, the text. `swift deploy` without
    swiftkit's plugin leaves the Hermes markup in the text beside `tool_calls`, which lack the
    blocks that it could not read: there the text is judged, as the GRPO reward judges it, unless
    the row's format finds nothing of its own in it, which is a quotation of that markup.

    An answer that was cut off before it said anything ended inside its reasoning, which the
    endpoint sets apart: that is malformed, as it is to the reward, and no silence.
    """
    if response.finish_reason == "length" and not response.text and not response.tool_calls:
        return Parsed([], "", "the answer ends inside its reasoning")
    if is_text_judged(response):
        parsed = parse(response.text)
        is_unread = parsed.malformed.startswith(UNREAD)
        is_own = parsed.calls or parsed.reasoning or (parsed.malformed and not is_unread)
        if is_own or not response.tool_calls:
            return parsed
    return Parsed(response.tool_calls or [], response.text)


def is_text_judged(response: Response) -> bool:
    """Tell if the calls of a response are those of its text."""
    return response.tool_calls is None or bool(_HERMES.search(response.text))
