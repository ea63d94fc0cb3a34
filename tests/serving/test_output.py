"""A model's text becomes reasoning, content and calls: the same streamed in any pieces as at once,
and never markup."""

import json
from itertools import pairwise
from typing import Any

import pytest
from helpers.growth import takes_linear_time
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swiftkit.serving.output import format_reader, read_answer, reader_of
from swiftkit.serving.output_part import OutputCall, OutputPart
from swiftkit.serving.response import choice, delta, finish_reason
from swiftkit.serving.stop_texts import StopTexts
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import deepseek_v4, hermes, llama_json, step3
from swiftkit.toolcall.harmony import answer as harmony

WEATHER = hermes.render([ToolCall("weather", {"city": "北京"})])
CALL = OutputCall("weather", '{"city": "北京"}')
TAG_INSIDE = hermes.render([ToolCall("note", {"text": "a </tool_call> b <tool_call>"})])
HARMONY_CALL = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant" + harmony.render(
    [ToolCall("f", {"a": 1})]
)
DSML = deepseek_v4.render([ToolCall("weather", {"city": "北京"})])
STEP3 = step3.render([ToolCall("weather", {"city": "北京"})])
HARMONY_WEATHER = harmony.render([ToolCall("weather", {"city": "北京"})])
HARMONY_FINAL = "<|channel|>final<|message|>Hello"
LLAMA = llama_json.render([ToolCall("weather", {"city": "北京"})])
HERMES = [
    ("Hello\n", OutputPart("", "Hello\n")),
    ("  {json like}", OutputPart("", "  {json like}")),
    ("a < b <tool", OutputPart("", "a < b <tool")),
    (WEATHER, OutputPart("", "", (CALL,))),
    (f"Let me see.\n\n{WEATHER}\n{WEATHER}\n", OutputPart("", "Let me see.", (CALL, CALL))),
    (f"<think>\nhm\n</think>\n\n{WEATHER}", OutputPart("hm", "", (CALL,))),
    ("<think>\n\n</think>\n\nHi", OutputPart("", "Hi")),
    (
        TAG_INSIDE,
        OutputPart("", "", (OutputCall("note", '{"text": "a </tool_call> b <tool_call>"}'),)),
    ),
    (f"{WEATHER}\nDone.", OutputPart("", "Done.", (CALL,))),
]
BROKEN = [
    '<tool_call>\n{"name": "weather", "argum',
    f"{WEATHER}\n<tool_call>\n{{broken",
    "text </tool_call>",
    '<tool_call>\n{"name": "weather", "arguments": {"a": 1}}}\n</tool_call>',
]


def streamed(
    text: str, cuts: list[int], wire: str = "hermes", offered: bool = True
) -> list[OutputPart]:
    reader = reader_of(wire, offered)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    parts = [reader.feed(text[start:end]) for start, end in pairwise(places)]
    return [*parts, reader.close()]


def joined(parts: list[OutputPart]) -> OutputPart:
    whole = OutputPart()
    for part in parts:
        whole = whole.and_then(part)
    return whole


@pytest.mark.parametrize(("text", "expected"), HERMES)
def test_read_answer_splits_hermes_text(text: str, expected: OutputPart) -> None:
    """Text as it stands, calls apart, reasoning apart; letter by letter the same."""
    assert read_answer(text, reader_of("hermes", True)) == expected
    assert joined(streamed(text, list(range(len(text))))) == expected


@pytest.mark.parametrize("text", BROKEN)
def test_read_answer_of_a_broken_call_is_the_raw_text(text: str) -> None:
    """No call is made up, and none is lost without a trace."""
    reader = reader_of("hermes", True)
    assert read_answer(text, reader) == OutputPart(content=text)
    assert reader.malformed


def test_read_answer_without_tools_keeps_calls_as_text() -> None:
    """A client that offered no tool cannot be told to call one."""
    assert read_answer(WEATHER, reader_of("hermes", False)) == OutputPart(content=WEATHER)
    _, end, call = HARMONY_CALL.partition("<|start|>")
    expected = OutputPart("hm", end + call)
    assert read_answer(HARMONY_CALL, reader_of("harmony", False)) == expected


