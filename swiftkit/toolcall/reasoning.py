r"""Reasoning beside an answer: apart in messages, inside the one text that a model writes.

    {"reasoning_content": "Two cities.", "content": "Paris and Rome."}
    "<think>\nTwo cities.\n</think>\n\nParis and Rome."

The text is how ms-swift and Qwen's chat template write it.
TAGS has what else models and prompts open it with; Harmony's analysis is read in harmony/. In an
answer the opening tag may be missing, where the prompt ended with it. Some families put the answer
in tags of its own, too (ANSWER_TAGS).

Source: the reasoning parsers of vLLM 0.33 and SGLang 0.5.23 (vllm/reasoning/, vllm/parser/,
sglang/srt/parser/reasoning_parser.py). Both end reasoning at some families' calls, too; here a
thought ends at its tag.
"""

import re
from collections.abc import Mapping
from typing import Any

from swiftkit.errors import DataError
from swiftkit.toolcall.alternatives import any_of

KEYS = ("reasoning_content", "reasoning", "thinking")
OPEN, CLOSE = "<think>", "</think>"
TAGS = {  # opening: closing
    OPEN: CLOSE,
    "[THINK]": "[/THINK]",  # Mistral
    "<thinking>": "</thinking>",  # prompts, as the next
    "<reasoning>": "</reasoning>",
    "<|channel>thought": "<channel|>",  # Gemma 4
    "<|open|>think<|sep|>": "<|close|>think<|sep|>",  # Kimi K3
    "<seed:think>": "</seed:think>",  # Seed-OSS
    "<longcat_think>": "</longcat_think>",
    "<mm:think>": "</mm:think>",  # MiniMax-M3
    "<think:opensource>": "</think:opensource>",  # Hunyuan V3
    "<|START_THINKING|>": "<|END_THINKING|>",  # Command A
    "<|inner_prefix|>": "<|inner_suffix|>",  # Apertus
    "◁think▷": "◁/think▷",  # Kimi-VL
}
# what the answer behind the reasoning may stand in
ANSWER_TAGS = {
    "<answer>": "</answer>",  # Hunyuan, and prompts
    "<response>": "</response>",  # ERNIE 4.5, and prompts
    "<|START_RESPONSE|>": "<|END_RESPONSE|>",  # Command A, as the next
    "<|START_TEXT|>": "<|END_TEXT|>",
    "<|open|>response<|sep|>": "<|close|>response<|sep|>",  # Kimi K3
}
CLOSING_TAGS = frozenset(TAGS.values())
OPENING = re.compile(any_of(TAGS))
CLOSING = re.compile(any_of(TAGS.values()))
# each closing tag has one of these in it: to look for them takes a fifth of the time
IN_CLOSING = ("hink", "THINK", "reasoning>", "channel|", "inner_suffix")
ANY_TAG = any_of([*TAGS, *TAGS.values()])
LEADING = re.compile(rf"\s*+({OPENING.pattern})")
_ANSWER = re.compile(rf"\s*+({any_of(ANSWER_TAGS)})")


def may_close(text: str) -> bool:
    """Tell if a text may hold a closing tag."""
    for part in IN_CLOSING:
        if part in text:
            return True
    return False


def reasoning_of(message: Mapping[str, Any], where: str) -> str | None:
    """Return the reasoning of a message, under whichever of its names; None without one. Raises
    DataError (two_reasonings)."""
    reasonings = {message[key] for key in KEYS if isinstance(message.get(key), str)}
    if len(reasonings) > 1:
        fix = f"keep one of {', '.join(KEYS)}"
        raise DataError(f"{where}: two different reasonings", "two_reasonings", fix)
    return reasonings.pop() if reasonings else None


def join(reasoning: str, answer: str, where: str) -> str:
    """Return one text, from which `split` gives both back. Raises DataError (bad_reasoning) for a
    reasoning that holds the closing tag."""
    if CLOSE in reasoning:
        reason = f"{where}: the reasoning holds {CLOSE}"
        raise DataError(reason, "bad_reasoning", "take the tag out of it")
    return f"{OPEN}\n{reasoning}\n{CLOSE}\n\n{answer}"


def split(text: str, where: str) -> tuple[str | None, str]:
    """Return (reasoning, answer) of one text.

    The reasoning is None where the text does not begin with one, or with an empty one. Raises
    DataError (open_reasoning) where it is never closed.
    """
    if not text.startswith(OPEN):
        return None, text
    inner, closed, answer = text.removeprefix(OPEN).partition(CLOSE)
    if not closed:
        reason = f"{where}: {OPEN} is never closed"
        raise DataError(reason, "open_reasoning", f"close it with {CLOSE}")
    reasoning = inner.removeprefix("\n").removesuffix("\n")
    return reasoning or None, answer.removeprefix("\n").removeprefix("\n")


def stripped_thought(text: str) -> str:
    """Return reasoning without the tag that may open it, and without white space around it."""
    opening = LEADING.match(text)
    return text[opening.end() if opening else 0 :].strip()


def without_cut_tag(thought: str, closing: str) -> str:
    """Return reasoning that is never closed, without the half of its closing tag that it may end
    with."""
    for length in range(len(closing) - 1, 1, -1):
        if thought.endswith(closing[:length]):
            return thought[:-length]
    return thought


def without_answer_tags(answer: str, *, is_behind_reasoning: bool) -> str:
    """Return what stands inside the tags that an answer begins with; any other answer as it is.

    Tags that are no tokens are an answer's own words where no reasoning stands before them.
    """
    opening = _ANSWER.match(answer)
    if not opening or not (is_behind_reasoning or opening[1].startswith("<|")):
        return answer
    return answer[opening.end() :].partition(ANSWER_TAGS[opening[1]])[0].strip()
