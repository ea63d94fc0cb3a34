"""Detection of the wire format: by the answer's beginning, else by the markup that comes first."""

import pytest
from helpers.call_strategies import MARKUP, any_calls
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_text
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import hermes
from swiftkit.toolcall.harmony import answer as harmony
from swiftkit.toolcall.wire_format import load_all

CALL = ToolCall("f", {"a": 1})
FORMATS = load_all()
HERMES, HARMONY = hermes.render([CALL]), harmony.render([CALL])
OWN = '<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a": 1}<|call|>'
THOUGHT = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
BARE = ' to=functions.fcommentary json{"a": 1}'


@pytest.mark.parametrize(
    "text",
    [
        HARMONY,
        OWN,
        THOUGHT + OWN,
        f"<|start|>assistant{HARMONY}",
        BARE,
        BARE.strip(),
        f"\nassistant{BARE}",
        'commentary to=functions.f json{"a": 1}',
        f"analysisHm.assistant{BARE}",
        f"commentaryLet me look.assistant{BARE}",
        HERMES,
        f"<think>\nHm.\n</think>\n\n{HERMES}",
        f"Let me look.\n{HERMES}",
    ],
)
def test_parse_finds_the_call_in_any_form(text: str) -> None:
    """One call, in whichever format it is written."""
    assert detect.parse(text).calls == [CALL]
    assert (detect.format_of(text) == "harmony") == ("<tool_call>" not in text)


@pytest.mark.parametrize(
    "quoted",
    [HERMES, HARMONY, OWN, BARE, THOUGHT, "<think>", "</think>", "<|channel|>", "assistantfinal"],
)
def test_a_call_may_quote_the_other_format(quoted: str) -> None:
    """Markup inside a string argument decides nothing: the call's own markup comes first."""
    call = ToolCall("f", {"a": quoted, quoted: 1})
    bare = (
        harmony.render([call]).partition("<|channel|>")[0]
        + "commentary json"
        + hermes_arguments(call)
    )
    assert (
        detect.parse(hermes.render([call]))
        == detect.parse(harmony.render([call]))
        == detect.parse(bare)
        == Parsed([call])
    )
    assert detect.parse(f"<think>{quoted.replace('</think>', '')}</think>{HERMES}").calls == [CALL]


def hermes_arguments(call: ToolCall) -> str:
    """The JSON of the arguments, as both formats write it."""
    return hermes.render([call]).partition('"arguments": ')[2].rpartition("}\n")[0]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("analysisHm.assistantfinalHello", "Hello"),
        ("assistantfinalHello", "Hello"),
        (f"{THOUGHT}<|channel|>final<|message|>{HERMES}", HERMES),
        ("finalHello", "finalHello"),
        ("analysis of it", "analysis of it"),
        ("The assistant to=functions.f", "The assistant to=functions.f"),
        (" Hello<|im_end|>", "Hello<|im_end|>"),
        ("Hello<|end|>", "Hello<|end|>"),
        ("", ""),
    ],
)
def test_parse_without_strong_signs_is_content(text: str, content: str) -> None:
    """Text without strong signs of Harmony is Hermes' content; a final answer is Harmony's,
    whatever it quotes."""
    parsed = detect.parse(text)
    assert (parsed.calls, parsed.content, parsed.malformed) == ([], content, "")


def test_the_first_markup_decides() -> None:
    """Behind one format's markup the other's is text: malformed where it is out of place."""
    assert detect.parse(f"{HERMES}{OWN}") == Parsed([CALL], OWN)
    assert "text between" in detect.parse(f"{OWN}{HERMES}").malformed


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*MARKUP, HERMES, HARMONY, OWN, BARE, THOUGHT, "analysis", "assistant"]),
        max_size=10,
    )
)
def test_parse_any_mixture_never_raises(pieces: list[str]) -> None:
    """Arbitrary mixtures give calls or a reason, never both."""
    parsed = detect.parse("".join(pieces))
    assert not (parsed.calls and parsed.malformed)


@settings(max_examples=200, deadline=None)
@given(st.lists(any_calls, max_size=3))
def test_parse_reads_hermes_as_hermes_does(calls: list[ToolCall]) -> None:
    """Whatever a Hermes call holds, it is read as hermes.parse reads it."""
    text = hermes.render(calls)
    assert detect.parse(text) == hermes.parse(text)


def test_score_text_reads_hermes_and_harmony() -> None:
    """A right call scores 1 in every form, a malformed one 0."""
    gold = gold_from('[{"name": "f", "arguments": {"a": 1}}]', "test")
    assert [
        score_text(text, gold).value for text in (HERMES, HARMONY, OWN, BARE, THOUGHT + OWN)
    ] == [1.0] * 5
    assert (
        "inside its reasoning" in score_text(f"<|channel|>analysis<|message|>{BARE}", gold).reason
    )


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_leading_mark_hides_no_whole_answer(name: str) -> None:
    """An answer that is calls from beginning to end in one format is read so, also where it begins
    with the mark of another, which detection hands to the mark's owner at once."""
    for form in FORMATS.values():
        for mark in FORMATS[name].SIGNS.opening:
            text = mark + form.render([CALL])
            for other in FORMATS.values():
                if other.SIGNS.whole and other.SIGNS.whole.read(text).calls:
                    assert detect.parse(text).calls == other.SIGNS.whole.read(text).calls
