"""Messages in the shapes that preference, KTO, GRPO and tau-bench rows hold."""

import json
from typing import Any

import pytest

from swiftkit.data.from_openai import messages_of, unfolded, with_system
from swiftkit.data.roles import role_of
from swiftkit.errors import DataError

CALLS = [
    {"id": "a", "function": {"name": "f", "arguments": "{}"}},
    {"id": "b", "function": {"name": "g", "arguments": ""}},
]


def result(identity: str) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": identity, "content": f"of {identity}"}


def test_results_stand_in_the_order_of_their_calls() -> None:
    """ms-swift ties them by position, OpenAI by id."""
    messages = messages_of(
        [{"role": "assistant", "content": None, "tool_calls": CALLS}, result("b"), result("a")], "m"
    )
    assert [message["content"] for message in messages[2:]] == ["of a", "of b"]
    assert [message["role"] for message in messages] == [
        "tool_call",
        "tool_call",
        "tool_response",
        "tool_response",
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"from": "human", "value": "Hi"}, [{"role": "user", "content": "Hi"}]),
        ({"from": "gpt", "value": "Hi"}, [{"role": "assistant", "content": "Hi"}]),
        (
            {"role": "developer", "content": [{"type": "text", "text": "Hi"}]},
            [{"role": "system", "content": "Hi"}],
        ),
        (
            {"role": "assistant", "content": "Hi", "weight": 0},
            [{"role": "assistant", "content": "Hi", "loss": False}],
        ),
        (
            {"role": "assistant", "reasoning_content": "Hm.", "content": "Hi"},
            [{"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}],
        ),
        (
            {"role": "tool_call", "content": {"name": "f", "arguments": {}}},
            [{"role": "tool_call", "content": '{"name":"f","arguments":{}}'}],
        ),
        (
            {
                "from": "function_call",
                "value": '[{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]',
            },
            [
                {"role": "tool_call", "content": '{"name":"f","arguments":{}}'},
                {"role": "tool_call", "content": '{"name":"g","arguments":{}}'},
            ],
        ),
    ],
)
def test_messages_of_every_shape_are_swifts(
    message: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    """Every shape becomes swift's."""
    assert messages_of([message], "m") == expected


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Hi", "bad_role"),
        ({"role": "judge", "content": "Hi"}, "bad_role"),
        ({"role": ["user"], "content": "Hi"}, "bad_role"),
        ({"role": "user", "content": {"text": "Hi"}}, "bad_content"),
        ({"role": "assistant", "tool_calls": {"name": "f"}}, "bad_call"),
        ({"role": "tool_call", "content": "f()"}, "bad_call"),
        ({"role": "assistant", "content": "Hi", "weight": 0.5}, "unsupported_loss_flag"),
    ],
)
def test_what_is_no_message_is_refused(message: Any, code: str) -> None:
    """By its code, with the place."""
    with pytest.raises(DataError) as caught:
        messages_of([message], "prompt")
    assert caught.value.code == code
    assert "prompt[0]" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "role"),
    [
        ("System", "system"), ("User", "user"), ("Chatbot", "assistant"), ("ASSISTANT", "assistant"),
        ("chatgpt", "assistant"), ("bard", "assistant"), ("ai", "assistant"),
        ("ipython", "tool_response"), ("environment", "tool_response"),
        ("Tool", "tool_response"), ("function-response", "tool_response"),
        ("function-call", "tool_call"),
    ],
)  # fmt: skip
def test_role_of_other_spellings(written: str, role: str) -> None:
    """Cohere's capital letters, Llama's ipython, hyphens for Glaive's underscores."""
    assert role_of({"role": written, "content": ""}) == role
    assert role_of({"from": written, "value": ""}) == role


def test_unknown_role_is_named_with_the_known_ones() -> None:
    with pytest.raises(DataError) as caught:
        messages_of([{"role": "user", "content": "Hi"}, {"role": "narrator", "content": "x"}], "m")
    assert caught.value.code == "bad_role"
    assert "m[1]" in caught.value.reason
    assert "narrator" in caught.value.reason
    assert "ipython" in caught.value.fix


def test_a_system_text_stands_once() -> None:
    """A column that repeats the first message adds nothing; another text comes first."""
    messages = messages_of([{"role": "system", "content": "Be brief."}], "m")
    assert with_system("Be brief.", messages) == messages
    assert with_system(" ", messages) == messages
    assert with_system("Be kind.", messages)[0]["content"] == "Be kind."


CHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
SHAREGPT = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"}]


@pytest.mark.parametrize(
    "name", ["messages", "conversations", "conversation", "dialog", "dialogue"]
)
@pytest.mark.parametrize("write", [lambda turns: turns, json.dumps], ids=["list", "text"])
def test_a_chat_comes_to_its_place(name: str, write: Any) -> None:
    """Whatever the list is called, and as JSON text: the column is that of its form, and the others
    stay."""
    assert unfolded({name: write(CHAT), "model": "m"}) == {"messages": CHAT, "model": "m"}
    assert unfolded({name: write(SHAREGPT)}) == {"conversations": SHAREGPT}


def test_unfolded_pairs_are_messages() -> None:
    """As older data sets have them; a pair with more in it is none."""
    assert unfolded({"conversation": [{"human": "Hi", "assistant": "Yo"}]}) == {"messages": CHAT}
    odd = {"conversation": [{"human": "Hi", "assistant": "Yo", "image": "x"}]}
    assert unfolded(odd) == odd


@pytest.mark.parametrize(
    "record", [{"conversation": "Hi"}, {"messages": [], "conversations": CHAT}, {"dialog": [1]}, {}]
)
def test_unfolded_leaves_what_is_no_chat(record: dict[str, Any]) -> None:
    """Text that is no list, and a list beside messages, are left alone."""
    assert unfolded(record) == record


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[{"role": "user"', "bad_message"),
        ('[{"role": "user", "content": "1", "content": "2"}]', "duplicate_key"),
    ],
)
def test_broken_json_text_is_refused(text: str, code: str) -> None:
    """It is a chat that would be lost."""
    with pytest.raises(DataError) as caught:
        unfolded({"messages": text})
    assert caught.value.code == code


def test_role_of_anything_never_raises() -> None:
    """Whatever stands there, the answer is a role or None."""
    assert [role_of(value) for value in ({"role": "tool"}, {"from": "gpt"}, {"role": []}, "user", None)] == [
        "tool_response", "assistant", None, None, None,
    ]  # fmt: skip
