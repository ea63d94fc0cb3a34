"""Duties of every wire format, and detection with all of them: round trips, hostile text,
reasoning, prose."""

from typing import Any

import pytest
from helpers.call_strategies import any_calls, json_values, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.wire_format import load_all

FORMATS = load_all()
NAMES = sorted(FORMATS)
WEATHER = ToolCall("get_weather", {"city": "北京", "days": [1, 2.5], "wide": None, "now": True})
NOW = ToolCall("now", {})
CALLS = [WEATHER, NOW, WEATHER]
TAGS = (
    "<tool_call> </tool_call> <think> </think> [THINK] [/THINK] <function=f> </function> <parameter=a> </parameter> "
    "<arg_key> </arg_key> <arg_value> </arg_value> [TOOL_CALLS] [ARGS] [CALL_ID] </s> <|python_tag|> <|eom_id|> "
    "<|assistant|> <|observation|> <｜tool▁calls▁begin｜> <｜tool▁call▁begin｜> <｜tool▁sep｜> <｜tool▁call▁end｜> "
    "<｜tool▁calls▁end｜> <|start|>assistant <|channel|>commentary <|message|> <|call|> functions.f ```json ``` "
    "<thinking> </reasoning> <|tool_calls_section_begin|> <|tool_call_begin|> functions.f:0<|tool_call_argument_begin|> "
    "<|tool_call_end|> <|tool_calls_section_end|> <|open|> <|close|> <|sep|> <|open|>tools<|sep|> <|close|>tools<|sep|> "
    "<|close|>argument<|sep|> <|close|>think<|sep|> <|tool_call> <tool_call|> call:f{ <|channel>thought <channel|> "
    '<|"|> <｜DSML｜tool_calls> </｜DSML｜tool_calls> </｜DSML｜parameter> </｜DSML｜invoke> '
    '{"name": "arguments": } [ ] ( ) , ; : = f(a=1) f #'
).split()
TAGS += [
    '<｜DSML｜invoke name="f">',
    '<｜DSML｜parameter name="a" string="true">',
    '<|open|>call tool="f" index="1"<|sep|>',
    '<|open|>argument key="a" type="string"<|sep|>',
    "\nAction: f\nAction Input: {}",
    "\nObservation:",
    " to=functions.f",
    "f\n{",
    "\n",
    " ",
    "\\",
    '"',
    "'",
    "\ud800",
]
markup = st.lists(st.sampled_from(TAGS), max_size=4).map("".join)
hostile = st.one_of(
    markup,
    st.lists(markup, max_size=2),
    st.dictionaries(markup, markup, max_size=2),
    json_values,
    texts,
)
names = st.sampled_from(
    ["f", "get_weather", "a.b-c_2", "天气", "Action", "json", "Get Weather"]
) | st.text(min_size=1)
calls_of = {
    "tame": st.builds(
        ToolCall, names, st.dictionaries(st.sampled_from(["a", "b", "城市"]), hostile, max_size=3)
    ),
    "wild": any_calls
    | st.builds(ToolCall, markup.filter(bool), st.dictionaries(markup, hostile, max_size=2)),
}
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", NAMES)
def test_render_of_no_call_is_the_empty_text(name: str) -> None:
    """No call is the empty text, which reads back as no call and no content."""
    assert FORMATS[name].render([]) == ""
    assert FORMATS[name].parse("") == detect.parse("") == Parsed()


@pytest.mark.parametrize("kind", sorted(calls_of))
@pytest.mark.parametrize("name", NAMES)
def test_rendered_calls_read_back_or_are_refused(name: str, kind: str) -> None:
    """parse(render(calls)) gives the calls back, also through detection, or render says that it
    cannot."""

    @quick
    @given(st.lists(calls_of[kind], min_size=1, max_size=3))
    def holds(calls: list[ToolCall]) -> None:
        try:
            text = FORMATS[name].render(calls)
        except DataError:
            return
        parsed = FORMATS[name].parse(text)
        assert strict(parsed.calls) == strict(calls)
        assert (parsed.content, parsed.malformed) == ("", "")
        assert strict(detect.parse(text).calls) == strict(calls)

    holds()