def test_feed_gives_a_call_as_it_is_written() -> None:
    """The first before the second has begun; each chunk says which call it belongs to."""
    reader = reader_of("hermes", True)
    first = reader.feed(f"On it. {WEATHER}\n<tool")
    assert first == OutputPart("", "On it.", (CALL,))
    begun, rest = WEATHER.removeprefix("<tool")[:-24], WEATHER[-24:]
    (sent,) = delta(reader.feed(begun), 1)["tool_calls"]
    assert (sent["index"], sent["function"]) == (1, {"name": "weather", "arguments": '{"ci'})
    assert sent["id"].startswith("call_")
    (more,) = delta(reader.feed(rest), 2)["tool_calls"]
    assert more == {"index": 1, "function": {"arguments": 'ty": "北京"}'}}
    assert reader.close() == OutputPart()


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=4),
        st.recursive(st.text(max_size=6) | st.integers(), st.lists, max_leaves=4),
    ),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_feed_gives_arguments_as_the_model_wrote_them(
    arguments: dict[str, Any], where: list[int]
) -> None:
    """Quotes, braces and tags in strings do not end them; the pieces are the JSON text, and nothing
    else."""
    call = ToolCall("f", arguments)
    parts = streamed(hermes.render([call]), where)
    assert joined(parts).calls == (OutputCall("f", json.dumps(arguments, ensure_ascii=False)),)
    assert not any(part.content for part in parts)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "block",
    [
        '{"name": "f", "arguments": {"a": 1}}\n{"name": "g", "arguments": {"b": 2}}',
        '[{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]',
        '{"name": "f"}',
        '{"name": "f", "arguments": {"a": "x\ny\t", "b": \n[]}}',
    ],
)
def test_feed_gives_all_calls_of_a_block(block: str, size: int) -> None:
    """Several calls in one block, none or odd arguments: what the parser reads, as JSON."""
    text = f"<tool_call>\n{block}\n</tool_call>"
    reader, part = reader_of("hermes", True), OutputPart()
    for start in range(0, len(text), size):
        part = part.and_then(reader.feed(text[start : start + size]))
    part = part.and_then(reader.close())
    calls = [ToolCall(call.name, json.loads(call.arguments)) for call in part.calls]
    assert (calls, part.content, reader.malformed) == (hermes.parse(text).calls, "", False)


def test_read_answer_splits_harmony_channels() -> None:
    """gpt-oss: the analysis is reasoning, final is content, the call is a call, in the published
    template's style and in OpenAI's own."""
    expected = OutputPart("hm", "", (OutputCall("f", '{"a": 1}'),))
    assert read_answer(HARMONY_CALL, reader_of("harmony", True)) == expected
    assert joined(streamed(HARMONY_CALL, list(range(len(HARMONY_CALL))), "harmony")) == expected
    constrained = HARMONY_CALL.replace("json<", " <|constrain|>json<")
    assert read_answer(constrained, reader_of("harmony", True)) == expected
    assert joined(streamed(constrained, list(range(len(constrained))), "harmony")) == expected
    text = "<|channel|>analysis<|message|>a<|end|><|start|>assistant"
    text += "<|channel|>final<|message|>b<|return|>"
    assert read_answer(text, reader_of("harmony", True)) == OutputPart("a", "b")
    odd = "<|channel|>odd<|message|>b"
    assert read_answer(odd, reader_of("harmony", True)).content == odd


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<|channel|>ana", OutputPart()),
        ("<|channel|>analysis<|message|>I th", OutputPart("I th")),
        ("<|channel|>analysis<|message|>I th<|en", OutputPart("I th")),
        ("<|channel|>analysis<|message|>I th<b", OutputPart("I th<b")),
        (HARMONY_CALL.partition("{")[0], OutputPart("hm")),
        (HARMONY_CALL.partition(" 1}")[0], OutputPart("hm", "", (OutputCall("f", '{"a":'),))),
        ("<|channel|>commentary<|message|>Let", OutputPart("", "Let")),
        (f"{HARMONY_FINAL}<|return|>", OutputPart("", "Hello")),
        (f"{HARMONY_FINAL}<|start|>user<|message|>Hm", OutputPart("", "Hello")),
        ("analysisI should", OutputPart()),
    ],
)
def test_feed_of_harmony_shows_no_headers_and_no_half_tokens(text: str, shown: OutputPart) -> None:
    """Reasoning, text and arguments as far as they are sure, in whatever pieces."""
    assert reader_of("harmony", True).feed(text) == shown
    assert joined(streamed(text, list(range(len(text))), "harmony")[:-1]) == shown


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("hermes", "<think>\nand so on"),
        ("llama3", "<think>and so on"),
        ("harmony", "<|channel|>analysis<|message|>and so on"),
    ],
)
def test_read_answer_that_ends_in_its_reasoning_says_nothing(wire: str, text: str) -> None:
    """A client sees the thoughts as what they are, once; the answer is not a readable one."""
    reader = reader_of(wire, True)
    assert read_answer(text, reader) == OutputPart("and so on")
    assert reader.malformed
    assert joined(streamed(text, list(range(len(text))), wire)) == OutputPart("and so on")


