"""Reasoning: what an answer is without it, in each way in which models and prompts mark it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.toolcall import detect
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes
from swiftkit.toolcall.reasoning import TAGS
from swiftkit.toolcall.visible_text import visible_text

CALL = ToolCall("f", {"a": 1})


@pytest.mark.parametrize("opening", sorted(TAGS))
def test_reasoning_in_any_tags_is_no_answer(opening: str) -> None:
    """With the opening tag, behind white space, without it, and never closed."""
    closing = TAGS[opening]
    for text in (f"{opening}\n1\n{closing}\n\n2", f" \n{opening}1{closing}2", f"1{closing}2"):
        assert visible_text(text).strip() == "2"
        parsed = detect.parse(text)
        assert (parsed.content, parsed.reasoning, parsed.malformed) == ("2", "1", "")
    assert visible_text(f"{opening}1") == ""
    unclosed = detect.parse(f"{opening}1")
    assert (unclosed.content, unclosed.reasoning) == ("", "1")
    assert "never closed" in unclosed.malformed


@pytest.mark.parametrize("opening", sorted(TAGS))
def test_a_call_in_reasoning_does_not_count(opening: str) -> None:
    """The call behind the reasoning does, and the thought keeps its text."""
    text = hermes.render([CALL])
    for before in (opening, ""):
        thought = detect.parse(f"{before}{text}{TAGS[opening]}No.")
        assert (thought.calls, thought.content, thought.reasoning) == ([], "No.", text)
        parsed = detect.parse(f"{before}Hm.{TAGS[opening]}\n\n{text}")
        assert (parsed.calls, parsed.content, parsed.reasoning) == ([CALL], "", "Hm.")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "<|channel|>analysis<|message|>1<|end|><|start|>assistant<|channel|>final<|message|>2",
            "2",
        ),
        ("analysisHm, 1.assistantfinal2", "2"),
        ("<|channel|>analysis<|message|>1", ""),
        ("<think>1</think>\n\n2 <think> 3", "2 <think> 3"),
        ("1</think>1</think>2", "2"),
        ("2", "2"),
        (" 2\n", " 2\n"),
        ("", ""),
    ],
)
def test_visible_text(text: str, answer: str) -> None:
    """Harmony's final channel; text without reasoning as it stands."""
    assert visible_text(text) == answer


@given(st.lists(st.sampled_from([*TAGS, *TAGS.values(), "a", " ", "<|channel|>", "analysis"])))
def test_visible_text_never_raises(pieces: list[str]) -> None:
    """The answer is a part of the text, whatever it holds."""
    text = "".join(pieces)
    assert visible_text(text) in text
