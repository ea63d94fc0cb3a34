"""Bodies of chat completions, whatever their shape."""

from typing import Any

import pytest
from helpers.endpoints import GOOD, ask, in_turn
from helpers.servers import Reply, message

from swiftkit.toolcall import detect
from swiftkit.toolcall.formats import hermes


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        (["a", None, {"type": "text", "text": None}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "text", "text": "a"}], "a"),
        ([{"type": "refusal", "refusal": "No."}], "No."),
    ],
)
def test_read_completion_content_that_is_no_string_is_read(content: Any, text: str) -> None:
    """Null and lists of parts are read; a part that is null, or holds no text, is nothing."""
    response, _ = ask(lambda _: message(content))
    assert (response.text, response.tool_calls, response.error) == (text, None, "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"choices": None}, "the body is no chat completion"),
        ({"choices": [{"message": None}]}, "the body is no chat completion"),
        ({"choices": [{"text": "fine"}]}, "the body is no chat completion"),
        ({"choices": [{"message": {"content": 3}}]}, "neither text nor a list of parts: 3"),
        ({"choices": [{"message": {"content": {"text": "a"}}}]}, "neither text nor a list"),
        ({"choices": [{"message": {"content": [{"text": 3}]}}]}, "a part that is no text"),
        ({"error": {"message": "upstream died"}}, "with an error: upstream died"),
        ({"error": "overloaded", "choices": []}, "with an error: overloaded"),
        (
            {"choices": [{"message": {"content": "fi"}, "finish_reason": "error"}]},
            "with an error: finish_reason error",
        ),
        (
            {"choices": [{"message": {"content": "fine"}, "finish_reason": "ABORT"}]},
            "with an error: finish_reason ABORT",
        ),
        (
            {"choices": [{"message": {"content": ""}, "error": {"message": "upstream died"}}]},
            "with an error: upstream died",
        ),
    ],
)
def test_error_or_wrong_shape_is_no_answer(change: dict[str, Any], reason: str) -> None:
    """It is asked again like any passing fault; one that lasts is an error with its reason."""
    bad = message("fine")
    bad.body.update(change)
    response, asked = ask(in_turn(bad, GOOD))
    assert (response.text, response.error, asked) == ("fine", "", 2)
    response, _ = ask(lambda _: bad)
    assert response.error.startswith("HTTP 200, but ")
    assert reason in response.error


def test_refusal_is_text_and_odd_counts_are_none() -> None:
    """What the model says beside an empty content is its answer; a count that no counter gives is
    left out, and the journal can hold the rest."""
    reply = message(None)
    reply.body["choices"][0]["message"]["refusal"] = "I cannot."
    reply.body["usage"] = {"a": -1, "b": 10**30, "c": True, "d": 2.5, "e": None, "f": 7, "g": 8.0}
    response, _ = ask(lambda _: reply)
    assert (response.text, response.usage) == ("I cannot.", {"f": 7, "g": 8})


@pytest.mark.parametrize("arguments", ['{"x": ', "[1]", "none", "NaN", '{"x": 1}, "y": {', '"{}"'])
def test_read_completion_unreadable_arguments_stay_malformed(arguments: str) -> None:
    """The call that the endpoint parsed badly is kept as markup, which the scorer reads as
    malformed."""
    for text in ("", "Well.", "<|channel|>final<|message|>Well."):
        response, _ = ask(lambda _, text=text: message(text, [("f", arguments)]))  # type: ignore[misc]
        assert response.tool_calls is None
        assert detect.parse(response.text).malformed


@pytest.mark.parametrize(
    "tool_calls",
    [
        "x",
        {"a": 1},
        [None],
        [{"function": None}],
        [{"function": {"name": 3}}],
        [{"function": {"name": "f"}}],
        [[{"name": "f", "arguments": {}}]],
    ],
)
def test_read_completion_tool_calls_of_any_shape_never_raise(tool_calls: Any) -> None:
    """Nonsense in tool_calls is malformed output of the model, not a crash and not silence."""
    reply = message("")
    reply.body["choices"][0]["message"]["tool_calls"] = tool_calls
    response, _ = ask(lambda _: reply)
    assert response.tool_calls is None
    assert hermes.parse(response.text).malformed


@pytest.mark.parametrize(
    ("given", "key", "text"),
    [
        ({"reasoning_content": "hm"}, "reasoning_content", "hm"),
        ({"reasoning": "hm", "reasoning_content": None}, "reasoning", "hm"),
        ({"reasoning": "hm", "reasoning_content": "hm"}, "reasoning", "hm"),
        ({"reasoning_content": None, "reasoning": ""}, "", ""),
        ({"reasoning": [{"text": "hm"}]}, "", ""),
    ],
)
def test_read_completion_keeps_reasoning_and_its_key(
    given: dict[str, Any], key: str, text: str
) -> None:
    """Also of a stream; it goes back under the key in which it came."""
    reply = message("fine")
    reply.body["choices"][0]["message"] |= given
    delta = {"content": "fine", **given}
    choices: list[Any] = [{"delta": delta}, {"delta": {}, "finish_reason": "stop"}]
    chunks = [{"choices": [choice]} for choice in choices]
    for answer in (reply, Reply(events=(*chunks, "[DONE]"))):
        response, _ = ask(lambda _, answer=answer: answer, stream=bool(answer.events))  # type: ignore[misc]
        assert (response.reasoning_key, response.reasoning, response.text) == (key, text, "fine")
