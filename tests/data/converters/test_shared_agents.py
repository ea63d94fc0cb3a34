"""Rows of agents' data that got lost or were refused for the wrong reason: the shared cases."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT

from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions
from swiftkit.scoring.expected_calls import read_expected_calls

CASES = ROOT.parent / "shared" / "cases" / "data"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no shared cases")
OSLO = ("get_weather", {"city": "Oslo"})


def rows_of(name: str, target: str, folder: Path) -> tuple[Any, list[dict[str, Any]]]:
    out = folder / f"{target}.jsonl"
    report = convert_files([CASES / name], out, None, ConvertOptions(target))
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return report, rows


@pytest.mark.parametrize(
    ("name", "source_format", "has_tools"),
    [
        ("tau2_results.json", "tau2", False),
        ("smoltalk2.jsonl", "smoltalk2", True),
        ("when2call.jsonl", "openai", True),
        ("llama31_ipython.jsonl", "openai", True),
        ("glm4.jsonl", "glm4", True),
        ("hypervariance_glaive.jsonl", "sharegpt", True),
        ("inspect_ai_sample.jsonl", "inspect_sample", False),
    ],
)
def test_call_of_a_shared_row_is_read_and_is_the_gold(
    name: str, source_format: str, has_tools: bool, tmp_path: Path
) -> None:
    """With its tools, where the file has them; and no part of it is text any more."""
    report, (row,) = rows_of(name, "sft", tmp_path)
    assert list(report.formats) == [source_format]
    assert ("tools" in row) == has_tools
    (call,) = [message for message in row["messages"] if message["role"] == "tool_call"]
    decoded = json.loads(call["content"])
    assert (decoded["name"], decoded["arguments"]) == OSLO
    _, (prompt,) = rows_of(name, "grpo", tmp_path)
    (gold,) = read_expected_calls(prompt["expected_calls"], "expected_calls")
    assert gold.name == OSLO[0]
    assert prompt["messages"][-1]["role"] == "user"


def test_cohere_roles_are_known(tmp_path: Path) -> None:
    _, (row,) = rows_of("cohere_ft.jsonl", "sft", tmp_path)
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]


def test_smoltalk2_keeps_system_reasoning_and_thinking(tmp_path: Path) -> None:
    _, (row,) = rows_of("smoltalk2.jsonl", "sft", tmp_path)
    assert row["messages"][0] == {"role": "system", "content": "You are an expert"}
    assert row["messages"][2]["reasoning_content"] == "need"
    assert row["chat_template_kwargs"] == {"enable_thinking": True}
