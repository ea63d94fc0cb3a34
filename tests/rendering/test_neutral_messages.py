"""OpenAI messages in one form."""

from typing import Any

import pytest

from swiftkit.errors import DataError
from swiftkit.rendering.neutral_messages import neutral

ASKED = {"role": "user", "content": "?"}


def call(arguments: Any) -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": "a", "function": function}]}


@pytest.mark.parametrize("content", [None, "", [], [{"type": "text", "text": ""}]])
def test_no_content_is_an_empty_text(content: Any) -> None:
    """As vLLM and SGLang hand it to a template."""
    assert neutral([{"role": "assistant", "content": content}])[0]["content"] == ""
    assert neutral([{"role": "assistant"}])[0]["content"] == ""


def test_text_parts_are_one_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert neutral([{"role": "user", "content": parts}]) == [{"role": "user", "content": "ab"}]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_has_one_key(key: str) -> None:
    message = {"role": "assistant", "content": "a", key: "b"}
    expected = {"role": "assistant", "content": "a", "reasoning_content": "b"}
    assert neutral([message]) == [expected]


@pytest.mark.parametrize(
    ("arguments", "expected"), [('{"a": 1}', {"a": 1}), ({"a": 1}, {"a": 1}), ("", {}), ("{}", {})]
)
def test_arguments_are_objects(arguments: Any, expected: Any) -> None:
    assert neutral([call(arguments)])[0]["tool_calls"][0]["function"]["arguments"] == expected


def test_ids_and_names_stay_and_empty_calls_go() -> None:
    result = {"role": "tool", "name": "f", "tool_call_id": "a", "content": "1"}
    assert neutral([result, {**ASKED, "tool_calls": []}]) == [result, ASKED]


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], "no_messages"),
        ({}, "no_messages"),
        ([1], "bad_message"),
        ([{"content": "a"}], "bad_message"),
        ([{"role": ["user"], "content": "a"}], "bad_message"),
        ([{"role": "user", "content": 1}], "bad_content"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "bad_content"),
        ([{"role": "assistant", "thinking": "a", "reasoning": "b"}], "two_reasonings"),
        ([{"role": "assistant", "tool_calls": 1}], "bad_call"),
        ([{"role": "assistant", "tool_calls": ["f"]}], "bad_call"),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": 1}}]}], "bad_call"),
        ([call("[]")], "bad_call"),
        ([call([])], "bad_call"),
        ([call("{")], "bad_call"),
        ([call("[" * 100_000)], "bad_call"),
        ([call('{"a": 1, "a": 2}')], "duplicate_key"),
    ],
)
def test_what_is_no_conversation_is_refused(messages: Any, code: str) -> None:
    with pytest.raises(DataError) as caught:
        neutral(messages)
    assert caught.value.code == code
