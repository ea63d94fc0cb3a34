"""A real training that dies by SIGKILL in the middle of a save, goes on, is repeated, and is
watched by SwanLab.

One tiny SFT of six steps, saved at 2, 4 and 6, in three starts of swift: killed while it saves step
4, resumed, and repeated from its beginning by rerun.sh, which is also the undisturbed run that the
other two are compared with. SwanLab runs in local mode, without a key. About 45 s of CPU. Then the
same for GRPO, whose answers are drawn anew at each step.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.paths import ROOT
from helpers.servers import message, serve

pytestmark = pytest.mark.e2e
YAML = f"""
model: {ROOT}/recipes/tiny/qwen3
model_type: qwen3
template: qwen3_nothinking
dataset: [train.jsonl]
external_plugins: [{ROOT}/swiftkit/swift_plugins/swanlab_run.py, {ROOT}/tests/e2e/dies_in_save.py]
tuner_type: lora
target_modules: [all-linear]
per_device_train_batch_size: 4
gradient_accumulation_steps: 1
learning_rate: 1.0e-3
max_steps: 6
save_steps: 2
logging_steps: 1
dataloader_num_workers: 0
output_dir: out
add_version: false
check_model: false
report_to: [swanlab]
swanlab_mode: local
swanlab_project: tests
ENV:
  SWANLAB_LOG_DIR: swanlog
