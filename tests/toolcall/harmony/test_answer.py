"""The Harmony format: round trips with and without special tokens, hostile text, and what counts as
a call."""

import json
import re

import pytest
from helpers.call_strategies import json_values, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.harmony import answer as harmony

F = ' to=functions.f<|channel|>commentary json<|message|>{"a": 1}<|call|>'
OWN = '<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a": 1}<|call|>'
BARE = ' to=functions.fcommentary json{"a": 1}'
THOUGHT = "<|channel|>analysis<|message|>I should...<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>Hello"
CALL = ToolCall("f", {"a": 1})

TOKENS = "<|start|> <|channel|> <|constrain|> <|message|> <|end|> <|call|> <|return|> <|endoftext|>".split()
WORDS = [*'assistant analysis commentary final json functions. user f { } " <'.split(), " to=", " "]
MARKUP = [
    *TOKENS,
    *WORDS,
    "assistantfinal",
    "assistant to=functions.x",
    F,
    OWN,
    BARE,
    THOUGHT,
    FINAL,
]
markup = st.lists(st.sampled_from(MARKUP), max_size=5).map("".join)
hostile = st.recursive(
    markup, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(markup, inner, max_size=2)
)
arguments = st.dictionaries(texts | markup, json_values | hostile, max_size=3)
some_names = st.sampled_from(
    "f a.b-c_2 add_commentary commentary analysis read_json json final assistant".split()
)
any_names = st.lists(
    st.sampled_from([*WORDS, "|>", "é", "\ud800"]) | st.text(max_size=3), min_size=1
).map("".join)
good_names = some_names | any_names.filter(
    lambda name: name and "<|" not in name and name.split() == [name]
)
any_calls = st.lists(st.builds(ToolCall, good_names, arguments), max_size=4)
pieces = st.lists(
    st.sampled_from([*MARKUP, "[" * 50, "1e999", "NaN", "\n"]) | st.text(max_size=3), max_size=14
)


def in_own_order(call: ToolCall) -> list[str]:
    """A call as gpt-oss writes it; the control tokens are pieces of their own."""
    head = [
        "<|channel|>",
        f"commentary to=functions.{call.name} ",
        "<|constrain|>",
        "json",
        "<|message|>",
    ]
    return [*head, json.dumps(call.arguments), "<|call|>"]


def in_template_order(call: ToolCall) -> list[str]:
    """As the chat template writes it, but for lone surrogates, which no file could hold."""
    head = [f" to=functions.{call.name}", "<|channel|>", "commentary json", "<|message|>"]
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    arguments = re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):x}", arguments)
    return [*head, arguments, "<|call|>"]


def text_of(calls: list[list[str]], stripped: bool = False) -> str:
    """The calls as one answer, or what is left of it where the control tokens, and only these, are
    skipped."""
    joined = [piece for call in calls for piece in ("<|start|>", "assistant", *call)][2:]
    return "".join(piece for piece in joined if not (stripped and piece in TOKENS))


def test_render_writes_as_the_chat_template_does() -> None:
    """Each call is a message; characters stay as they are, json.dumps' own separators."""
    second = ' to=functions.g<|channel|>commentary json<|message|>{"城市": "北京", "n": [1, 2.0]}<|call|>'
    calls = [CALL, ToolCall("g", {"城市": "北京", "n": [1, 2.0]})]
    assert harmony.render(calls) == f"{F}<|start|>assistant{second}"
    assert harmony.render([]) == ""


@pytest.mark.parametrize("name", ["", "a b", "a\n", "\u3000", "a<|channel|>", "<|"])
def test_render_refuses_names_that_end_a_header(name: str) -> None:
    """A name that would end its header early is refused, with what to do."""
    with pytest.raises(DataError, match="white space") as caught:
        harmony.render([ToolCall(name, {})])
    assert caught.value.code == "bad_call"


@settings(max_examples=500, deadline=None)
@given(any_calls)
def test_rendered_calls_read_back(calls: list[ToolCall]) -> None:
    """parse(render(calls)) gives the calls back, whatever their strings hold."""
    text = harmony.render(calls)
    assert text == text_of([in_template_order(call) for call in calls])
    assert harmony.parse(text) == Parsed(calls)
    assert not calls or harmony.parse(f"<|start|>assistant{text}") == Parsed(calls)


