"""What a conversation becomes for SFT, GRPO, and step by step."""

import json
from typing import Any

import pytest

from swiftkit.errors import DataError
from swiftkit.records import Row
from swiftkit.targets import TARGETS


def call(name: str) -> dict[str, str]:
    return {"role": "tool_call", "content": json.dumps({"name": name, "arguments": {}})}


def said(role: str) -> dict[str, str]:
    return {"role": role, "content": role}


CHAIN = [
    said("user"),
    said("assistant"),
    call("f"),
    call("g"),
    said("tool_response"),
    call("h"),
    said("tool_response"),
    said("assistant"),
]
CHAT = [said("user"), said("assistant"), said("user"), said("assistant")]


def cut(target: str, messages: list[dict[str, str]], **columns: str) -> list[Row]:
    row: Any = {"id": "r", "source": "f:1", "messages": messages, **columns}
    return list(TARGETS[target](row))


def expected(row: Row) -> list[str]:
    return [gold["name"] for gold in json.loads(row["expected_calls"])]


def test_sft_keeps_the_conversation() -> None:
    """All of it; the gold is for evaluation."""
    (row,) = cut("sft", CHAIN, expected_calls="[]")
    assert row["messages"] == CHAIN
    assert "expected_calls" not in row


def test_grpo_ends_before_the_last_calls() -> None:
    """The row ends at a tool's result or a question; the calls are the gold."""
    (row,) = cut("grpo", CHAIN)
    assert row["messages"] == CHAIN[:5]
    assert expected(row) == ["h"]
    assert "chain" not in row


def test_grpo_without_calls_wants_none() -> None:
    """The last answer is cut off; no tool is wanted."""
    for target in ("grpo", "grpo_steps"):
        (row,) = cut(target, CHAT)
        assert row["messages"] == CHAT[:3]
        assert row["expected_calls"] == "[]"


def test_each_step_is_a_row_of_one_chain() -> None:
    """Every answer with calls, each after the true history; parallel calls are one step."""
    first, second = cut("grpo_steps", CHAIN)
    assert (first["messages"], expected(first), first["id"], first["chain"]) == (CHAIN[:1], ["f", "g"], "r#1", "r")
    assert (second["messages"], expected(second), second["id"], second["chain"]) == (CHAIN[:5], ["h"], "r#2", "r")


def test_given_gold_belongs_to_the_last_answer() -> None:
    """It is kept as it is, whether the answer stands in the messages or not."""
    gold = '[{"name":"f","arguments":{},"accepted":{"a":[1]},"optional":["a"]}]'
    for messages in ([said("user"), call("f")], [said("user")]):
        for target in ("grpo", "grpo_steps"):
            (row,) = cut(target, messages, expected_calls=gold)
            assert (row["messages"], row["expected_calls"], row["id"]) == ([said("user")], gold, "r")


@pytest.mark.parametrize("target", list(TARGETS))
def test_no_answer_is_refused(target: str) -> None:
    """A question alone can be neither trained on nor scored."""
    with pytest.raises(DataError) as caught:
        cut(target, [said("user")])
    assert caught.value.code == "no_answer"
