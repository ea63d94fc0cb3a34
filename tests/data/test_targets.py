"""The rows of a conversation for SFT, GRPO, step by step, as a preference pair, and for KTO."""

import json
from typing import Any

import pytest

from swiftkit.data.targets import TARGETS
from swiftkit.errors import DataError
from swiftkit.records import GOLD_COLUMNS, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes


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


def cut(target: str, messages: list[dict[str, str]], **columns: Any) -> list[Row]:
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
    assert (first["messages"], expected(first), first["id"], first["chain"]) == (
        CHAIN[:1],
        ["f", "g"],
        "r#1",
        "r",
    )
    assert (second["messages"], expected(second), second["id"], second["chain"]) == (
        CHAIN[:5],
        ["h"],
        "r#2",
        "r",
    )


def test_given_gold_belongs_to_the_last_answer() -> None:
    """It is kept as it is, whether the answer stands in the messages or not."""
    gold = '[{"name":"f","arguments":{},"accepted":{"a":[1]},"optional":["a"]}]'
    for messages in ([said("user"), call("f")], [said("user")]):
        for target in ("grpo", "grpo_steps"):
            (row,) = cut(target, messages, expected_calls=gold)
            assert (row["messages"], row["expected_calls"], row["id"]) == (
                [said("user")],
                gold,
                "r",
            )


def test_a_prompt_with_a_gold_column_stays_as_it_is() -> None:
    """A reward function compares with the column; earlier answers in the prompt are no answers to
    cut before."""
    messages = [said("user"), call("f"), said("tool_response"), said("assistant"), said("user")]
    for column in GOLD_COLUMNS:
        (row,) = cut("grpo", messages, **{column: "2"})
        assert (row["messages"], row.get(column), "expected_calls" in row) == (messages, "2", False)
        (step,) = cut("grpo_steps", messages, **{column: "2"})
        assert (step["messages"], step["id"], step["chain"]) == (messages, "r", "r")


def test_a_gold_column_beside_an_answer_does_not_keep_the_answer() -> None:
    """The prompt of GRPO must not hold what is asked for."""
    (row,) = cut("grpo", CHAT, ground_truth="x")
    assert row["messages"] == CHAT[:3]


def test_whole_without_answer_is_a_prompt() -> None:
    """A question alone stays a prompt with its gold; a gold beside its answer is left out, as
    training would."""
    (question,) = cut("whole", [said("user")], expected_calls="[]")
    assert question["expected_calls"] == "[]"
    (answered,) = cut("whole", CHAIN, expected_calls="[]", label="false", rejected_response="[]")
    assert answered == {"id": "r", "source": "f:1", "messages": CHAIN}


@pytest.mark.parametrize("target", ["sft", "grpo", "grpo_steps"])
def test_a_bad_answer_is_no_example(target: str) -> None:
    """What a label calls bad is neither trained on nor the gold; what it calls good is, without the
    label."""
    assert cut(target, CHAIN, label="false") == []
    assert all("label" not in row for row in cut(target, CHAIN, label="true"))
    assert cut(target, CHAIN, label="true")


def test_sft_keeps_the_label_of_a_classifier() -> None:
    """The label of a classifier's row stays as it is."""
    (row,) = cut("sft", CHAT, label=0)
    assert row["label"] == 0


def test_preference_writes_the_rejected_side_as_messages() -> None:
    """A list, which can hold a call; a number for the margin."""
    worse = json.dumps([call("h"), said("tool_response"), said("assistant")])
    (row,) = cut(
        "preference",
        [said("user"), call("f")],
        rejected_response=worse,
        margin="0.5",
        expected_calls="[]",
    )
    assert row["messages"] == [said("user"), call("f")]
    assert row["rejected_response"] == json.loads(worse)
    assert row["margin"] == 0.5
    assert "expected_calls" not in row


@pytest.mark.parametrize("target", ["sft", "grpo"])
def test_other_targets_take_the_better_answer_of_a_pair(target: str) -> None:
    """Nothing of the rejected side remains."""
    (row,) = cut(
        target, [said("user"), call("f")], rejected_response=json.dumps([call("h")]), margin="1"
    )
    assert not {"rejected_response", "margin"} & row.keys()
    assert "h" not in json.dumps(row["messages"])


