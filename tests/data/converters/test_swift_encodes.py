"""Real ms-swift loads and encodes every golden row, strictly, and trains on the answers and nothing
else."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import GOLDEN, ROOT
from helpers.real_swift import encode_answers_with_swift, encode_with_swift

from swiftkit.data.check_row import call_from_message
from swiftkit.data.encode import HARMONY
from swiftkit.data.folded import folded
from swiftkit.data.targets import TARGETS, after_last_user
from swiftkit.errors import DataError
from swiftkit.files.jsonl import encode
from swiftkit.toolcall.formats import hermes

MODEL = Path(os.environ.get("SWIFTKIT_TINY_MODEL") or ROOT / "recipes" / "tiny" / "qwen3")
GPT_OSS = ROOT / "recipes" / "tiny" / "gpt_oss"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not (MODEL / "config.json").exists(), reason=f"no tiny model in {MODEL}"),
]


def golden_rows(target: str) -> list[dict[str, Any]]:
    """What the goldens of all formats become with `--to TARGET`, as far as they have what it
    needs; folded, as swift's own templates read them."""
    rows = []
    for number, given in enumerate(_goldens()):
        for row in _targeted(target, number, given):
            for column in {"messages", "rejected_response"} & row.keys():
                row[column] = folded(row[column])
            rows.append(row)
    return rows


def _goldens() -> list[dict[str, Any]]:
    files = sorted(GOLDEN.glob("*.json"))
    cases = [case for file in files for case in json.loads(file.read_text(encoding="utf-8"))]
    return [row for case in cases for row in case.get("out", [])]


def _targeted(target: str, number: int, given: Any) -> Iterator[dict[str, Any]]:
    with suppress(DataError):
        yield from json.loads(encode(list(TARGETS[target]({"id": f"golden_{number}"} | given))))


def trained_text(messages: list[dict[str, Any]]) -> str:
    """The answers, as the Hermes format writes them, without white space."""
    calls = {
        index: hermes.render([call_from_message(message, "here")])  # type: ignore[arg-type]
        for index, message in enumerate(messages)
        if message["role"] == "tool_call" and message.get("loss", True)
    }
    answers = [
        calls.get(
            index,
            message["content"]
            if message["role"] == "assistant" and message.get("loss", True)
            else "",
        )
        for index, message in enumerate(messages)
    ]
    return "".join("".join(answers).split())


def last_round(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What stands after the last question or tool's result: all that `swift rlhf` trains on."""
    asks = [
        index
        for index, message in enumerate(messages, 1)
        if message["role"] in ("user", "tool_response")
    ]
    return messages[asks[-1] :]


def seen_text(side: dict[str, Any]) -> str:
    return "".join("".join(side["trained"]).replace("<|im_end|>", "").split())


def written(rows: list[dict[str, Any]], folder: Path) -> Path:
    data = folder / "rows.jsonl"
    data.write_bytes(b"".join(encode(row) + b"\n" for row in rows))
    return data


def test_swift_trains_on_the_answers(tmp_path: Path) -> None:
    """Strict loading keeps every row; what carries a loss is each assistant text and each call, in
    order."""
    rows = golden_rows("sft")
    encoded = encode_with_swift(MODEL, "qwen3", "qwen3_nothinking", written(rows, tmp_path))
    assert len(encoded) == len(rows)
    for row, seen in zip(rows, encoded, strict=True):
        assert seen_text(seen) == trained_text(row["messages"])
        for message in row["messages"]:
            if message["role"] in ("system", "user", "tool_response"):
                assert message["content"] in seen["text"]


@pytest.mark.skipif(not GPT_OSS.exists(), reason=f"no tiny model in {GPT_OSS}")
def test_gpt_oss_trains_on_the_answers(tmp_path: Path) -> None:
    """With Harmony's renderer: each text with a loss and each call's name and arguments stand in
    what is trained. What Harmony cannot write is refused there and left out here: text and
    reasoning before one call, names with a blank, text without a question."""
    rows = []
    for row in golden_rows_apart("sft"):
        if has_form_in_harmony(row["messages"]):
            rows.append(row)
    assert len(rows) > 250
    data = written(rows, tmp_path)
    encoded = encode_with_swift(GPT_OSS, "gpt_oss", "gpt_oss", data, HARMONY)
    assert len(encoded) == len(rows)
    for row, seen in zip(rows, encoded, strict=True):
        trained = "".join("".join(seen["trained"]).split())
        last = row["messages"][-1]
        if not last.get("loss", True):
            continue
        if last["role"] == "assistant":
            assert "".join(last["content"].split()) in trained
        else:
            assert f"functions.{json.loads(last['content'])['name']}" in trained


def golden_rows_apart(target: str) -> list[dict[str, Any]]:
    """As golden_rows, with the reasoning in a key of its own, as swiftkit's plugins read it."""
    return [row for n, given in enumerate(_goldens()) for row in _targeted(target, n, given)]


def has_form_in_harmony(messages: list[dict[str, Any]]) -> bool:
    for message, following in pairwise(messages):
        thinks = message.get("reasoning_content") and message["content"].strip()
        if following["role"] == "tool_call" and thinks:
            return False
    names = [
        call_from_message(message, "here").name  # type: ignore[arg-type]
        for message in messages
        if message["role"] == "tool_call"
    ]
    has_question = any(message["role"] == "user" for message in messages)
    return has_question and not any(" " in name for name in names)


def test_swift_compares_both_answers_of_a_pair(tmp_path: Path) -> None:
    """Both sides see the whole question and its tools, and each is trained on its own answer; calls
    are calls."""
    rows = golden_rows("preference")
    encoded = encode_answers_with_swift(
        MODEL, "qwen3", "qwen3_nothinking", "rlhf", written(rows, tmp_path)
    )
    assert len(encoded) == len(rows)
    assert any("<tool_call>" in seen_text(seen["rejected"]) for seen in encoded)
    for row, seen in zip(rows, encoded, strict=True):
        question = row["messages"][: after_last_user(row["messages"])]
        sides = {"chosen": row["messages"], "rejected": [*question, *row["rejected_response"]]}
        for name, messages in sides.items():
            assert seen_text(seen[name]) == trained_text(last_round(messages))
            assert all(message["content"] in seen[name]["text"] for message in question)
            assert ("# Tools" in seen[name]["text"]) == ("tools" in row)
        assert seen["margin"] == row.get("margin")


def test_swift_judges_the_last_answer(tmp_path: Path) -> None:
    """KTO keeps each row and its label, and is trained on the last answer alone, also where that is
    a call."""
    unlike: dict[str, dict[str, Any]] = {
        row["messages"][-1]["content"]: row for row in golden_rows("kto")
    }
    rows = list(unlike.values())  # KTO's pairs must differ in their answers
    encoded = encode_answers_with_swift(
        MODEL, "qwen3", "qwen3_nothinking", "kto", written(rows, tmp_path)
    )
    assert [seen["label"] for seen in encoded] == [row["label"] for row in rows]
    assert {row["label"] for row in rows} == {True, False}
    assert any("<tool_call>" in seen_text(seen["chosen"]) for seen in encoded)
    for row, seen in zip(rows, encoded, strict=True):
        assert seen_text(seen["chosen"]) == trained_text(row["messages"][-1:])
        assert ("# Tools" in seen["chosen"]["text"]) == ("tools" in row)
