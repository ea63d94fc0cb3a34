"""Harmony whose special tokens a server has skipped; the round trips are in test_answer.py."""

import pytest

from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.harmony import answer as harmony

BARE = ' to=functions.fcommentary json{"a": 1}'
CALL = ToolCall("f", {"a": 1})


@pytest.mark.parametrize(
    ("text", "content", "reasoning"),
    [
        (BARE, "", ""),
        (BARE.strip(), "", ""),
        (f"assistant{BARE}\n", "", ""),
        (BARE.replace("commentary", "analysis"), "", ""),
        (BARE.replace(" json", ""), "", ""),
        (f"{BARE}user", "", ""),
        (f"{BARE}functions.f to=assistantcommentary", "", ""),
        (f"analysisI should...assistant{BARE}", "", "I should..."),
        ('analysisWe need...assistantcommentary to=functions.f json{"a":1}', "", "We need..."),
        ('commentary to=functions.f{"a": 1}', "", ""),
        ('commentary to=functions.fjson{"a": 1}', "", ""),
        ('commentary to=functions.f code{"a": 1}', "", ""),
        (f"commentaryLet me look.assistant{BARE}", "Let me look.", ""),
        (f"{BARE}assistantfinalDone.", "Done.", ""),
    ],
)
def test_parse_one_call_without_special_tokens(text: str, content: str, reasoning: str) -> None:
    """In either order, with any content type or none, after reasoning, before stop text: one
    call."""
    assert harmony.parse(text) == Parsed([CALL], content, "", reasoning)


@pytest.mark.parametrize(
    ("text", "content", "reasoning"),
    [
        ("finalHello", "Hello", ""),
        ("assistantfinalfine", "fine", ""),
        ("analysisfooassistantfinalHello", "Hello", "foo"),
        (
            "analysis fooassistantanalysisbarassistantfinalassistantfinal",
            "assistantfinal",
            " foo\nbar",
        ),
    ],
)
def test_parse_final_answers_without_special_tokens(
    text: str, content: str, reasoning: str
) -> None:
    """A final answer takes all that follows it."""
    assert harmony.parse(text) == Parsed([], content, "", reasoning)


@pytest.mark.parametrize(
    "text",
    ["finally, an analysis", "final", "analysis of the assistant", "analysis", "commentary", "to"],
)
def test_parse_text_that_begins_like_a_channel_is_content(text: str) -> None:
    """A text that begins with a channel's name by chance is plain."""
    assert harmony.parse(text) == Parsed([], text)


@pytest.mark.parametrize("before", ["", "_", "-", "."])
def test_a_name_that_ends_with_json(before: str) -> None:
    """With nothing between the name and the content type, `fjson` is f, but `read_json` is a name
    of its own."""
    (call,) = harmony.parse(f"commentary to=functions.read{before}json{{}}").calls
    assert call.name == (f"read{before}json" if before else "read")


def test_parse_reasoning_without_end_is_malformed() -> None:
    """An answer that is cut off while it thinks is malformed."""
    assert harmony.parse("analysisI think") == Parsed(
        [], "", "the answer ends inside its reasoning", "I think"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BARE.replace("1}", ""), "not valid JSON"),
        (BARE.replace("{", "f({"), "not valid JSON"),
        (BARE.replace('{"a": 1}', "[1]"), "not an object"),
        (BARE.replace("functions.f", "python"), "'python' is no function"),
        ('analysis to=browser.search json{"a": 1}', "'browser.search' is no function"),
        (BARE.replace("functions.f", "functions."), "no name"),
        ('analysisHm.assistantcommentary json{"a": 1}', "without a recipient"),
        (" to=functions.f", "header cannot be read"),
        ("commentary to=functions.f", "header cannot be read"),
        (f"{BARE}and", "text after the call's JSON"),
        (f"{BARE}{BARE}", "text after the call's JSON"),
        (f"{BARE}userAnd now?", "text after the call's JSON"),
    ],
)
def test_parse_broken_calls_is_malformed(text: str, reason: str) -> None:
    """Broken arguments and headers, no function, text behind a call: no calls, a reason,
    and the whole text, or the reasoning that stands before."""
    parsed = harmony.parse(text)
    content = "" if parsed.reasoning else text.strip()
    assert (parsed.calls, parsed.content) == ([], content)
    assert bool(parsed.reasoning) == ("analysis" in text and "Hm." in text)
    assert reason in parsed.malformed
