"""canitoolcall's recorded outputs of nine model families, each with the right parse: what swiftkit
reads in them, by the format's name and by detection.

Content and reasoning are compared without white space around them (the suite's `soft-v1`), arguments
as JSON values: 1 is 1.0 and not true. An answer that was cut off inside reasoning which the prompt
had opened is read behind that opening, as no text can tell it from an answer.
"""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from helpers.recorded_outputs import every_fixture, formats_of, opened_by

from swiftkit.toolcall import detect, wire_format
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.text_arguments import retyped

# Where swiftkit gives no call on purpose though the suite expects one; docs/wire-formats.md says why.
POLICIES = {
    "cut second call": [
        "qwen3-hermes/truncated-second-parallel-call",
        "gemma4/truncated-second-parallel-call",
        "deepseek/v32-truncated-second-parallel-call",
        "deepseek/v4-truncated-second-parallel-call",
        "deepseek/v41-truncated-second-parallel-call",
    ],
    "call inside reasoning": ["qwen3-xml/llamacpp-q35-call-inside-think"],
    "control token as text": ["gpt-oss/harmony-marker-in-reasoning"],
}
EXCUSED = {fixture: policy for policy, fixtures in POLICIES.items() for fixture in fixtures}


def readers(fixture: dict[str, Any]) -> dict[str, Callable[[str], Parsed]]:
    """Return every way to read the fixture: detection, and its formats by name."""
    tools = fixture["tools"]
    ways: dict[str, Callable[[str], Parsed]] = {
        "detection": lambda text: retyped(detect.parse(text), tools)
    }
    for name in formats_of(fixture):
        parse: Any = wire_format.load(name).parse
        takes_tools = "tools" in inspect.signature(parse).parameters
        ways[name] = (lambda text, parse=parse: parse(text, tools)) if takes_tools else parse
    return ways


def same(ours: Any, theirs: Any) -> bool:
    """Tell whether two JSON values are equal: 1 is 1.0, but neither is true or "1"."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    are_numbers = isinstance(ours, int | float) and isinstance(theirs, int | float)
    if isinstance(ours, bool) or isinstance(theirs, bool) or not are_numbers:
        return type(ours) is type(theirs) and ours == theirs
    return ours == theirs


def difference(parsed: Parsed, fixture: dict[str, Any]) -> str:
    """Return in what an answer as we read it differs from the right one; "" in nothing."""
    if "expected_error" in fixture:
        return f"calls of a broken answer: {parsed.calls}" if parsed.calls else ""
    expected = fixture["expected"]
    ours = [[call.name, call.arguments] for call in parsed.calls]
    theirs = [[call["name"], call["arguments"]] for call in expected["tool_calls"]]
    if not same(ours, theirs):
        return f"calls {ours} ({parsed.malformed}), not {theirs}"
    for name, text in (("content", parsed.content), ("reasoning", parsed.reasoning)):
        right = expected["reasoning_content" if name == "reasoning" else name] or ""
        if text.strip() != right.strip():
            return f"{name} {text!r}, not {right!r}"
    return ""


ALL = list(every_fixture())


def test_the_whole_suite_is_there() -> None:
    """All recorded outputs, and no policy for one that is not among them."""
    assert len(ALL) == 469
    assert EXCUSED.keys() <= {fixture["id"] for fixture, _ in ALL}
    assert len(EXCUSED) <= 10


@pytest.mark.parametrize("family", sorted({fixture["family"] for fixture, _ in ALL}))
def test_every_recorded_output_is_read_as_the_suite_says(family: str) -> None:
    """Calls, content and reasoning agree in every way of reading, but for the named policies."""
    differences = []
    for fixture, prompt in ALL:
        if fixture["family"] != family or fixture["id"] in EXCUSED:
            continue
        text = fixture["raw_output"]
        if "truncated" in fixture["tags"]:
            text = opened_by(prompt) + text
        for way, read in readers(fixture).items():
            if problem := difference(read(text), fixture):
                differences.append(f"{fixture['id']}, {way}: {problem}")
    assert differences == []


@pytest.mark.parametrize("identity", sorted(EXCUSED))
def test_a_policy_gives_no_call_and_says_so(identity: str) -> None:
    """What deviates is malformed, with a reason: it earns nothing and is counted."""
    for fixture, prompt in ALL:
        if fixture["id"] == identity:
            for way, read in readers(fixture).items():
                parsed = read(opened_by(prompt) + fixture["raw_output"])
                assert difference(parsed, fixture), "no policy is needed any more"
                assert (parsed.calls, bool(parsed.malformed)) == ([], True), way


@pytest.mark.parametrize("identity", POLICIES["cut second call"] + ["kimi/k3-parallel-same-tool"])
def test_no_beginning_of_an_answer_gives_a_cut_call(identity: str) -> None:
    """Cut anywhere, an answer gives calls that the whole one has, or none."""
    for fixture, _ in ALL:
        if fixture["id"] == identity:
            text = fixture["raw_output"]
            right = [
                [each["name"], each["arguments"]] for each in fixture["expected"]["tool_calls"]
            ]
            for end in range(len(text)):
                calls = detect.parse(text[:end]).calls
                assert [[call.name, call.arguments] for call in calls] in ([], right[: len(calls)])


def test_a_string_may_quote_the_markup_wherever_the_answer_is_cut() -> None:
    """No beginning of a recorded output gives a call with half a string, in any family."""
    wrong = []
    for fixture, _ in ALL:
        expected = fixture.get("expected")
        if not expected or "marker-in-arguments" not in fixture["tags"]:
            continue
        right = [[call["name"], call["arguments"]] for call in expected["tool_calls"]]
        for way, read in readers(fixture).items():
            for end in range(len(fixture["raw_output"])):
                calls = [
                    [call.name, call.arguments] for call in read(fixture["raw_output"][:end]).calls
                ]
                if not same(calls, right[: len(calls)]):
                    wrong.append(f"{fixture['id']}, {way}, cut at {end}: {calls}")
    assert wrong == []
