"""The closed loop through real ms-swift commands on the CPU: no mock anywhere.

The session's one demo run (a few minutes) gives the other tests their model and data.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT

pytestmark = pytest.mark.e2e


def shell(
    *command: str | Path, timeout: int = 900, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", *map(str, command)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def report(run: Path) -> dict[str, Any]:
    return json.loads((run / "report.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def question(row: dict[str, Any]) -> str:
    return next(message["content"] for message in row["messages"] if message["role"] == "user")  # type: ignore[no-any-return]


def test_demo_teaches_tool_calls(demo: Path) -> None:
    """Held-out tool-level accuracy rises from below 10 % to at least 80 %; both reports are
    kept."""
    before, after = report(demo / "base"), report(demo / "tuned")
    held_out = len(rows(demo / "eval.jsonl"))
    assert before["n"] == after["n"] == after["scored"] == held_out
    assert before["errors"] == after["errors"] == 0
    assert before["metrics"]["tool_accuracy"]["value"] < 0.10
    assert after["metrics"]["tool_accuracy"]["value"] >= 0.80
    assert (demo / "base/report.md").exists()
    assert (demo / "tuned/report.md").exists()


def test_demo_resumes(demo: Path) -> None:
    """A second run repeats no finished stage."""
    done = shell("scripts/demo.sh", DEMO_DIR=str(demo), timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("done before") == 6


def test_held_out_questions_are_not_in_training(demo: Path) -> None:
    """No evaluation question occurs among the training questions."""

    held_out, trained = (
        set(map(question, rows(demo / name))) for name in ("eval.jsonl", "train.jsonl")
    )
    assert held_out
    assert held_out.isdisjoint(trained)


def test_failed_stage_says_how_to_go_on(demo: Path, tmp_path: Path) -> None:
    """A stage that fails shows the end of its log and the command to repeat it alone."""
    folder = tmp_path / "demo"
    shutil.copytree(demo, folder, ignore=shutil.ignore_patterns("merged", "tuned"))
    (folder / "done/export_merge").unlink()
    shutil.rmtree(folder / "lora")
    done = shell("scripts/demo.sh", DEMO_DIR=str(folder), timeout=120)
    assert done.returncode != 0
    assert "bash scripts/demo.sh export_merge" in done.stdout
    assert "lora/last-checkpoint" in done.stdout
    assert "Traceback" not in done.stdout


def test_bfcl_loop_accounts_for_every_row(warm: dict[str, str], tmp_path: Path) -> None:
    """Real questions through the whole loop: 800 in, 640 to train on, 160 asked, and each of those
    scored."""
    bfcl = Path(os.environ.get("SWIFTKIT_SHARED_DATA", ROOT.parent / "shared/data")) / "bfcl"
    if not bfcl.is_dir():
        pytest.skip(f"no BFCL in {bfcl}: set SWIFTKIT_SHARED_DATA to the folder of bfcl/")
    done = shell(
        "scripts/bfcl.sh", bfcl, "--max_steps", "5", **warm | {"BFCL_DIR": str(tmp_path / "bfcl")}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert len(rows(tmp_path / "bfcl/train.jsonl")) == 640
    assert not list(tmp_path.glob("bfcl/*.rejects.jsonl"))
    for run in ("base", "tuned"):
        found = report(tmp_path / "bfcl" / run)
        assert found["n"] == found["scored"] + found["errors"] == 160
        assert found["errors"] == 0
