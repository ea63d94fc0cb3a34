"""Reasoning: what an answer is without it, in each way in which models and prompts mark it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.toolcall import detect
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import hermes
from swiftkit.toolcall.reasoning import ANSWER_TAGS, TAGS, may_close
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


@pytest.mark.parametrize("opening", sorted(TAGS))
def test_a_half_closing_tag_is_no_thought(opening: str) -> None:
    """An answer that is cut inside the tag that closes its reasoning."""
    for length in range(2, len(TAGS[opening])):
        parsed = detect.parse(f"{opening}1 < 2{TAGS[opening][:length]}")
        assert (parsed.content, parsed.reasoning, bool(parsed.malformed)) == ("", "1 < 2", True)


@pytest.mark.parametrize("opening", sorted(ANSWER_TAGS))
def test_an_answer_is_what_stands_inside_its_tags(opening: str) -> None:
    """Behind reasoning, whoever closed them; calls in them count."""
    closing = ANSWER_TAGS[opening]
    for text in (f"{opening}\n2\n{closing}", f"\n{opening}2{closing}\n", f"{opening}2"):
        for before in ("<think>1</think>", "1</think>\n"):
            assert visible_text(before + text) == "2"
            assert detect.parse(before + text).content == "2"
    if not opening.startswith("<|open|>"):
        text = f"<think>1</think>{opening}{hermes.render([CALL])}{closing}"
        assert detect.parse(text) == Parsed([CALL], "", "", "1")


def test_tags_of_an_answer_without_reasoning_are_its_words_unless_they_are_tokens() -> None:
    """`<answer>` may be what a prompt asks for."""
    assert visible_text("<answer>2</answer>") == "<answer>2</answer>"
    assert visible_text("<|START_RESPONSE|>2<|END_RESPONSE|>") == "2"
    assert visible_text("<think>1</think><answer> is a tag") == "is a tag"


def test_apertus_calls_inside_its_reasoning_count() -> None:
    """Its template puts them there; a call that a string quotes does not."""
    calls = '<|tools_prefix|>[{"f": {"a": 1}}]<|tools_suffix|>'
    for text in (
        f"<|inner_prefix|>Hm.{calls}<|inner_suffix|>",
        f"<|inner_prefix|>Hm.{calls}<|assistant_end|>",
        f"<|inner_prefix|>H<|inner_suffix|><|inner_prefix|>m.{calls}",
    ):
        parsed = detect.parse(text)
        assert (parsed.calls, parsed.content, parsed.malformed) == ([CALL], "", "")
        assert parsed.reasoning.replace("\n", "") == "Hm."
    quoted = calls.replace("1", '"<|inner_suffix|><|tools_prefix|>"')
    found = detect.parse(f"<|inner_prefix|>Hm.{quoted}<|inner_suffix|>Well.")
    assert found.calls == [ToolCall("f", {"a": "<|inner_suffix|><|tools_prefix|>"})]
    assert (found.content, found.reasoning) == ("Well.", "Hm.")
    for broken in ("<|inner_prefix|>Hm.<|tools_prefix|>[", "<|inner_prefix|>Hm."):
        assert detect.parse(broken).calls == []
        assert detect.parse(broken).malformed


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<|open|>response<|sep|>2<|close|>response<|sep|><|close|>message<|sep|>", "2"),
        ("1<|close|>think<|sep|><|open|>response<|sep|>2<|close|>response<|sep|>", "2"),
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


@pytest.mark.parametrize("tag", sorted(TAGS.values()))
def test_may_close_sees_each_closing_tag(tag: str) -> None:
    assert may_close(f"a{tag}b")
