"""Rows as OpenAI conversations: what the raw conversation was, whatever form the row has."""

import json
from typing import Any

import pytest

from swiftkit.data.from_openai import messages_of
from swiftkit.data.rows import make_row
from swiftkit.data.to_openai import openai_messages
from swiftkit.errors import DataError
from swiftkit.rendering.neutral_messages import neutral


def call(name: str, identity: str = "") -> dict[str, Any]:
    item: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": "{}"}}
    return {"id": identity, **item} if identity else item


def answer(text: str | None, *calls: dict[str, Any], **more: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text, **more}
    return message | {"tool_calls": list(calls)} if calls else message


def result(text: str, identity: str, **more: str) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": identity, "content": text, **more}


USER = {"role": "user", "content": "Rain?"}
CONVERSATIONS = {
    "ids, names, reasoning": [
        {"role": "system", "content": "Be brief."},
        USER,
        answer("I look.\n\n", call("f", "a"), call("g", "b"), reasoning_content="\nBoth. "),
        result("1", "a", name="f"),
        result("2", "b", name="g"),
        answer(None, call("f", "a"), reasoning_content="Once more."),  # an id again
        result("3", "a"),
        answer("No.", reasoning_content="Sure."),
    ],
    "no reasoning": [USER, answer("No."), USER, answer("Still no.\n")],
    "text like markup": [USER, answer("Write <tool_call> around it.")],
    "a break before calls": [USER, answer("I look.\n", call("f", "c")), result("1", "c")],
}


def row_messages(conversation: list[dict[str, Any]]) -> Any:
    return make_row(messages_of(conversation, "messages"), {}, ())["messages"]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_row_gives_its_conversation_back(name: str) -> None:
    """Text, reasoning, ids and names to the letter."""
    there = openai_messages(row_messages(CONVERSATIONS[name]), "here", reads_markup=False)
    assert neutral(there) == neutral(CONVERSATIONS[name])


def test_ids_are_made_up_where_there_are_none() -> None:
    """And tie the results to the calls, in their order."""
    conversation = [USER, answer(None, call("f"), call("g")), result("1", "x"), result("2", "y")]
    for message in conversation[2:]:
        del message["tool_call_id"]
    *_, calling, first, second = openai_messages(row_messages(conversation), "here")
    assert [each["id"] for each in calling["tool_calls"]] == ["call_1_1", "call_1_2"]
    assert (first["tool_call_id"], second["tool_call_id"]) == ("call_1_1", "call_1_2")


def test_a_result_follows_its_id() -> None:
    """Where rows that nobody converted have results in another order."""
    messages: list[dict[str, Any]] = [USER]
    for identity in ("a", "b"):
        content = json.dumps({"name": "f", "arguments": {}})
        messages.append({"role": "tool_call", "content": content, "tool_call_id": identity})
    for identity in ("b", "a"):
        text = f"of {identity}"
        messages.append({"role": "tool_response", "content": text, "tool_call_id": identity})
    results = openai_messages(messages, "here")[-2:]
    assert results == [result("of b", "b"), result("of a", "a")]


def test_older_rows_are_read() -> None:
    """Reasoning that stands in the text comes out of it, before a call too; what it does not
    begin with stays."""
    messages = [
        USER,
        {"role": "assistant", "content": "<think>\nHm.\n</think>\n\n"},
        {"role": "tool_call", "content": '{"name":"f","arguments":{}}'},
        {"role": "tool_response", "content": "1"},
        {"role": "assistant", "content": "<think>\nSure.\n</think>\n\nNo."},
    ]
    _, calling, _, last = openai_messages(messages, "here")
    assert (calling["content"], calling["reasoning_content"]) == ("", "Hm.")
    assert (last["content"], last["reasoning_content"]) == ("No.", "Sure.")
    text = "Sure.\n</think>\n\nNo."
    kept = openai_messages([USER, {"role": "assistant", "content": text}], "here")
    assert kept[1] == {"role": "assistant", "content": text}


def test_calls_in_a_text_become_calls_where_they_are_read() -> None:
    """As KTO's rows have them, with their reasoning; training leaves the text as it is."""
    markup = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'
    text = f"<think>\nHm.\n</think>\n\nI look.\n{markup}"
    messages = [USER, {"role": "assistant", "content": text}]
    read = openai_messages(messages, "here")[1]
    assert (read["content"].strip(), read["reasoning_content"]) == ("I look.", "Hm.")
    assert read["tool_calls"][0]["function"]["name"] == "f"
    left = openai_messages(messages, "here", reads_markup=False)[1]
    assert "tool_calls" not in left
    assert left["content"] == f"I look.\n{markup}"


def test_two_reasonings_are_refused() -> None:
    """One in the text and another beside it: which one is it?"""
    conversation = [USER, answer("<think>\nHm.\n</think>\n\nNo.", reasoning_content="Sure.")]
    with pytest.raises(DataError) as caught:
        row_messages(conversation)
    assert caught.value.code == "two_reasonings"
    conversation[1]["reasoning_content"] = "Hm."
    assert row_messages(conversation)[1] == {
        "role": "assistant",
        "content": "No.",
        "reasoning_content": "Hm.",
    }
