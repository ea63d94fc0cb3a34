"""Read the calls of a response that an endpoint served."""

import re
from collections.abc import Callable

from swiftkit.records import Response
from swiftkit.toolcall.call import Parsed

# not the XML that other templates write inside the same tag
_HERMES = re.compile(r"<tool_call>\s*\{")


def read_answer(response: Response, parse: Callable[[str], Parsed]) -> Parsed:
    """Return what a response says; `parse` reads its text.

    `swift deploy` leaves the Hermes markup in the text beside `tool_calls`, which lack the blocks
    that it could not read: there the text is judged, as the GRPO reward judges it. Elsewhere the
    calls that the endpoint gave count, and without any, the text.
    """
    if is_text_judged(response):
        return parse(response.text)
    return Parsed(response.tool_calls or [], response.text)


def is_text_judged(response: Response) -> bool:
    """Tell if the calls of a response are those of its text."""
    return response.tool_calls is None or bool(_HERMES.search(response.text))