"""


# Behind recipes/tiny/grpo_tool_call.yaml
GRPO = f"""--external_plugins {ROOT}/swiftkit/swift_plugins/native_template.py
    {ROOT}/swiftkit/swift_plugins/tool_call_reward.py {ROOT}/tests/e2e/dies_in_save.py
    --dataset grpo.jsonl --output_dir out --max_steps 6 --save_steps 2 --model"""
# What a log tells of the machine
PACE = {"step_time", "elapsed_time", "remaining_time", "train_speed(s/it)", "memory(GiB)"}


class Story(NamedTuple):
    folder: Path
    killed: "subprocess.CompletedProcess[str]"
    resumed: "subprocess.CompletedProcess[str]"
    finished: "subprocess.CompletedProcess[str]"
    repeated: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def story(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("resume")
    with (demo / "train.jsonl").open() as rows:
        (folder / "train.jsonl").write_text("".join(islice(rows, 40)))
    (folder / "mine.yaml").write_text(YAML)
    return story_of(folder, "lora_sft", "mine.yaml")


@pytest.fixture(scope="module")
def grpo_story(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("resume_grpo")
    with (demo / "grpo.jsonl").open() as rows:
        (folder / "grpo.jsonl").write_text("".join(islice(rows, 40)))
    yaml = str(ROOT / "recipes/tiny/grpo_tool_call.yaml")
    return story_of(folder, "grpo_tool_call", yaml, *GRPO.split(), str(demo / "merged"))


def story_of(folder: Path, name: str, *words: str) -> Story:
    recipe = ["bash", str(ROOT / f"recipes/{name}.sh"), *words]
    return Story(
        folder,
        run(folder, recipe, DIES_IN="checkpoint-4/optimizer.pt"),
        run(folder, recipe, RESUME="1"),
        run(folder, recipe, RESUME="1"),
        run(folder, ["bash", "out/rerun.sh"]),
    )


def run(folder: Path, command: list[str], **more: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWANLAB_")}
    environment = kept | {"GPUS": "0", "PYTHONPATH": str(ROOT)} | more
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400
    )


def losses(output: Path) -> dict[str, tuple[float, float]]:
    """step -> (loss, norm of the gradient); what was trained twice counts the second time."""
    lines = map(json.loads, (output / "logging.jsonl").read_text().splitlines())
    return {
        line["global_step/max_steps"]: (line["loss"], line["grad_norm"])
        for line in lines
        if "grad_norm" in line
    }


def rollouts(output: Path) -> dict[str, dict[str, Any]]:
    """step -> its prompts, answers, rewards and advantages; a later table of a step counts."""
    tables = map(json.loads, (output / "completions.jsonl").read_text().splitlines())
    return {table["step"][0]: table for table in tables}


def figures(output: Path) -> dict[str, dict[str, float]]:
    """step -> all that the log tells of it, but not of the machine."""
    steps = {}
    for line in map(json.loads, (output / "logging.jsonl").read_text().splitlines()):
        if "reward" in line:
            numbers = {name: value for name, value in line.items() if name not in PACE}
            steps[line["global_step/max_steps"]] = numbers
    return steps


def swanlab_records(run_folder: Path) -> Iterator[Any]:
    """What SwanLab keeps of a run, by its own reader."""
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader

    reader = DataStoreReader()
    reader.open(next(run_folder.glob("*.swanlab")))
    yield from (Record.FromString(data) for data in reader)
    reader.close()


def scalars(run_folder: Path) -> dict[str, dict[int, float]]:
    """metric -> step -> value."""
    found: dict[str, dict[int, float]] = {}
    for record in swanlab_records(run_folder):
        if record.HasField("scalar"):
            found.setdefault(record.scalar.key, {})[record.scalar.step] = record.scalar.value.number
    return found


def test_killed_in_a_save_and_resumed(story: Story) -> None:
    """The half checkpoint is set aside, training goes on from the last whole one, and nothing is
    lost or trained otherwise: the losses are those of the run that was never killed, to the last
    digit that swift logs."""
    # 256 - SIGKILL, by swift's wrapper
    assert story.killed.returncode == 247, story.killed.stderr[-2000:]
    assert story.resumed.returncode == 0, story.resumed.stderr[-2000:]
    assert "out/checkpoint-4 is not complete" in story.resumed.stderr
    assert "going on from out/checkpoint-2" in story.resumed.stderr
    # preflight's warning about checkpoints that are in the way
    assert "an earlier run" not in story.resumed.stderr
    assert (story.folder / "out/incomplete-checkpoint-4/optimizer.pt").exists()
    assert story.repeated.returncode == 0, story.repeated.stderr[-2000:]
    undisturbed = losses(story.folder / "out_rerun")
    assert len(undisturbed) == 6
    assert losses(story.folder / "out") == undisturbed
    attempts = json.loads((story.folder / "out/run.json").read_text())["attempts"]
    assert [attempt["exit_status"] for attempt in attempts] == [247, 0]


def test_grpo_killed_in_a_save_and_resumed(grpo_story: Story) -> None:
    """It draws the same answers at each later step, for the same rewards: its log and its table
    are those of the run that was never killed, to the last digit."""
    folder = grpo_story.folder
    assert grpo_story.killed.returncode == 247, grpo_story.killed.stderr[-2000:]
    assert "out/checkpoint-4 is not complete" in grpo_story.resumed.stderr
    assert "going on from out/checkpoint-2" in grpo_story.resumed.stderr
    for done in (grpo_story.resumed, grpo_story.repeated):
        assert done.returncode == 0, done.stderr[-2000:]
    undisturbed = figures(folder / "out_rerun")
    assert len(undisturbed) == 6
    assert len({step["reward"] for step in undisturbed.values()}) > 1
    assert figures(folder / "out") == undisturbed
    assert rollouts(folder / "out") == rollouts(folder / "out_rerun")


def test_finished_run_ends_well_at_once(story: Story) -> None:
    """RESUME=1 on it starts nothing."""
    assert story.finished.returncode == 0
    assert "is finished (step 6)" in story.finished.stderr
    assert "run sh" not in story.finished.stdout


def test_swanlab_is_content_and_told(story: Story) -> None:
    """No error at its numberless metrics, all numbers kept, the folder said at the end; the resumed
    run is the same."""
    for done in (story.resumed, story.repeated):
        assert "ERROR" not in done.stdout + done.stderr
    record = json.loads((story.folder / "out/run.json").read_text())
    there = Path(record["swanlab"]["folder"])
    assert f"SwanLab: {there}" in story.resumed.stderr
    drawn = scalars(there)
    assert list(drawn["train/loss"]) == [3, 4, 5, 6]
    assert "train/grad_norm" in drawn
    first, second = sorted((story.folder / "swanlog").glob(f"run-*-{record['swanlab']['id']}"))
    assert second == there != first


def test_evaluation_lands_in_the_trainings_run(story: Story, demo: Path) -> None:
    """The metrics with the trained step, under the training's SwanLab id; stdout is the report's
    alone."""
    with (demo / "eval.jsonl").open() as rows:
        (story.folder / "eval.jsonl").write_text("".join(islice(rows, 4)))
    with serve(lambda _: message("hello")) as server:
        command = [
            sys.executable,
            "-m",
            "swiftkit",
            "eval",
            "tool-call",
            "--data",
            "eval.jsonl",
            "--run",
            "evaluated",
        ]
        done = run(
            story.folder,
            [*command, "--base-url", server.url, "--json"],
            SWIFTKIT_TRAINING_RUN="out_rerun",
        )
    report = json.loads(done.stdout)
    swanlab = json.loads((story.folder / "out_rerun/run.json").read_text())["swanlab"]
    _, added = sorted((story.folder / "swanlog").glob(f"run-*-{swanlab['id']}"))
    assert "ERROR" not in done.stderr
    assert str(added) in done.stderr
    value = report["metrics"]["tool_accuracy"]["value"]
    assert scalars(added)["tool-call/tool_accuracy"] == {6: pytest.approx(value)}
    (start,) = [record.start for record in swanlab_records(added) if record.HasField("start")]
    assert (start.id, start.project, start.name) == (swanlab["id"], "tests", swanlab["name"])


def test_full_memory_of_a_gpu_is_named(story: Story) -> None:
    """By the error that ended it; what helps stands above the way on."""
    full = ["bash", str(ROOT / "recipes/lora_sft.sh"), "mine.yaml", "--output_dir", "full"]
    failed = run(story.folder, full, FULL_IN="checkpoint-4/optimizer.pt")
    assert failed.returncode == 1
    assert "CUDA out of memory" in failed.stderr  # the error itself is printed too
    *_, reason, way_on, _swanlab = failed.stderr.splitlines()
    assert "per_device_train_batch_size" in reason
    assert "to go on from step 2" in way_on
    record = json.loads((story.folder / "full/run.json").read_text())
    assert record["attempts"][-1]["failure"] == "GPU memory"