def test_kto_ends_with_text() -> None:
    """The last answer's text and calls are one text, as Hermes writes them, its reasoning folded
    into it; earlier calls stay calls."""
    last = {"role": "assistant", "content": "Now.", "reasoning_content": "Hm."}
    messages = [*CHAIN[:5], last, call("h"), call("i")]
    for label in ("true", "false"):
        (row,) = cut("kto", messages, label=label)
        assert row["messages"][:-1] == CHAIN[:5]
        text = "<think>\nHm.\n</think>\n\nNow.\n" + hermes.render(
            [ToolCall("h", {}), ToolCall("i", {})]
        )
        assert row["messages"][-1] == {"role": "assistant", "content": text}
        assert row["label"] is (label == "true")


def test_kto_of_an_older_row_adds_no_second_line_break() -> None:
    """A line break before the calls is there already."""
    older = [said("user"), {"role": "assistant", "content": "Now.\n"}, call("h")]
    (row,) = cut("kto", older, label="true")
    assert row["messages"][-1]["content"] == "Now.\n" + hermes.render([ToolCall("h", {})])


def test_kto_without_calls_keeps_reasoning_apart() -> None:
    """Then the chat template can write it in its own way."""
    last = {"role": "assistant", "content": "Clear.", "reasoning_content": "Hm."}
    (row,) = cut("kto", [said("user"), last], label="true")
    assert row["messages"][-1] == last


def test_kto_keeps_the_flag_of_a_loss() -> None:
    """What is not to be trained on is not trained on as text either."""
    (row,) = cut("kto", [said("user"), {**call("f"), "loss": False}], label="true")
    assert row["messages"][-1]["loss"] is False


def test_kto_makes_two_rows_of_a_pair() -> None:
    """The better answer is good and the worse one bad, both after the same question."""
    messages = [*CHAT, said("user"), call("f"), said("tool_response"), said("assistant")]
    good, bad = cut("kto", messages, rejected_response=json.dumps([call("h")]))
    assert (good["id"], good["messages"], good["label"]) == ("r#chosen", messages, True)
    assert (bad["id"], bad["messages"][:5], bad["label"]) == ("r#rejected", messages[:5], False)
    assert bad["messages"][5:] == [
        {"role": "assistant", "content": hermes.render([ToolCall("h", {})])}
    ]


def test_a_prompt_without_gold_needs_a_column_for_the_reward() -> None:
    """Any will do where nothing is an answer; beside earlier answers only gold tells a prompt from
    a conversation."""
    (row,) = cut("grpo", [said("user")], difficulty="hard")
    assert (row["messages"], row.get("difficulty"), "expected_calls" in row) == (
        [said("user")],
        "hard",
        False,
    )
    (row,) = cut("grpo", CHAT[:3], difficulty="hard")
    assert (row["messages"], row["expected_calls"]) == (CHAT[:1], "[]")
    with pytest.raises(DataError) as caught:
        cut("grpo", [said("user")], tools="[]", category="c")
    assert caught.value.code == "no_answer"
    assert "solution" in caught.value.fix


@pytest.mark.parametrize("target", ["sft", "grpo", "grpo_steps"])
def test_no_answer_is_refused(target: str) -> None:
    """A question alone can be neither trained on nor scored."""
    with pytest.raises(DataError) as caught:
        cut(target, [said("user")])
    assert caught.value.code == "no_answer"


@pytest.mark.parametrize(
    ("target", "messages", "columns", "code"),
    [
        ("preference", CHAT, {}, "no_rejected"),
        ("kto", CHAT, {}, "no_label"),
        ("kto", CHAT, {"label": 1}, "no_label"),
        ("kto", CHAT[:3], {"label": "true"}, "no_answer"),
    ],
)
def test_what_a_target_needs_is_named(
    target: str, messages: Any, columns: dict[str, Any], code: str
) -> None:
    """A row without it is refused, with the fix."""
    with pytest.raises(DataError) as caught:
        cut(target, messages, **columns)
    assert caught.value.code == code
    assert caught.value.fix
