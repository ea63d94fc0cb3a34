r"""Harmony as a server leaves it that skips special tokens.

Only the words of the headers still part the messages:

    analysisreasoningassistant to=functions.weathercommentary json{"city": "北京"}
    analysisreasoningassistantcommentary to=functions.weather json{"city": "北京"}
    analysisreasoningassistantfinaltext

The chat template writes calls in the first order, the model in the second. A message ends at the
next `assistant` that a channel or a recipient follows at once; a call ends with its JSON, whatever
its strings hold; a final answer, whose end nothing marks, takes all that follows.
"""

import re

from swiftkit.toolcall.harmony.header import CHANNELS, AnswerParts, MessageHeader, read_call

_LEAD = re.compile(r"\s*+(?:assistant)?+")
_NEXT = re.compile(r"assistant(?= to=|analysis|commentary|final)")
_BEGINNING = re.compile(  # with a call's header as its group, or of another message
    r"\s*+(?:((?:assistant)?(?:(?:analysis|commentary) | ?)to=functions\.)"
    r"|analysis|commentary|assistant(?=analysis|commentary|final))"
)
# Not "finally" or "analysis of": text that follows its channel's name at once begins as an answer
# does.
_LIKELY = re.compile(
    r'\s*+(?:(?:analysis|final)(?=[A-Z0-9*#"{$|]|[^\x00-\x7f\s])'
    r"|(?:(?:analysis|commentary) )?to=\w)"
)
# A call's header in the two orders, each with the usual content type and without. With it any name
# can be read, for it ends at the white space before `json` (and in the first order with the
# channel's name).
_CALL_HEADERS = (
    re.compile(r" ?to=(\S*)(?:analysis|commentary) json"),
    re.compile(r"(?:analysis|commentary) to=(\S*) (?:json|code)"),
    re.compile(r" ?to=([^\s{]*?)(?:analysis|commentary)(?:json)?(?=\s*\{)"),
    # fjson{ is f, but read_json{ is itself
    re.compile(r"(?:analysis|commentary) to=([^\s{]*?)(?:(?<=[^\W_])json)?(?=\s*\{)"),
)
_NO_RECIPIENT = re.compile(r"commentary json\s*\{")
# the header of the next turn, where a server stopped
_OTHER_ROLE = re.compile(
    r"(?:user|system|developer|tool|functions\.\S+ to=assistant(?:commentary)?)\s*\Z"
)


def is_sure(text: str) -> bool:
    """Tell whether a text begins as only Harmony does. That is with a call of a function (in the
    marked form too), or with a channel's name and later another message's header
    (`analysis...assistantfinal...`)."""
    beginning = _BEGINNING.match(text)
    return beginning is not None and (beginning[1] is not None or _NEXT.search(text) is not None)


def is_likely(text: str) -> bool:
    """Tell whether a text that is known to be gpt-oss's has this form; `finalHello` is enough."""
    return is_sure(text) or bool(_LIKELY.match(text))


def read(text: str, parts: AnswerParts) -> bool:
    """Add what the answer holds to `parts`; False if it ends inside reasoning. Raises ValueError or
    RecursionError, which says why it is malformed."""
    lead: re.Match[str] | None = _LEAD.match(text)
    while lead:
        header = _header(text, lead.end())
        if header.recipient is not None:
            call, end = read_call(header.recipient, text, header.start)
            parts.calls.append(call)
            lead = _NEXT.match(text, end)
            if not lead and end < len(text) and not _OTHER_ROLE.match(text, end):
                raise ValueError("text after the call's JSON")
            continue
        lead = _NEXT.search(text, header.start) if header.channel != "final" else None
        parts.add(header, text[header.start : lead.start() if lead else len(text)])
        if not lead:
            return header.channel != "analysis"
    return True


def _header(text: str, position: int) -> MessageHeader:
    for pattern in _CALL_HEADERS:
        if match := pattern.match(text, position):
            return MessageHeader("commentary", match[1], match.end())
    channel = next((name for name in CHANNELS if text.startswith(name, position)), "")
    start = position + len(channel)
    if not channel or text.startswith(" to=", start):
        raise ValueError("the call's header cannot be read")
    if _NO_RECIPIENT.match(text, position):
        raise ValueError("a call without a recipient")
    return MessageHeader(channel, None, start)
