"""Answers as their rows want them: the pinned format alone, and no unread call taken for silence."""

import msgspec
import pytest
from helpers.call_strategies import any_calls
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.records import Response
from swiftkit.scoring.answer import read_answer
from swiftkit.scoring.completion import parse_answer, read_as
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.scoring.options import with_wire_format
from swiftkit.scoring.score import score_text
from swiftkit.toolcall.call import UNREAD, ToolCall
from swiftkit.toolcall.wire_format import load, load_all

CALL = ToolCall("f", {"a": 1})
TOOLS = '[{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}]'
WANTED, SILENCE = '[{"name": "f", "arguments": {"a": 1}}]', "[]"
FOREIGN = (
    '<new:calls>\n<new:invoke name="f">\n<new:arg name="a">1</new:arg>\n</new:invoke>\n</new:calls>'
)


def gold(calls: str, wire_format: str = "") -> Gold:
    return gold_from(calls, "gold", with_wire_format("", wire_format), TOOLS)


@pytest.mark.parametrize("name", sorted(load_all()))
def test_a_row_of_one_format_pays_for_no_other(name: str) -> None:
    """Each format earns its own row's reward, and 0 in the rows of formats that do not read it, also
    where no call is wanted."""
    text = load(name).render([CALL])
    assert score_text(text, gold(WANTED, name)).value == 1
    assert score_text(text, gold(WANTED, "any")).value == 1
    assert score_text(text, gold(SILENCE, name)).value == 0
    for other in ("hermes", "harmony", "mistral", "qwen3_coder", "deepseek_v3", "pythonic"):
        if load(other).parse(text).calls:
            continue
        for calls in (WANTED, SILENCE):
            score = score_text(text, gold(calls, other))
            assert (score.value, score.exact) == (0, False)
            assert score.reason.startswith(UNREAD) or score.parts["format"] == 0


def test_the_reason_names_both_formats() -> None:
    """Whoever reads a score sees why a call that looks right earned nothing."""
    score = score_text(load("mistral").render([CALL]), gold(WANTED, "hermes"))
    assert score.reason == "unread: calls are written as mistral, not as hermes"
    assert score.counts == {"right": 0, "total": 1, "unread": 1}


@pytest.mark.parametrize("wire_format", ["", "any", "hermes"])
@pytest.mark.parametrize("calls", [WANTED, SILENCE])
def test_markup_that_nobody_reads_is_no_silence(calls: str, wire_format: str) -> None:
    """It is worth nothing, and counted."""
    score = score_text(FOREIGN, gold(calls, wire_format))
    assert (score.value, score.parts["format"], score.counts["unread"]) == (0, 0, 1)


def test_silence_and_reasoning_about_a_call_are_paid() -> None:
    """Call-like markup in reasoning is a thought."""
    for text in ("Hello.", f"<think>{FOREIGN}</think>\nHello.", "<think>\nf(a=1)?\n</think>Hi"):
        for wire_format in ("", "hermes"):
            assert score_text(text, gold(SILENCE, wire_format)).value == 1


@given(any_calls, st.sampled_from(["", "hermes"]))
@settings(deadline=None)
def test_a_pinned_format_reads_what_detection_reads(call: ToolCall, name: str) -> None:
    """The pin changes nothing for an answer in its own format."""
    text = load("hermes").render([call])
    assert parse_answer(text, gold(SILENCE, name)).calls == [call]


@pytest.mark.parametrize(
    ("response", "pinned", "way"),
    [
        (Response("", text="", tool_calls=[CALL]), "", "tool_calls"),
        (Response("", text=load("hermes").render([CALL]), tool_calls=[CALL]), "", "hermes"),
        (Response("", text="Not `<tool_call> {`.", tool_calls=[CALL]), "mistral", "tool_calls"),
        (Response("", text=load("mistral").render([CALL])), "", "mistral"),
        (Response("", text=load("llama_json").render([CALL])), "", "llama_json"),
        (Response("", text=load("hermes").render([CALL])), "hermes", "hermes"),
        (Response("", text=load("mistral").render([CALL])), "hermes", "unread"),
        (Response("", text=FOREIGN), "", "unread"),
        (Response("", text="<tool_call>{"), "", "malformed"),
        (Response("", text="Hello."), "", "no call"),
    ],
)
def test_a_report_can_say_how_calls_were_read(response: Response, pinned: str, way: str) -> None:
    """The endpoint's own calls, a format's name, or why there are none."""
    row = gold(WANTED, pinned)
    parsed = read_answer(response, lambda text: parse_answer(text, row))
    assert read_as(response, parsed, pinned) == way


