"""Other tasks than tool-call through the real `swift deploy` of the demo's model: chains, and a
smoke set."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from safetensors.numpy import load_file, save_file

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("warm_recipes")]


def evaluate(task: str, demo: Path, data: Path, **environment: str) -> dict[str, Any]:
    """The report of recipes/eval.sh with the demo's tuned model."""
    run = data.parent / task
    yaml = ROOT / "recipes/tiny/deploy.yaml"
    done = subprocess.run(
        ["bash", "recipes/eval.sh", str(demo / "merged"), str(data), str(run), str(yaml)], cwd=ROOT, check=False,
        env=os.environ | environment | {"TASK": task}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert (run / "report.json").exists(), done.stdout + done.stderr
    return json.loads((run / "report.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def first_calls_answered(responses: Path, rows: list[dict[str, Any]]) -> int:
    """Return how many chains have the recorded result of their first call as their first result."""
    recorded = {}
    for row in rows:
        results = [each["content"] for each in row["messages"] if each["role"] == "tool_response"]
        recorded[row["id"]] = results[0]
    answered = 0
    for line in responses.read_text(encoding="utf-8").splitlines():
        response = json.loads(line)
        steps = response["steps"]
        answered += bool(steps) and steps[0]["results"][:1] == [recorded[response["sample_id"]]]
    return answered


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def test_a_chain_and_a_smoke_set_on_a_real_server(demo: Path, tmp_path: Path) -> None:
    """Every sample is scored; the trained model's first calls get the results that were recorded for
    them, and it gets smoke calls right. How a chain ends differs between CPUs: nothing is recorded
    for the last call of these rows."""
    rows = [
        json.loads(line) for line in (demo / "train.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    roles = [[message["role"] for message in row["messages"]] for row in rows]
    chains = [row for row, each in zip(rows, roles, strict=True) if "tool_response" in each][:6]
    single = [row for row, each in zip(rows, roles, strict=True) if each.count("tool_call") == 1][
        :6
    ]
    found = evaluate("tool-chain", demo, write(tmp_path / "chains.jsonl", chains))
    assert (found["scored"], found["errors"]) == (found["n"], 0)
    assert found["n"] == 6
    assert first_calls_answered(tmp_path / "tool-chain" / "responses.jsonl", chains) >= 3
    smoke = [
        {"prompt": question(row), "tools": row["tools"], "check": {"calls": [call(row)]}}
        for row in single
    ] + [{"prompt": "你好", "check": {"regex": "(?s)^.+$"}}]
    found = evaluate("jsonl", demo, write(tmp_path / "smoke.jsonl", smoke))
    assert (found["scored"], found["errors"]) == (7, 0)
    assert found["metrics"]["accuracy[check:regex]"]["value"] == 1
    assert found["metrics"]["accuracy[check:calls]"]["value"] > 0


def test_checkpoints_become_a_curve(demo: Path, tmp_path: Path) -> None:
    """In one line: each adapter is served with its base and evaluated; the untrained one, then the
    trained one."""
    folders = [
        checkpoint(demo, tmp_path / "lora" / name, share)
        for name, share in (("checkpoint-9", 0), ("checkpoint-850", 1))
    ]
    command = [
        "bash",
        "recipes/eval_checkpoints.sh",
        demo / "eval.jsonl",
        tmp_path / "curve",
        *reversed(folders),
    ]
    command += ["recipes/tiny/eval.yaml", "--", "--limit", "40"]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    values = [
        json.loads((tmp_path / "curve" / each.name / "report.json").read_text()) for each in folders
    ]
    before, after = (report["metrics"]["tool_accuracy"]["value"] for report in values)
    assert after > before + 0.5
    assert f"The best is {tmp_path}/curve/checkpoint-850" in done.stdout.replace("\n", "")
    assert (tmp_path / "curve" / "curve.svg").exists()


def checkpoint(demo: Path, folder: Path, share: float) -> Path:
    """The demo's adapter with so much of what it learnt."""
    shutil.copytree(demo / "lora" / "last-checkpoint", folder)
    weights = load_file(folder / "adapter_model.safetensors")
    save_file(
        {name: value * share for name, value in weights.items()},
        folder / "adapter_model.safetensors",
    )
    config = json.loads((folder / "adapter_config.json").read_text())
    # also for a demo that was made elsewhere
    config["base_model_name_or_path"] = str(ROOT / "recipes/tiny/qwen3")
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def question(row: dict[str, Any]) -> str:
    return next(message["content"] for message in row["messages"] if message["role"] == "user")  # type: ignore[no-any-return]


def call(row: dict[str, Any]) -> Any:
    return json.loads(
        next(message["content"] for message in row["messages"] if message["role"] == "tool_call")
    )
