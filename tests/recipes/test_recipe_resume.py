"""RESUME=1 and the run's record, from the recipe's side: what swift is given, what is said, what is
written."""

import json
import shlex
import signal
from pathlib import Path

import pytest
from helpers.recipe_stage import Stage, wait_until

YAML = (
    "model: nowhere\ndataset:\n  - rows.jsonl\noutput_dir: out\nadd_version: false\nmax_steps: 4\n"
)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A YAML with a fixed output folder, in which the save of checkpoint 4 was cut off."""
    (tmp_path / "mine.yaml").write_text(YAML)
    for step in (2, 4):
        folder = tmp_path / "out" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        # the smallest ZIP archive
        (folder / "adapter_model.bin").write_bytes(b"PK\x05\x06" + bytes(18))
    state = {"global_step": 2, "max_steps": 4}
    (tmp_path / "out/checkpoint-2/trainer_state.json").write_text(json.dumps(state))
    return Path("mine.yaml")


def test_resume_goes_on_from_the_last_complete_checkpoint(stage: Stage, recipe: Path) -> None:
    """Preflight and swift get the flag, before the user's own; the half one is set aside; then the
    run is finished."""
    result = stage.run("lora_sft", recipe, "--seed", "3", RESUME="1")
    assert result.returncode == 0, result.stderr
    assert stage.argv[-4:] == ["--resume_from_checkpoint", "out/checkpoint-2", "--seed", "3"]
    assert "out/checkpoint-2" in (stage.folder / "preflight").read_text().split("\0")
    assert (stage.folder / "out/incomplete-checkpoint-4").is_dir()
    (stage.folder / "swift").unlink()
    again = stage.run("lora_sft", recipe, "--seed", "3", RESUME="1")
    assert (again.returncode, again.stdout) == (0, "")
    assert "is finished" in again.stderr
    assert not stage.swift_was_called


def test_resume_in_a_dry_run_writes_nothing(stage: Stage, recipe: Path) -> None:
    """It prints the command with the flag, and leaves the folder as it is."""
    result = stage.run("lora_sft", recipe, RESUME="1", DRY_RUN="1")
    words = shlex.split(result.stdout)
    assert words[words.index("--resume_from_checkpoint") + 1] == "out/checkpoint-2"
    assert sorted(path.name for path in (stage.folder / "out").iterdir()) == [
        "checkpoint-2",
        "checkpoint-4",
    ]


@pytest.mark.parametrize("value", ["0", ""])
def test_without_resume_it_begins_anew(stage: Stage, recipe: Path, value: str) -> None:
    """RESUME=0 means no."""
    stage.run("lora_sft", recipe, RESUME=value)
    assert "--resume_from_checkpoint" not in stage.argv


@pytest.mark.parametrize(("name", "rank"), [("NODE_RANK", "1"), ("NODE_RANK", "0")])
def test_first_node_writes_the_record(stage: Stage, recipe: Path, name: str, rank: str) -> None:
    """The others start with the same flags, and write nothing."""
    stage.run("lora_sft", recipe, **{name: rank})
    assert stage.swift_was_called
    assert (stage.folder / "out/run.json").exists() == (rank == "0")
    assert ("SWIFTKIT_RUN_JSON" in stage.swift_environment) == (rank == "0")


def test_serving_leaves_no_record(stage: Stage, recipe: Path) -> None:
    """Only trainings are repeated and resumed."""
    stage.run("infer", recipe, RESUME="1")
    assert not (stage.folder / "out/run.json").exists()


@pytest.mark.parametrize(("status", "number"), [(7, 0), (143, signal.SIGTERM)])
def test_record_holds_how_the_run_ended(
    stage: Stage, recipe: Path, status: int, number: int
) -> None:
    """Swift's own exit status, or that of the signal that stopped the recipe."""
    wait = "sleep 60" if number else "exit 7"
    stage.program("swift", f'#!/usr/bin/env bash\ntouch "$STAGE/ready"\n{wait}\n')
    with stage.start(["lora_sft", recipe]) as process:
        if number:
            wait_until((stage.folder / "ready").exists)
            process.send_signal(number)
        assert process.wait(timeout=60) == status
    record = json.loads((stage.folder / "out/run.json").read_text())
    assert record["attempts"][0]["exit_status"] == status