def strict(calls: list[ToolCall]) -> str:
    """Apart by type too: 1, 1.0 and true are three values."""
    return repr(calls)


@pytest.mark.parametrize("name", NAMES)
def test_render_never_refuses_plain_calls(name: str) -> None:
    """No format refuses ordinary names and values."""
    assert FORMATS[name].parse(FORMATS[name].render(CALLS)).calls == CALLS


@pytest.mark.parametrize("name", [name for name in NAMES if name != "harmony"])
def test_parse_sets_reasoning_aside(name: str) -> None:
    """A call in reasoning is a thought, whether its tag was the model's or the prompt's; the one
    behind it counts."""
    text = FORMATS[name].render(CALLS)
    for parse in (FORMATS[name].parse, detect.parse):
        for reasoning in (
            f"<think>\nI could {text}\n</think>\n\n",
            "Hm.\n</think>\n\n",
            "[THINK]Hm.[/THINK]",
        ):
            assert parse(reasoning + text).calls == CALLS
            if name != "call_strings":  # whose content is the whole answer
                assert parse(f"{reasoning}No.").reasoning
            assert parse(reasoning + text).reasoning
            assert parse(f"{reasoning}No.").calls == []
            assert parse(f"{reasoning}No.").content.endswith("No.")
        assert parse(f"<think>I could {text}").calls == []
        assert "never closed" in parse(f"<think>I could {text}").malformed
    if name != "glm4":  # whose calls are other messages than the reasoning
        assert detect.parse(f"I could {text}\n</think>\n\n{text}").calls == CALLS
        no_call = Parsed([], "No.", "", f"I could {text}")
        assert detect.parse(f"I could {text}\n</think>\n\nNo.") == no_call


@pytest.mark.parametrize("name", [name for name in NAMES if name != "react"])
def test_a_call_may_quote_every_other_format(name: str) -> None:
    """Markup inside a string decides nothing."""
    for other in NAMES:
        quoted = FORMATS[other].render([NOW])
        calls = [ToolCall("f", {"a": [quoted, "</think>"]})]
        assert detect.parse(FORMATS[name].render(calls)).calls == calls


@pytest.mark.parametrize("name", NAMES)
def test_parse_of_a_cut_off_text_gives_no_other_calls(name: str) -> None:
    """No beginning of an answer gives a call that the whole does not have, and none raises."""
    text = FORMATS[name].render(CALLS)
    for end in range(len(text)):
        parsed = FORMATS[name].parse(text[:end])
        assert parsed.calls == CALLS[: len(parsed.calls)]
        assert not (parsed.calls and parsed.malformed)


@quick
@given(
    st.lists(
        st.sampled_from([*TAGS, "[" * 50, "1e999", "NaN"]) | st.text(max_size=3), max_size=14
    ).map("".join)
)
def test_parse_any_text_never_raises(text: str) -> None:
    """Arbitrary mixtures give calls or a reason, never both, in every format and in detection."""
    for parse in (detect.parse, *(form.parse for form in FORMATS.values())):
        parsed = parse(text)
        assert not (parsed.calls and parsed.malformed)
        assert all(call.name for call in parsed.calls)


# text is text there
UNTYPED = {name for name in NAMES if FORMATS[name].parse(FORMATS[name].render([WEATHER])).texts}
BROKEN = [
    "[" * 9999,
    '{"a":' * 9999,
    "9" * 9999,
    "1e999",
    "NaN",
    '"x',
    "-" * 9999,
    "{'a': (" * 2000,
    "'" + "\\'" * 9999,
]


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize(
    "name", sorted(set(NAMES) - UNTYPED - {"call_strings", "gemma4", "functiongemma"})
)
def test_parse_of_huge_and_broken_values_gives_no_call(name: str, value: str) -> None:
    """Deep nesting, endless numbers, no numbers: never a call."""
    text = FORMATS[name].render([ToolCall("f", {"a": 12321})]).replace("12321", value)
    assert not FORMATS[name].parse(text).calls
    # else as a call string, whose bare words are text
    assert name == "pythonic" or not detect.parse(text).calls