@settings(max_examples=500, deadline=None)
@given(any_calls)
def test_rendered_calls_read_back_without_special_tokens(calls: list[ToolCall]) -> None:
    """Calls whose special tokens a server has skipped read back too, behind reasoning or not."""
    text = text_of([in_template_order(call) for call in calls], stripped=True)
    assert harmony.parse(text) == Parsed(calls)
    assert not calls or harmony.parse(f"analysisHm.assistant{text}") == Parsed(
        calls, reasoning="Hm."
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.builds(ToolCall, good_names, arguments), max_size=4), st.booleans())
def test_calls_in_the_models_own_order_are_read(calls: list[ToolCall], stripped: bool) -> None:
    """The channel before the recipient, with and without special tokens."""
    assert harmony.parse(text_of([in_own_order(call) for call in calls], stripped)) == Parsed(calls)


@pytest.mark.parametrize(
    ("text", "content", "reasoning"),
    [
        (F, "", ""),
        (F.removesuffix("<|call|>"), "", ""),
        (F.replace("<|call|>", "<|end|>\n"), "", ""),
        (f"{F}<|endoftext|><|endoftext|>", "", ""),
        (f"<|start|>assistant{F}", "", ""),
        (f"assistant{F}", "", ""),
        (F.replace("commentary", "analysis"), "", ""),
        (F.replace("commentary json", "commentary"), "", ""),
        (F.replace("json", "<|constrain|>json"), "", ""),
        (F.replace("{", " \n{").replace("}", "}\n"), "", ""),
        (OWN, "", ""),
        (OWN.replace(" <|constrain|>json", ""), "", ""),
        (OWN.replace("f <|constrain|>json", "f<|constrain|>json"), "", ""),
        (OWN.replace("<|constrain|>json", "<|constrain|> json"), "", ""),
        (OWN.replace("<|constrain|>json", "code"), "", ""),
        (THOUGHT + F, "", "I should..."),
        (THOUGHT + THOUGHT + OWN, "", "I should...\nI should..."),
        (
            f"<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant{OWN}",
            "Let me look.",
            "",
        ),
        (f"{F}<|start|>assistant{FINAL} <|return|>", "Hello ", ""),
        (f"<|channel|>analysis<|message|>{BARE}<|end|><|start|>assistant{F}", "", BARE),
        (f"{F.removesuffix('<|call|>')}<|start|>assistant{FINAL}", "Hello", ""),
        (f"{F}<|start|>user", "", ""),
        (f"{F}<|start|>functions.f to=assistant", "", ""),
        (f"{F}<|start|>functions.f to=assistant<|channel|>commentary", "", ""),
    ],
)
def test_parse_one_call_in_any_surroundings(text: str, content: str, reasoning: str) -> None:
    """In either order, with or without end token, stop text, reasoning and other text: one call."""
    assert harmony.parse(text) == Parsed([CALL], content, "", reasoning)


@pytest.mark.parametrize(
    ("text", "content", "reasoning"),
    [
        ("", "", ""),
        (" Hello\n", "Hello", ""),
        (f"{FINAL}<|return|>", "Hello", ""),
        (f"{FINAL}\n<|end|>", "Hello\n", ""),
        (THOUGHT + FINAL, "Hello", "I should..."),
        (f"<|channel|>final<|message|><|end|><|start|>assistant{FINAL}", "Hello", ""),
        (
            f"<|channel|>commentary<|message|>Well.<|end|><|start|>assistant{FINAL}",
            "Well.\n\nHello",
            "",
        ),
        ('<|channel|>final <|constrain|>json<|message|>{"a": 1}<|return|>', '{"a": 1}', ""),
        ("<|channel|>analysis<|message|>I should...<|end|>", "", "I should..."),
        (f"<|channel|>final<|message|>{BARE}", BARE, ""),
    ],
)
def test_parse_answers_without_calls(text: str, content: str, reasoning: str) -> None:
    """Final answers, preambles, reasoning and plain text, each in its place."""
    assert harmony.parse(text) == Parsed([], content, "", reasoning)