@pytest.mark.parametrize(
    ("wire", "text", "content"),
    [
        ("hermes", "Hello.\n<think>\nhm", "Hello.\n<think>"),
        ("mistral", "[THINK]a[/THINK]Hello. [THINK]hm[/TH", "Hello. [THINK]"),
        (
            "harmony",
            f"{HARMONY_FINAL}.<|end|><|start|>assistant<|channel|>analysis<|message|>hm",
            "Hello.<|start|>assistant<|channel|>analysis<|message|>",
        ),
    ],
)
def test_content_shows_the_tag_of_reasoning_that_it_ends_in(
    wire: str, text: str, content: str
) -> None:
    """So that whoever reads the content does not take it for the end of the answer."""
    reader = reader_of(wire, True)
    whole = read_answer(text, reader)
    assert (whole.content, reader.ends_in_reasoning) == (content, True)
    assert whole.reasoning.endswith("hm")
    assert joined(streamed(text, list(range(len(text))), wire)) == whole


@pytest.mark.parametrize(
    ("form", "text", "behind"),
    [
        ("hermes", f"{WEATHER}\n<tool_call>\n{{broken", "}\n</tool_call>\n<tool_call>\n{broken…"),
        ("hermes", WEATHER + "</tool_call>", "}\n</tool_call></tool_call>…"),
        ("hermes", WEATHER[:-15], ""),
        ("deepseek_v4", f"{DSML}</｜DSML｜", "\n</｜DSML｜tool_calls></｜DSML｜…"),
        ("step3", STEP3.removesuffix("\n<｜tool_calls_end｜>"), "…"),
        ("harmony", HARMONY_WEATHER + "<|call|>", "<|call|>…"),
        ("llama_json", LLAMA + " is how", "} is how…"),
    ],
)
def test_feed_of_a_broken_answer_leaves_no_call_behind(form: str, text: str, behind: str) -> None:
    """A call that went out early ends with what follows, so that its arguments are no JSON; no text
    comes twice."""
    arguments = '{"city": "北京"}' + behind if behind else '{"city": "北京"'
    for size in (1, 5, len(text)):
        reader, part = format_reader(form), OutputPart()
        for start in range(0, len(text), size):
            part = part.and_then(reader.feed(text[start : start + size]))
        part = part.and_then(reader.close())
        assert part == OutputPart(calls=(OutputCall("weather", arguments),))
        assert reader.malformed


def test_reader_of_an_unknown_template_holds_the_text_for_swift() -> None:
    """From where a call may begin the text is held; swift's calls take its place, or it goes out as
    it is."""
    text = "Sure.\n<tool_call>get\n<arg_key>a</arg_key>"
    reader = reader_of("a_plugins_own", True)
    assert reader.feed(text) == OutputPart("", "Sure.")
    assert reader.close([CALL]) == OutputPart("", "", (CALL,))
    assert joined(streamed(text, [3, 9], "a_plugins_own")).content == text
    as_json = '{"name": "weather", "parameters": {}}'
    assert read_answer(as_json, reader_of("", True), [CALL]) == OutputPart("", "", (CALL,))
    assert read_answer(as_json, reader_of("", True)) == OutputPart("", as_json)
    assert read_answer("It is {1}", reader_of("", True)) == OutputPart("", "It is {1}")