@pytest.mark.parametrize(
    "text",
    [
        "The weather is fine.",
        '{"name": "Ada", "age": 36}',
        '{"city": "Oslo"}',
        '[1, 2, 3]',
        '[{"name": "Ada", "age": 36}]',
        '{"name": "f", "arguments": {}} is how a call looks.',
        'You could write {"name": "f", "arguments": {}}.',
        'Like this:\n```json\n{"name": "f", "arguments": {}}\n```',
        '```json\n{"name": "f", "arguments": {}}\n```\nThis is it.',
        "[f(a=1)](https://example.com)",
        "[f(x)]",
        "[see (1)]",
        "f(x) = 2",
        "Use f(a=1) here.",
        "Result\n{\"a\": 1}",
        "json\n{\"a\": 1}",
        "The answer is\n{\"a\": 1}",
        "config\n{broken",
        "Action: call the user",
        "Action Input: none",
        "Questions. Action: f Action Input: {}",
        "{x} is a set",
        "[TODO] write it",
        "```\nf\n```",
        "```python\nf(a=1)\n```",
        "```tool_code is how a fence begins",
        "a < b and b > c",
    ],
)  # fmt: skip
def test_detect_finds_no_call_in_prose(text: str) -> None:
    """A call only where the whole answer is one or markup opens it; and nothing here is
    malformed."""
    assert detect.parse(text) == Parsed([], text)


@pytest.mark.parametrize(
    "text",
    [
        "<function=f>\n<parameter=a>\n1\n</function>",
        "<tool_call>\nnull\n</tool_call>",
        "<tool_call>f(a=1)</tool_call>",
        '<tool_call>"f"</tool_call>',
        "</tool_call>",
        "[TOOL_CALLS]",
        "[TOOL_CALLS] [",
        "<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>",
        "<|python_tag|>",
        "<|python_tag|>print(1)",
        '{"name": "f", "arguments": {"a": 1}',
        '{"name": "f", "arguments": "{}"}',
        '[{"name": "f", "arguments": {}}, 5]',
        '```json\n{"name": "f", "arguments": {"a"}}\n```',
        '{"function": "f", "parameters": {}}',
        '{"type": "function", "function": "f", "parameters": {"a": 1}}',
        "{'name': 'f', 'arguments': {'a': 1}",
        "<tool_call>{'name': 'f', 'arguments': {}}</tool_call>",
        "```python\n[f(a=1), 5]\n```",
        "```tool_code\nprint(f(a=1))\n```",
        "[f(a=1)",
        "[f(a=1), 5]",
        "[f(a=1, 2)]",
        "[f(a=__import__('os').system('true'))]",
        "f(a=1",
        "Action: f\nAction Input: none\nObservation:",
        "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</tool_call> and so on",
        "<tool_call>\n<function=f>\n<parameter=a>\n1\n</tool_call>",
        "<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{}<|tool_call_end|>",
        "<tool_call|>",
        "</｜DSML｜invoke>",
        "Well.<|close|>tools<|sep|>",
    ],
)
def test_detect_calls_broken_calls_malformed(text: str) -> None:
    """Text that opens a call and cannot be read is malformed, with a reason and without calls."""
    parsed = detect.parse(text)
    assert parsed.malformed
    assert parsed.calls == []


@pytest.mark.parametrize("name", NAMES)
def test_detect_keeps_text_before_calls(name: str) -> None:
    """Words before a marked call are its content; a format without markup is prose with them."""
    text = f"Let me look.\n{FORMATS[name].render([NOW])}"
    parsed: Any = detect.parse(text)
    if name in ("call_strings", "llama_json", "plain_json", "pythonic"):
        assert parsed == Parsed([], text)
    elif name not in ("harmony", "glm4"):  # there words before a call are a message of their own
        assert (parsed.calls, parsed.content) == ([NOW], "Let me look.")


@pytest.mark.parametrize("name", ["pythonic", "lfm2", "olmo3", "gemma3", "call_strings"])
def test_identifiers_of_any_script_are_names(name: str) -> None:
    """Python's identifiers may hold combining marks, as Hindi's vowel signs."""
    calls = [ToolCall("कि", {"कि": 1}), ToolCall("A߫", {"é": "कि"})]
    assert load_all()[name].parse(load_all()[name].render(calls)).calls == calls
