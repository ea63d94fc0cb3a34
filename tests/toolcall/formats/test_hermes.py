"""The Hermes format: round trips, hostile text, and what counts as a call."""

import pytest
from helpers.call_strategies import MARKUP, any_calls
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.json_text import raw_decode
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes

F = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
CALL = ToolCall("f", {"a": 1})


def test_render_writes_as_ms_swift_does() -> None:
    """Blocks joined by a line break, characters as they are, json.dumps' own separators."""
    calls = [CALL, ToolCall("g", {"城市": "北京", "n": [1, 2.0]})]
    second = (
        '<tool_call>\n{"name": "g", "arguments": {"城市": "北京", "n": [1, 2.0]}}\n</tool_call>'
    )
    assert hermes.render(calls) == f"{F}\n{second}"


@settings(max_examples=200, deadline=None)
@given(st.lists(any_calls, max_size=4))
def test_rendered_calls_read_back(calls: list[ToolCall]) -> None:
    """parse(render(calls)) gives the calls back, whatever their strings hold."""
    assert hermes.parse(hermes.render(calls)) == hermes.Parsed(calls)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([*MARKUP, F, "[" * 50, "1e999", "NaN", ","]) | st.text(st.characters()),
        max_size=12,
    )
)
def test_parse_any_text_never_raises(pieces: list[str]) -> None:
    """Arbitrary text gives calls or a reason, never both."""
    parsed = hermes.parse("".join(pieces))
    assert not (parsed.calls and parsed.malformed)


@pytest.mark.parametrize(
    "value", ["[" * 100_000, "9" * 10_000, '{"name":' * 50_000, '"' + "x" * 100_000]
)
def test_parse_huge_values_is_malformed(value: str) -> None:
    """Deep nesting and endless numbers neither raise nor count."""
    assert hermes.parse(
        f'<tool_call>{{"name": "f", "arguments": {{"a": {value}}}}}</tool_call>'
    ).malformed


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (F, ""),
        (F.replace("\n", ""), ""),
        (F.replace("arguments", "parameters"), ""),
        ('<tool_call>[{"name": "f", "arguments": {"a": 1}}]<|end_of_text|>', ""),
        (f"Let me look.\n{F}\nDone.", "Let me look.\n\nDone."),
        (f"<think>\nI could write {F} or <tool_call>\n</think>\n\nWell.\n{F}", "Well."),
        (f"the prompt opened this: <tool_call> is wrong</think>{F}", ""),
        (f"<think></think>{F}<|im_end|>", ""),
    ],
)
def test_parse_one_call_in_any_surroundings(text: str, content: str) -> None:
    """Compact or pretty, with text around it, after reasoning: one call."""
    parsed = hermes.parse(text)
    assert (parsed.calls, parsed.content, parsed.malformed) == ([CALL], content, "")


def test_parse_sets_calls_in_reasoning_aside() -> None:
    """A call inside <think> is a thought, whether the tag was the model's or the prompt's."""
    thought = hermes.Parsed([], "No.", "", F)
    assert hermes.parse(f"<think>{F}</think>No.") == thought
    assert hermes.parse(f"{F}</think>No.") == thought
    assert hermes.parse(f" <thinking>{F}</thinking>\nNo.") == thought


@pytest.mark.parametrize(
    ("block", "arguments"),
    [
        ('{"name": "f", "arguments": {"a": 1}}\n{"name": "f", "arguments": {}}', [{"a": 1}, {}]),
        ('[{"name": "f", "arguments": {"a": 1}}, {"name": "f", "parameters": {}}]', [{"a": 1}, {}]),
        ('{"name": "f"}', [{}]),
        ('{"name": "f", "arguments": null}', [{}]),
        ('{"name": "f", "arguments": {"a": "x\ny\t</tool_call>"}}', [{"a": "x\ny\t</tool_call>"}]),
    ],
)
def test_parse_reads_what_engines_accept(block: str, arguments: list[dict[str, object]]) -> None:
    """Several calls in one block, no arguments, and line breaks in strings as they are."""
    parsed = hermes.parse(f"<tool_call>\n{block}\n</tool_call>")
    assert parsed == hermes.Parsed([ToolCall("f", each) for each in arguments])


