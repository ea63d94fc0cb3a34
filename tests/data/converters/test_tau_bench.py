"""tau-bench's own result file, where it is at hand: every run accounted for, by its reward."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import SHARED_DATA

from swiftkit.data.account import ConvertReport
from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions

FILES = sorted((SHARED_DATA / "tau_bench").glob("*.json"))
pytestmark = pytest.mark.skipif(
    not FILES,
    reason=f"no tau-bench in {SHARED_DATA}: set SWIFTKIT_SHARED_DATA to the folder of tau_bench/",
)


def converted(file: Path, folder: Path, target: str) -> tuple[ConvertReport, list[dict[str, Any]]]:
    out = folder / "out.jsonl"
    report = convert_files([file], out, None, ConvertOptions(target))
    return report, [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_only_runs_that_succeeded_are_trained_on(file: Path, tmp_path: Path) -> None:
    """The others are counted as filtered, none is rejected, and each row ends with an answer."""
    runs = json.loads(file.read_text(encoding="utf-8"))
    good = sum(run["reward"] >= 0.99 for run in runs)
    report, rows = converted(file, tmp_path, "sft")
    assert (report.rows_in, report.rows_accepted, report.rows_rejected) == (good, good, 0)
    assert (report.rows_filtered, len(rows)) == (len(runs) - good, good)
    assert all(row["messages"][-1]["role"] in ("assistant", "tool_call") for row in rows)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_kto_learns_from_both(file: Path, tmp_path: Path) -> None:
    """Every run is a row, its label what the reward says; no mark of the simulator is left."""
    runs = json.loads(file.read_text(encoding="utf-8"))
    report, rows = converted(file, tmp_path, "kto")
    assert (report.rows_in, report.rows_rejected, report.rows_filtered) == (len(runs), 0, 0)
    assert [row["label"] for row in rows] == [run["reward"] >= 0.99 for run in runs]
    assert all(row["messages"][-1]["role"] == "assistant" for row in rows)
    said = [
        message["content"]
        for row in rows
        for message in row["messages"]
        if message["role"] == "user"
    ]
    assert not any("###" in text for text in said)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_step_is_an_answer_with_a_call(file: Path, tmp_path: Path) -> None:
    """As many rows as the runs that succeeded hold answers with calls."""
    runs = [run for run in json.loads(file.read_text(encoding="utf-8")) if run["reward"] >= 0.99]
    calls = sum(bool(message.get("tool_calls")) for run in runs for message in run["traj"])
    silent = sum(not any(message.get("tool_calls") for message in run["traj"]) for run in runs)
    _, rows = converted(file, tmp_path, "grpo_steps")
    assert len(rows) == calls + silent
