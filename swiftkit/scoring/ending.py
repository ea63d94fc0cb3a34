"""How an answer ended, where it did not simply end: cut, filtered or empty.

Such an answer is scored like any other, and counted: a wrong answer that was cut says nothing about
the model, only about the limit.
"""

from collections.abc import Iterable

from swiftkit.records import Response

CUT = "cut"  # at max_tokens
FILTERED = "filtered"  # by the endpoint's content filter
EMPTY = "empty"  # neither text nor call nor reasoning
ENDINGS = (CUT, FILTERED, EMPTY)  # an answer counts as the first that holds
# why an answer ended, in the words of all APIs: OpenAI says length and content_filter, gateways
# pass on what the model's own server says, in any case
CUT_WORDS = frozenset((
    "length", "max_tokens", "max_output_tokens", "max_length", "model_length",
    "model_context_window_exceeded", "incomplete",
))  # fmt: skip
FILTERED_WORDS = frozenset((
    "content_filter", "content_filtered", "guardrail_intervened", "refusal", "safety", "recitation",
    "sensitive", "blocklist", "prohibited_content", "spii", "blocked", "language", "image_safety",
))  # fmt: skip


def ending_of(response: Response, max_tokens: int | None = None) -> str:
    """Return how an answer ended: one of ENDINGS, or "".

    Some servers say `stop` whatever happened, so an answer of `max_tokens` tokens is cut too: one
    that ends by itself at the very limit is rare, and nothing tells it apart.
    """
    word = response.finish_reason.lower()
    if word in CUT_WORDS:
        return CUT
    if word in FILTERED_WORDS:
        return FILTERED
    if max_tokens and response.usage.get("completion_tokens", 0) >= max_tokens:
        return CUT
    if response.text.strip() or response.tool_calls or response.reasoning:
        return ""
    return EMPTY


def ending_of_all(endings: Iterable[str]) -> str:
    """Return how a conversation ended by the endings of its answers: the first of ENDINGS."""
    endings = set(endings)
    return next((ending for ending in ENDINGS if ending in endings), "")