def test_parse_keeps_the_parts_of_an_answer_that_is_cut_off() -> None:
    """Reasoning without an end is reasoning; a mark that nothing follows is no content."""
    for text, content, reasoning in (
        ("<think>\nHm.", "", "Hm."),
        ("<think>Hm.</think>Well.\n<tool_call>", "Well.", "Hm."),
    ):
        parsed = hermes.parse(text)
        assert parsed.malformed
        assert (parsed.calls, parsed.content, parsed.reasoning) == ([], content, reasoning)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<tool_call>", "not valid JSON"),
        ('<tool_call>{"name": "f", "arguments": {}}', "</tool_call> is missing"),
        ('<tool_call>{"name": "f", "arguments": {}}<|im_end|>', "text after"),
        ("<tool_call>{'name': 'f', 'arguments': {}}</tool_call>", "not valid JSON"),
        ('<tool_call>{"name": "f", "arguments": {}', "not valid JSON"),
        (f"<tool_call>{F}</tool_call>", "not valid JSON"),
        (f"{F}</tool_call>", "</tool_call> without <tool_call>"),
        (f"{F}<tool_call>", "not valid JSON"),
        ("<tool_call>f(a=1)</tool_call>", "not valid JSON"),
        ("<tool_call>[]</tool_call>", "name"),
        ('<tool_call>{"arguments": {}}</tool_call>', "name"),
        ('<tool_call>{"name": ["f"], "arguments": {}}</tool_call>', "name"),
        ('<tool_call>{"name": "f", "arguments": "{}"}</tool_call>', "text, not an object"),
        ('<tool_call>{"name": "f", "arguments": [1]}</tool_call>', "not an object"),
        ('<tool_call>{"name": "f", "arguments": {}, "parameters": {}}</tool_call>', "both"),
        (
            '<tool_call>{"name": "f", "arguments": {}}, {"name": "f", "arguments": {}}</tool_call>',
            "text after",
        ),
        ('<tool_call>{"name": "f", "arguments": {"a": NaN}}</tool_call>', "NaN"),
        ('<tool_call>{"name": "f", "arguments": {"a": 1e999}}</tool_call>', "out of range"),
        (f"<think>{F}", "never closed"),
        (f"{F}<think>", "never closed"),
    ],
)
def test_parse_broken_markup_is_malformed(text: str, reason: str) -> None:
    """Broken, nested, stray or unclosed markup: no calls, and a reason."""
    parsed = hermes.parse(text)
    assert parsed.calls == []
    assert reason in parsed.malformed


@pytest.mark.parametrize(
    "call",
    [
        '{"name": "f", "arguments": {"a": 1}, "id": "c"}',
        '{"name": "f", "parameters": {"a": 1}}',
        '{"arguments": {"a": 1}, "name": "f"}',
        '{"name": "f", "arguments": {"a": 1, "a": 2}}',
        '{"name": "g", "name": "f", "arguments": {}}',
        '{"name": "", "arguments": {}}',
        '{"name": "f", "arguments": null}',
        '{"name": "f", "arguments": {"a": 123456789012345678901234567890, "b": -0, "c": -0.0, "d": 5e-324}}',
        '{"name": "f", "arguments": {"a": 12345678901234567890, "b": 0.1e1, "c": 1e400}}',
        '{"name": "f", "arguments": {"a": "\\ud800"}}',
    ],
)
def test_the_fast_reader_agrees_with_the_exact_one(call: str) -> None:
    """msgspec reads a block as json does, or leaves it to json; of a key given twice the last
    counts."""
    try:
        exact = [hermes._call(raw_decode(call, 0)[0])]
    except ValueError:
        exact = []
    for text in (f"<tool_call>\n{call}\n</tool_call>", f"Well: <tool_call>{call}</tool_call>"):
        assert repr(hermes.parse(text).calls) == repr(exact)
