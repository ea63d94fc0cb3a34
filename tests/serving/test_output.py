"""A model's text becomes reasoning, content and calls: the same streamed in any pieces as at once,
and never markup."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swiftkit.serving.output import Call, Part, Stops, read_whole, reader_of
from swiftkit.serving.response import choice, delta, finish_reason
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes
from swiftkit.toolcall.harmony import answer as harmony

WEATHER = hermes.render([ToolCall("weather", {"city": "北京"})])
CALL = Call("weather", '{"city": "北京"}')
TAG_INSIDE = hermes.render([ToolCall("note", {"text": "a </tool_call> b <tool_call>"})])
HARMONY_CALL = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant" + harmony.render(
    [ToolCall("f", {"a": 1})]
)
HERMES = [
    ("Hello\n", Part("", "Hello\n")),
    ("  {json like}", Part("", "  {json like}")),
    ("a < b <tool", Part("", "a < b <tool")),
    (WEATHER, Part("", "", (CALL,))),
    (f"Let me see.\n\n{WEATHER}\n{WEATHER}\n", Part("", "Let me see.", (CALL, CALL))),
    (f"<think>\nhm\n</think>\n\n{WEATHER}", Part("hm", "", (CALL,))),
    ("<think>\n\n</think>\n\nHi", Part("", "Hi")),
    (TAG_INSIDE, Part("", "", (Call("note", '{"text": "a </tool_call> b <tool_call>"}'),))),
    (f"{WEATHER}\nDone.", Part("", "Done.", (CALL,))),
]
BROKEN = [
    '<tool_call>\n{"name": "weather", "argum',
    f"{WEATHER}\n<tool_call>\n{{broken",
    "<think>and so on",
    "text </tool_call>",
    '<tool_call>\n{"name": "weather", "arguments": {"a": 1}}}\n</tool_call>',
]


def streamed(text: str, cuts: list[int], wire: str = "hermes", offered: bool = True) -> list[Part]:
    reader = reader_of(wire, offered)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    parts = [reader.feed(text[start:end]) for start, end in pairwise(places)]
    return [*parts, reader.close()]


def joined(parts: list[Part]) -> Part:
    whole = Part()
    for part in parts:
        whole = whole.and_then(part)
    return whole


@pytest.mark.parametrize(("text", "expected"), HERMES)
def test_hermes(text: str, expected: Part) -> None:
    """Text as it stands, calls apart, reasoning apart; letter by letter the same."""
    assert read_whole(text, reader_of("hermes", True)) == expected
    assert joined(streamed(text, list(range(len(text))))) == expected


@pytest.mark.parametrize("text", BROKEN)
def test_what_cannot_be_read_is_content_as_the_model_wrote_it(text: str) -> None:
    """No call is made up, and none is lost without a trace."""
    reader = reader_of("hermes", True)
    assert read_whole(text, reader) == Part(content=text)
    assert reader.malformed


def test_without_tools_a_call_is_text() -> None:
    """A client that offered no tool cannot be told to call one."""
    assert read_whole(WEATHER, reader_of("hermes", False)) == Part(content=WEATHER)
    raw = HARMONY_CALL
    assert read_whole(raw, reader_of("harmony", False)) == Part(content=raw)


def test_calls_go_out_when_they_are_written() -> None:
    """The first before the second has begun; each chunk says which call it belongs to."""
    reader = reader_of("hermes", True)
    first = reader.feed(f"On it. {WEATHER}\n<tool")
    assert first == Part("", "On it.", (CALL,))
    begun, rest = WEATHER.removeprefix("<tool")[:-24], WEATHER[-24:]
    (sent,) = delta(reader.feed(begun), 1)["tool_calls"]
    assert (sent["index"], sent["function"]) == (1, {"name": "weather", "arguments": '{"ci'})
    assert sent["id"].startswith("call_")
    (more,) = delta(reader.feed(rest), 2)["tool_calls"]
    assert more == {"index": 1, "function": {"arguments": 'ty": "北京"}'}}
    assert reader.close() == Part()


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=4),
        st.recursive(st.text(max_size=6) | st.integers(), st.lists, max_leaves=4),
    ),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_arguments_stream_as_the_model_writes_them(
    arguments: dict[str, Any], where: list[int]
) -> None:
    """Quotes, braces and tags in strings do not end them; the pieces are the JSON text, and nothing
    else."""
    call = ToolCall("f", arguments)
    parts = streamed(hermes.render([call]), where)
    assert joined(parts).calls == (Call("f", json.dumps(arguments, ensure_ascii=False)),)
    assert not any(part.content for part in parts)


def test_harmony_parts() -> None:
    """gpt-oss: the analysis is reasoning, final is content, the call is a call."""
    expected = Part("hm", "", (Call("f", '{"a": 1}'),))
    assert read_whole(HARMONY_CALL, reader_of("harmony", True)) == expected
    assert joined(streamed(HARMONY_CALL, list(range(len(HARMONY_CALL))), "harmony")) == expected
    text = "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>"
    assert read_whole(text, reader_of("harmony", True)) == Part("a", "b")
    assert (
        read_whole("<|channel|>odd<|message|>b", reader_of("harmony", True)).content
        == "<|channel|>odd<|message|>b"
    )


def test_formats_that_only_swift_reads() -> None:
    """From where a call may begin the text is held; swift's calls take its place, or it goes out as
    it is."""
    text = "Sure.\n<tool_call>get\n<arg_key>a</arg_key>"
    reader = reader_of("glm4_5", True)
    assert reader.feed(text) == Part("", "Sure.")
    assert reader.close([CALL]) == Part("", "", (CALL,))
    assert joined(streamed(text, [3, 9], "glm4_5")).content.split() == text.split()
    as_json = '{"name": "weather", "parameters": {}}'
    assert read_whole(as_json, reader_of("llama3", True), [CALL]) == Part("", "", (CALL,))
    assert read_whole(as_json, reader_of("llama3", True)) == Part("", as_json)
    assert read_whole("It is {1}", reader_of("llama3", True)) == Part("", "It is {1}")


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
def test_pieces_change_nothing(text: str, where: list[int], offered: bool) -> None:
    """However a stream is cut, its parts make up what one piece makes up."""
    assert joined(streamed(text, where, offered=offered)) == joined(
        streamed(text, [], offered=offered)
    )


@settings(max_examples=100, deadline=None)
@given(texts)
def test_a_readable_answer_leaks_no_markup(text: str) -> None:
    """Unless the answer is malformed, content holds no tag, and the calls are those of the wire
    format's parser."""
    parsed = hermes.parse(text)
    whole = read_whole(text, reader_of("hermes", True))
    if parsed.malformed:
        assert whole == Part(content=text)
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
def test_stop_texts_are_not_in_the_output(text: str, stops: list[str], where: list[int]) -> None:
    """What goes out is the text up to the stop that is complete first, in whatever pieces it
    came."""
    cutter = Stops(stops)
    places = [0, *sorted(cut % (len(text) + 1) for cut in where), len(text)]
    given_out = (
        "".join(cutter.feed(text[start:end]) for start, end in pairwise(places)) + cutter.rest()
    )
    found = [(place + len(stop), place) for stop in stops if (place := text.find(stop)) >= 0]
    assert given_out == text[: min(found, default=(0, len(text)))[1]]
    assert cutter.hit == bool(found)


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
def test_finish_reason(
    reason: str | None, calls: int, stopped: bool, malformed: bool, expected: str
) -> None:
    """tool_calls where there are whole ones; length where the answer was cut off."""
    assert finish_reason(reason, calls, stopped, malformed) == expected


def test_a_message_has_the_keys_that_clients_read() -> None:
    """content is a text also beside calls; keys without a value are left out."""
    message: dict[str, Any] = choice(0, Part("", "", (CALL,)), "tool_calls", None)["message"]
    assert message["content"] == ""
    assert message["tool_calls"][0]["type"] == "function"
    assert "reasoning_content" not in message
    assert "tool_calls" not in choice(0, Part("r", "c"), "stop", None)["message"]
