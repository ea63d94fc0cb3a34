"""Which wire format a model's answer is written in, and what it says.

The first rule that holds:

1. Harmony, if the text begins as only Harmony does: with a call's header (` to=functions.`, also behind `assistant`,
   `analysis` or `commentary`), or with a channel's name and later another message's (`analysis...assistantfinal`, which
   a server leaves that skips special tokens). A beginning like `finalHello` is too weak a sign.
2. Harmony, if one of its tokens (<|start|>, <|channel|>, <|message|>) comes before any tag of Hermes (<tool_call>,
   <think>); Hermes, if the tag comes first. So a call in either format may quote the other in its strings.
3. Hermes, also for text without any markup, which is content in both.
"""

import re

from swiftkit.toolcall import harmony, harmony_stripped, hermes
from swiftkit.toolcall.call import Parsed

_MARKUP = re.compile(r"(<\|(?:start|channel|message)\|>)|</?(?:think|tool_call)>")


def parse(text: str) -> Parsed:
    """Read a model's answer in the format that it is written in. Never raises."""
    return harmony.parse(text) if is_harmony(text) else hermes.parse(text)


def is_harmony(text: str) -> bool:
    if harmony_stripped.is_sure(text):
        return True
    first = _MARKUP.search(text) if "<|" in text else None
    return first is not None and first[1] is not None