def test_parse_reasoning_without_end_is_malformed() -> None:
    """An answer that is cut off while it thinks is malformed: its thoughts are no content, and no
    call."""
    parsed = harmony.parse(f"{F}<|start|>assistant<|channel|>analysis<|message|>I think {BARE}")
    assert (parsed.calls, parsed.content, parsed.reasoning) == ([], "", f"I think {BARE}")
    assert "inside its reasoning" in parsed.malformed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (F.replace("1}", ""), "not valid JSON"),
        (F.replace('{"a": 1}', ""), "not valid JSON"),
        (F.replace('{"a": 1}', "[1]"), "not an object"),
        (F.replace('{"a": 1}', '"{}"'), "not an object"),
        (F.replace("1}", "NaN}"), "NaN"),
        (F.replace("1}", "-Infinity}"), "Infinity"),
        (F.replace("1}", "1e999}"), "out of range"),
        (F.replace("1}", "9" * 10_000 + "}"), "integer"),
        (F.replace("1}", "[" * 100_000), "too deeply"),
        (F.replace("<|call|>", " and<|call|>"), "text after the call's JSON"),
        (F.replace("<|call|>", '{"a": 1}<|call|>'), "text after the call's JSON"),
        (F.replace("<|call|>", "<|message|>"), "text after the call's JSON"),
        (f"{F}and", "text between"),
        (f"{F}{F}", "text between"),
        (f"{FINAL}<|end|>{F}", "text between"),
        (f"Hello{F}", "cannot be read"),
        (f"Hello {OWN}", "cannot be read"),
        (F.replace("functions.f", "python"), "'python' is no function"),
        (OWN.replace("functions.f", "browser.search"), "'browser.search' is no function"),
        (F.replace("functions.f", "functions"), "'functions' is no function"),
        (F.replace("functions.f", ""), "'' is no function"),
        (F.replace("functions.f", "functions."), "no name"),
        (OWN.replace(" to=functions.f", ""), "without a recipient"),
        (OWN.replace("functions.f", "functions.f to=functions.g"), "cannot be read"),
        (F.replace("commentary", "commentary to=functions.f"), "cannot be read"),
        (F.replace("<|channel|>", "<|channel|>commentary<|channel|>"), "cannot be read"),
        (F.replace("<|channel|>commentary", ""), "cannot be read"),
        (F.replace("commentary", "final"), "final channel"),
        (F.replace("commentary", "thoughts"), "unknown channel 'thoughts'"),
        (f"{F}<|start|>assistant", "never reaches"),
        (f"{F}<|start|>assis", "never reaches"),
        (f"{THOUGHT}<|channel|>commentary to=func", "never reaches"),
        (f"{THOUGHT}<|end|>", "never reaches"),
        (f"{F}<|start|>user<|message|>And now?<|end|>", "in the name of 'user'"),
        (
            f"{F}<|start|>functions.f to=assistant<|channel|>commentary<|message|>2<|end|>",
            "name of 'functions.f'",
        ),
        (f"{FINAL}<|start|>assistant{F}", "<|start|> inside a message"),
        (
            f"{THOUGHT}<|channel|>analysis<|message|>so <|channel|>final<|message|>Hello<|return|>",
            "<|channel|> inside",
        ),
    ],
)
def test_parse_broken_markup_is_malformed(text: str, reason: str) -> None:
    """Broken bodies and headers, text in between, another's name: no calls, a reason, and
    the whole text, or the reasoning that stands before."""
    parsed = harmony.parse(text)
    content = "" if parsed.reasoning else text.strip()
    assert (parsed.calls, parsed.content) == ([], content)
    assert bool(parsed.reasoning) == text.startswith(THOUGHT.rstrip())
    assert reason in parsed.malformed


@settings(max_examples=1000, deadline=None)
@given(pieces)
def test_parse_any_markup_never_raises(pieces: list[str]) -> None:
    """Arbitrary markup gives calls or a reason, never both."""
    parsed = harmony.parse("".join(pieces))
    assert not (parsed.calls and parsed.malformed)
