"""The tokens at which models stop, which a server may leave at the end of an answer."""

import re

from swiftkit.toolcall.alternatives import any_of

STOPS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eot|>",
    "<|eom|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end_of_turn|>",
    "<end_of_turn>",
    "<turn|>",
    "<eos>",
    "</s>",
    "<｜end▁of▁sentence｜>",
    "<|END_OF_TURN_TOKEN|>",
    "<|assistant_end|>",
    "<|message_sep|>",
    "<|user|>",
    "<|end_of_msg|>",
    "<seed:eos>",
    "[e~[",
    # closing tags of calls that mostly have none: Phi-4-mini's and Glaive's
    "<|/tool_call|>",
    "</function_call>",
)
AT_END = rf"\s*+(?:(?:{any_of(STOPS)})\s*+)*+\Z"
_AT_END = re.compile(AT_END)


def without_stops(text: str) -> str:
    """Return the text without such tokens, and without white space, at its end."""
    end = len(text.rstrip())
    while text.endswith(STOPS, 0, end):
        length = max(len(stop) for stop in STOPS if text.endswith(stop, 0, end))
        end -= length
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end]


def is_end(text: str, position: int) -> bool:
    """Tell whether nothing but such tokens follows in the text."""
    return _AT_END.match(text, position) is not None