HOSTILE = (
    '</tool_call> <tool_call> { } [ ] <think> </think> <think>a</think> " \\ < x 京 name{ {"a": '
    " </function> <parameter=a> </arg_value> <|end|> <|message|> <|start|> [TOOL_CALLS] Action: ```"
).split()
HOSTILE += [" ", "\n", "<tool_call>\n", WEATHER, HARMONY_CALL, LLAMA, DSML]
BEGINNINGS = {
    "content": "",
    "reasoning": "<think>",
    "arguments": '<tool_call>\n{"name": "f", "arguments": {"a": "',
    "a tagged call": "<tool_call>\n<function=f>\n<parameter=a>\n",
    "analysis": "<|channel|>analysis<|message|>",
}


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("wire", ["hermes", "harmony", "llama3", "glm4", "qwen3_coder", "unknown"])
def test_feed_takes_linear_time(wire: str, beginning: str) -> None:
    """Whatever is repeated, in small pieces: no answer stops the server for its other clients."""

    def feed(text: str) -> None:
        reader = reader_of(wire, True)
        text = BEGINNINGS[beginning] + text
        for start in range(0, len(text), 4):
            reader.feed(text[start : start + 4])

    slow = [piece for piece in HOSTILE if not takes_linear_time(feed, piece, 1000)]
    assert slow == []


pieces = st.sampled_from(
    [
        "Hi ",
        "\n",
        "<",
        "<tool_call>",
        "</tool_call>",
        "<think>",
        "</think>",
        "京",
        WEATHER,
        TAG_INSIDE,
    ]
)
texts = st.lists(pieces, max_size=6).map("".join)
cuts = st.lists(st.integers(min_value=0, max_value=500), max_size=8)


@settings(max_examples=150, deadline=None)
@given(texts, cuts, st.booleans())
def test_feed_in_any_pieces_gives_the_same(text: str, where: list[int], offered: bool) -> None:
    """However a stream is cut, its parts make up what one piece makes up."""
    assert joined(streamed(text, where, offered=offered)) == joined(
        streamed(text, [], offered=offered)
    )


@settings(max_examples=100, deadline=None)
@given(texts)
def test_read_answer_of_readable_calls_leaks_no_markup(text: str) -> None:
    """Unless the answer is malformed, content holds no tag, and the calls are those of the wire
    format's parser."""
    parsed = hermes.parse(text)
    whole = read_answer(text, reader_of("hermes", True))
    if parsed.malformed:
        assert not whole.calls
    elif "<think>" not in text and "</think>" not in text:
        assert "tool_call>" not in whole.content
        assert [(call.name, json.loads(call.arguments)) for call in whole.calls] == [
            (call.name, call.arguments) for call in parsed.calls
        ]


@settings(max_examples=150, deadline=None)
@given(
    st.text("ab<", max_size=20),
    st.lists(st.text("ab<", min_size=1, max_size=3), min_size=1, max_size=3),
    st.lists(st.integers(0, 20), max_size=5),
)
@example("<b<", ["b", "<b<"], [2])
def test_stop_texts_cut_the_output(text: str, stops: list[str], where: list[int]) -> None:
    """What goes out is the text up to the stop that is complete first, in whatever pieces it
    came."""
    cutter = StopTexts(stops)
    places = [0, *sorted(cut % (len(text) + 1) for cut in where), len(text)]
    output = "".join(cutter.feed(text[start:end]) for start, end in pairwise(places))
    complete = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    assert output + cutter.rest() == text[: min(complete, default=(0, len(text)))[1]]
    assert cutter.hit == bool(complete)


@pytest.mark.parametrize(
    ("reason", "calls", "stopped", "malformed", "expected"),
    [
        ("stop", 1, False, False, "tool_calls"),
        ("length", 1, False, False, "tool_calls"),
        ("length", 1, False, True, "length"),
        ("stop", 1, False, True, "stop"),
        ("length", 0, True, False, "stop"),
        ("length", 0, False, False, "length"),
        ("abort", 0, False, False, "stop"),
        (None, 0, False, False, "stop"),
    ],
)
def test_finish_reason_of_calls_stops_and_cuts(
    reason: str | None, calls: int, stopped: bool, malformed: bool, expected: str
) -> None:
    """tool_calls where there are whole ones; length where the answer was cut off."""
    assert finish_reason(reason, calls, stopped, malformed) == expected


def test_choice_has_the_keys_that_clients_read() -> None:
    """content is a text also beside calls; keys without a value are left out."""
    message: dict[str, Any] = choice(0, OutputPart("", "", (CALL,)), "tool_calls", None)["message"]
    assert message["content"] == ""
    assert message["tool_calls"][0]["type"] == "function"
    assert "reasoning_content" not in message
    assert "tool_calls" not in choice(0, OutputPart("r", "c"), "stop", None)["message"]
