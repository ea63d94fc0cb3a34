"""How an answer ended, in the words of any server."""

import pytest

from swiftkit.records import Response
from swiftkit.scoring.ending import CUT, EMPTY, FILTERED, ending_of


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("length", CUT),
        ("max_tokens", CUT),  # Anthropic, Bedrock
        ("MAX_TOKENS", CUT),  # Gemini, Cohere
        ("model_length", CUT),  # Mistral
        ("content_filter", FILTERED),
        ("SAFETY", FILTERED),  # Gemini
        ("sensitive", FILTERED),  # GLM
        ("guardrail_intervened", FILTERED),  # Bedrock
        *((reason, EMPTY) for reason in ("stop", "eos_token", "end_turn", "tool_calls", "", "odd")),
    ],
)
def test_each_word_for_an_end_is_known(reason: str, ending: str) -> None:
    """Otherwise an answer that was cut or held back counts as plainly wrong."""
    assert ending_of(Response("a", finish_reason=reason)) == ending
    is_special = ending != EMPTY
    assert ending_of(Response("a", text="42", finish_reason=reason)) == ending * is_special
