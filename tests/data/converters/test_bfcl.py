"""The whole of BFCL, where it is at hand: every row accounted for, and every gold worth exactly
1."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import SHARED_DATA

from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions
from swiftkit.files.jsonl import read_objects
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_text
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes

FILES = sorted((SHARED_DATA / "bfcl").glob("BFCL_v4_*.json"))
pytestmark = pytest.mark.skipif(
    not FILES, reason=f"no BFCL in {SHARED_DATA}: set SWIFTKIT_SHARED_DATA to the folder of bfcl/"
)


def converted(file: Path, folder: Path, target: str) -> tuple[Any, list[dict[str, Any]]]:
    out = folder / "out.jsonl"
    report = convert_files([file], out, None, ConvertOptions(target))
    return report, [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_row_is_accounted_for(file: Path, tmp_path: Path) -> None:
    """Single-turn questions become evaluation rows without a reject; a multi-turn conversation is
    refused only where its file leaves something out: a parameter's name, which the tools' own files
    give, or an answer in words."""
    report, rows = converted(file, tmp_path, "grpo")
    questions = sum(bool(line.strip()) for line in file.read_bytes().splitlines())
    assert report.rows_in == questions == report.rows_accepted + report.rows_rejected
    assert len(rows) == report.rows_out == report.rows_accepted > 0
    left_out = {"unnamed_arguments", "unanswered_turn"} if "multi_turn" in file.name else set()
    assert set(report.rejects) <= left_out
    assert report.rows_rejected < questions / 5


@pytest.mark.parametrize("target", ["grpo", "grpo_steps"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_gold_scores_one(file: Path, target: str, tmp_path: Path) -> None:
    """Each concrete answer, of each step, and with another acceptable value in one place, is
    exact."""
    for row in converted(file, tmp_path, target)[1]:
        gold = gold_from(row["expected_calls"], row["source"])
        calls = [ToolCall(call.name, call.arguments) for call in gold.calls]
        found = score_text(hermes.render(calls), gold)
        assert (found.value, found.exact) == (1.0, True), (row["id"], found.reason)
        for position, call in enumerate(gold.calls):
            for name, values in call.accepted.items():
                made = ToolCall(call.name, call.arguments | {name: values[-1]})
                found = score_text(
                    hermes.render([*calls[:position], made, *calls[position + 1 :]]), gold
                )
                assert found.exact, (row["id"], found.reason)


@pytest.mark.parametrize(
    "file", [file for file in FILES if "multi_turn" in file.name], ids=lambda file: file.stem
)
def test_every_turn_is_a_step(file: Path, tmp_path: Path) -> None:
    """A conversation's steps are its turns: each asks its own question, and wants exactly the calls
    of its turn."""
    steps = Counter(row["chain"] for row in converted(file, tmp_path, "grpo_steps")[1])
    questions = {row["id"]: row["question"] for _, row in read_objects(file)}
    assert steps
    assert all(len(questions[chain]) == count for chain, count in steps.items())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_sft_rows_hold_the_answer(file: Path, tmp_path: Path) -> None:
    """Where there is gold, the training row ends with its calls; irrelevance has no answer to train
    on."""
    report, rows = converted(file, tmp_path, "sft")
    assert report.rows_in == report.rows_accepted + report.rows_rejected
    assert set(report.rejects) <= {"unnamed_arguments", "unanswered_turn", "no_answer"}
    assert all(row["messages"][-1]["role"] == "tool_call" for row in rows)
