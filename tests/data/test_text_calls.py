"""Calls in the texts of answers: in every wire format they become the calls, and never words."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.errors import DataError
from swiftkit.files.inputs import Chunk
from swiftkit.toolcall import wire_format
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import names

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer"},
                    "units": {"type": "array", "items": {"type": "string"}},
                    "note": {"type": "string"},
                },
                "required": ["city"],
            },
        },
    }
]
ONE = [ToolCall("get_weather", {"city": "Oslo"})]
TWO = [
    ToolCall("get_weather", {"city": "北京", "days": 3}),
    ToolCall("get_weather", {"city": "Rome", "units": ["C", "K"], "note": "5"}),
]


def outcome_of(record: dict[str, Any], target: str) -> ConvertOutcome:
    line = json.dumps(record).encode()
    (outcome,) = convert_chunk(Chunk(Path("raw.jsonl"), [(1, line)]), ConvertOptions(target))
    return outcome


def row_of(record: dict[str, Any], target: str) -> dict[str, Any]:
    outcome = outcome_of(record, target)
    assert outcome.reject is None, outcome.reject
    row: dict[str, Any] = json.loads(outcome.rows[0])
    return row


def layouts(text: str) -> dict[str, dict[str, Any]]:
    """A question and this answer, in each layout that holds an answer as one text."""
    question = "Weather?"
    return {
        "openai": {
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": text},
            ]
        },
        "sharegpt": {
            "conversations": [
                {"from": "human", "value": question},
                {"from": "gpt", "value": text},
            ]
        },
        "alpaca": {"instruction": question, "output": text},
        "completion": {"prompt": question, "completion": text},
        "kto": {"prompt": question, "completion": text, "label": True},
        "preference": {"prompt": question, "chosen": text, "rejected": "No."},
    }


@pytest.mark.parametrize("calls", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("form", names())
def test_a_call_in_any_wire_format_is_the_gold(form: str, calls: list[ToolCall]) -> None:
    """In each layout, and never "call nothing": a format that has no way to write two calls is
    refused when it writes, not here."""
    try:
        text = wire_format.load(form).render(calls)
    except DataError:
        pytest.skip(f"{form} cannot write these calls")
    if wire_format.load(form).parse(text).calls != calls:
        pytest.skip(f"{form} writes no types: read by the tools, see below")
    expected = [{"name": call.name, "arguments": call.arguments} for call in calls]
    for name, record in layouts(text).items():
        outcome = outcome_of(record | {"tools": TOOLS}, "grpo")
        assert outcome.reject is None, (name, text, outcome.reject)
        gold = json.loads(json.loads(outcome.rows[0])["expected_calls"])
        assert gold == expected, (name, text)


@pytest.mark.parametrize("form", names())
def test_no_gold_is_silence_where_a_call_was_written(form: str) -> None:
    """Whatever stands around the call: it is read, or refused."""
    text = wire_format.load(form).render(ONE)
    for written in (text, f"I look.\n{text}", f"{text}\n", text[: len(text) * 2 // 3]):
        for name, record in layouts(written).items():
            outcome = outcome_of(record | {"tools": TOOLS}, "grpo")
            if outcome.reject is None:
                gold = json.loads(json.loads(outcome.rows[0])["expected_calls"])
                assert gold, (name, written)


def test_parameters_in_a_prompt_are_no_tools() -> None:
    """Qwen's ReAct prompt lists a tool's parameters as objects with names."""
    prompt = (
        'You have access to the following tools:\n\nsearch: find things. Parameters: [{"name":'
        ' "q", "description": "what", "required": true}]\n\nUse the following format:\n\nQuestion:'
        " the input question\nThought: think\nAction: the action, one of [search]\nAction Input:"
        " its input\nObservation: the result\nFinal Answer: the answer\n\nBegin!\n"
    )
    messages = [
        {"role": "system", "content": prompt},
        {"role": "user", "content": "Rain?"},
        {
            "role": "assistant",
            "content": 'Thought: ask\nAction: search\nAction Input: {"q": "rain"}',
        },
        {"role": "user", "content": "Observation: yes"},
        {"role": "assistant", "content": "Thought: done\nFinal Answer: Yes."},
    ]
    row = row_of({"messages": messages}, "sft")
    assert "tools" not in row
    assert "Action Input" not in row["messages"][0]["content"]
    roles = [message["role"] for message in row["messages"][1:]]
    assert roles == ["user", "assistant", "tool_call", "tool_response", "assistant"]
    assert row["messages"][-1] == {
        "role": "assistant",
        "content": "Yes.",
        "reasoning_content": "done",
    }


def test_the_recorded_answer_earns_all_and_silence_nothing(tmp_path: Path) -> None:
    """Of a GRPO file of each format in each layout, as `swiftkit score` pays them."""
    rows: list[bytes] = []
    recorded: dict[str, str] = {}
    for form in names():
        text = wire_format.load(form).render(ONE)
        for layout, record in layouts(text).items():
            identity = f"{form}-{layout}"
            outcome = outcome_of(record | {"tools": TOOLS, "id": identity}, "grpo")
            assert outcome.reject is None, (identity, outcome.reject)
            rows.append(outcome.rows[0])
            recorded[json.loads(outcome.rows[0])["id"]] = text
    data = tmp_path / "grpo.jsonl"
    data.write_bytes(b"".join(row + b"\n" for row in rows))
    assert len(recorded) == len(rows)
    for expected, answers in ((1.0, recorded), (0.0, dict.fromkeys(recorded, "Sorry, no."))):
        completions = tmp_path / "completions.jsonl"
        lines = [json.dumps({"id": key, "completion": text}) for key, text in answers.items()]
        completions.write_text("\n".join(lines) + "\n", encoding="utf-8")
        scores = tmp_path / "scores.jsonl"
        command = [sys.executable, "-m", "swiftkit", "score", data]
        subprocess.run([*command, "--completions", completions, "-o", scores], check=True)
        for line in scores.read_text(encoding="utf-8").splitlines():
            assert json.loads(line)["value"] == expected, line