def test_options_are_kept_beside_the_wire_format() -> None:
    """The rest of the column stays, and what cannot be read is left to the reader of options."""
    pinned = msgspec.json.decode(
        with_wire_format('{"ordered": true, "wire_format": "glm4"}', "hermes")
    )
    assert pinned == {"ordered": True, "wire_format": "hermes"}
    kept = with_wire_format('{"wire_format": "glm4"}', "hermes", keep=True)
    assert kept == '{"wire_format": "glm4"}'
    assert with_wire_format("nonsense", "hermes") == "nonsense"
    assert with_wire_format(None, "") == ""


def test_an_answer_that_was_cut_off_in_its_reasoning_is_no_silence() -> None:
    """The endpoint has set the reasoning apart, so nothing is left; an answer that ended by itself
    may be empty."""
    wanted = gold(SILENCE)
    cut = Response("s", text="", finish_reason="length")
    assert read_answer(cut, lambda text: parse_answer(text, wanted)).malformed
    ended = msgspec.structs.replace(cut, finish_reason="stop")
    assert not read_answer(ended, lambda text: parse_answer(text, wanted)).malformed
    called = msgspec.structs.replace(cut, tool_calls=[CALL])
    assert read_answer(called, lambda text: parse_answer(text, wanted)).calls == [CALL]


@pytest.mark.parametrize("text", ['config.json\n{"a": 1}', '结果\n{"a": 1}', 'data\n{"name": "x"}'])
@pytest.mark.parametrize("wire_format", ["", "hermes"])
def test_a_heading_over_json_is_no_call_of_a_tool_that_is_not_there(
    text: str, wire_format: str
) -> None:
    """GLM-4 writes calls so; with a tool's name it is one."""
    assert score_text(text, gold(SILENCE, wire_format)).value == 1
    assert score_text('f\n{"a": 1}', gold(SILENCE, wire_format)).value == 0
    assert score_text('f\n{"a": 1}', gold(WANTED, "")).value == 1


@pytest.mark.parametrize("wire_format", ["", "llama_json", "hermes", "pythonic"])
def test_reasoning_may_come_twice_and_must_be_closed(wire_format: str) -> None:
    """A second one that is never closed makes the answer malformed, as the first does."""
    assert score_text("<think>a</think><think>b</think>Hi", gold(SILENCE, wire_format)).value == 1
    assert score_text("<think>\n</think><think>[f()]", gold(SILENCE, wire_format)).value == 0


@pytest.mark.parametrize(
    ("pinned", "calls"), [("mistral", [CALL]), ("harmony", [CALL]), ("hermes", []), ("", [])]
)
def test_quoted_hermes_markup_takes_no_calls_from_another_format(
    pinned: str, calls: list[ToolCall]
) -> None:
    """Where the row wants Hermes, or detection finds it, the endpoint may have left out a block."""
    response = Response("s", text="Not `<tool_call> {`.", tool_calls=[CALL])
    parsed = read_answer(response, lambda text: parse_answer(text, gold(WANTED, pinned)))
    assert (parsed.calls, bool(parsed.malformed)) == (calls, not calls)


def test_hermes_markup_in_reasoning_is_no_quotation() -> None:
    """ms-swift reads a call there; the text shows that it is a thought, as to the reward."""
    text = f"<think>{load('hermes').render([CALL])}</think>No."
    response = Response("s", text=text, tool_calls=[CALL])
    parsed = read_answer(response, lambda text: parse_answer(text, gold(SILENCE, "hermes")))
    assert (parsed.calls, parsed.malformed) == ([], "")


def test_quoted_hermes_markup_of_a_format_with_the_same_tag_is_a_quotation() -> None:
    """What its reader passes over is no broken call."""
    response = Response("s", text="<|assistant|>]<tool_call>{", tool_calls=[CALL])
    parsed = read_answer(response, lambda text: parse_answer(text, gold(WANTED, "hunyuan")))
    assert parsed.calls == [CALL]


def test_quoted_hermes_markup_without_calls_is_unread() -> None:
    """An endpoint that read no call says nothing against it."""
    response = Response("s", text="<tool_call> {", tool_calls=[])
    parsed = read_answer(response, lambda text: parse_answer(text, gold(WANTED, "mistral")))
    assert parsed.malformed.startswith(UNREAD)
