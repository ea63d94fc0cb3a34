"""The demo's data generator: seeded, held out, valid, and as its README says."""

import inspect
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from helpers.paths import ROOT

from swiftkit.scoring.gold import gold_of
from swiftkit.scoring.score import score_calls
from swiftkit.toolcall import openai_calls

FOLDER = ROOT / "datasets_custom/demo_tools"
FILES = ("train_openai", "train_alpaca", "preference_openai", "eval_openai")
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    subprocess.run([sys.executable, FOLDER / "make.py", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def rows(raw: Path) -> Rows:
    texts = {name: (raw / f"{name}.jsonl").read_text(encoding="utf-8") for name in FILES}
    return {name: [json.loads(line) for line in text.splitlines()] for name, text in texts.items()}


def question(row: dict[str, Any]) -> str:
    if "instruction" in row:
        return row["instruction"]  # type: ignore[no-any-return]
    return row.get("input", row)["messages"][0]["content"]  # type: ignore[no-any-return]


def test_same_seed_gives_same_bytes(raw: Path, tmp_path: Path) -> None:
    """A second run writes the same files, and the samples in the repository are their beginning."""
    subprocess.run([sys.executable, FOLDER / "make.py", tmp_path], check=True, capture_output=True)
    for name in FILES:
        made = (raw / f"{name}.jsonl").read_bytes()
        assert made == (tmp_path / f"{name}.jsonl").read_bytes()
        assert made.startswith((FOLDER / f"sample_{name}.jsonl").read_bytes())


def test_no_question_twice(rows: Rows) -> None:
    """No evaluation question is in training, and no question occurs twice."""
    questions = [question(row) for name in FILES for row in rows[name]]
    assert len(questions) == len(set(questions))


def test_readme_counts(rows: Rows) -> None:
    """The README's table says how many conversations there are."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in FILES:
        line = next(line for line in readme.splitlines() if line.startswith(f"| `{name}.jsonl`"))
        assert line.endswith(f" {len(rows[name]):,} |")


def test_calls_fit_their_schemas(rows: Rows) -> None:
    """Every call names a tool on offer, with arguments that its JSON Schema accepts."""
    calls = 0
    for row in rows["train_openai"] + rows["eval_openai"]:
        schemas = {
            tool["function"]["name"]: tool["function"]["parameters"] for tool in row["tools"]
        }
        for message in row["messages"]:
            for call in message.get("tool_calls", []):
                calls += 1
                arguments = json.loads(call["function"]["arguments"])
                jsonschema_rs.validate(schemas[call["function"]["name"]], arguments)
                assert arguments.keys() == schemas[call["function"]["name"]]["properties"].keys()
    assert calls > 4000


def test_wrong_answers_have_one_mistake(rows: Rows) -> None:
    """By swiftkit's own score no rejected answer is exact, and at most one call differs from the
    right one's."""
    for row in rows["preference_openai"]:
        right, wrong = (
            openai_calls.parse(row[side][0])
            for side in ("preferred_output", "non_preferred_output")
        )
        gold = gold_of(right.calls)
        assert score_calls(right.calls, gold).exact
        assert not score_calls(wrong.calls, gold).exact
        assert len(set(map(str, right.calls)) ^ set(map(str, wrong.calls))) <= 2


def test_every_kind_and_language_is_there(rows: Rows) -> None:
    """The held-out rows hold all kinds, in both languages."""
    held_out = rows["eval_openai"]
    assert {row["category"] for row in held_out} == {"single", "parallel", "multi_step", "no_tool"}
    chinese = sum(
        any("\u4e00" <= character <= "\u9fff" for character in question(row)) for row in held_out
    )
    assert 0.3 < chinese / len(held_out) < 0.7


def test_the_tools_give_what_is_recorded(rows: Rows) -> None:
    """Each recorded call of an OpenAI row runs, in its row's state; with the result that the next
    step builds on."""
    tools = runpy.run_path(str(FOLDER / "tools.py"))
    followed = 0
    for row in rows["train_openai"]:
        state, results = json.loads(row["state"]), []
        for message in row["messages"]:
            if message["role"] == "tool":
                assert json.loads(message["content"]) == results[0]
                followed += 1
            calls = [call["function"] for call in message.get("tool_calls") or []]
            results = [
                called(tools[call["name"]], json.loads(call["arguments"]), state) for call in calls
            ] or results
    assert followed > 500


def called(tool: Any, arguments: dict[str, Any], state: dict[str, Any]) -> Any:
    world = {"state": state} if "state" in inspect.signature(tool).parameters else {}
    return tool(**arguments, **world)
