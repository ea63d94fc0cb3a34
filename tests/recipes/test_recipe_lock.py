"""Two trainings into one output folder: the second is refused, and says who is there."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import Stage, wait_until

# Saves a checkpoint at once, as far as a name goes, and trains until it is told to end.
TRAINING = """#!/usr/bin/env python
import os, pathlib, sys, time
stage, arguments = pathlib.Path(os.environ["STAGE"]), sys.argv[1:]
output = pathlib.Path(arguments[len(arguments) - 1 - arguments[::-1].index("--output_dir") + 1])
with (stage / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {output}\\n")
(output / "checkpoint-1").mkdir(parents=True, exist_ok=True)
while not (stage / "finish").exists():
    time.sleep(0.02)
"""
RECIPE = ("lora_sft", ROOT / "recipes/tiny/lora_sft.yaml")


@pytest.fixture
def training(stage: Stage) -> Iterator[Stage]:
    stage.program("swift", TRAINING)
    yield stage
    (stage.folder / "finish").touch()


def starts(stage: Stage) -> list[str]:
    path = stage.folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("resume", ["", "1"])
def test_second_training_into_a_folder_is_refused(training: Stage, resume: str) -> None:
    """Also one that would go on from its checkpoints: the running one's stay as they are."""
    first = training.start([*RECIPE, "--output_dir", "my out"])
    wait_until(lambda: (training.folder / "my out/checkpoint-1").is_dir())
    second = training.run(*RECIPE, "--output_dir", "./my out", RESUME=resume)
    assert second.returncode == 2
    assert f"my out is being trained into by process {first.pid} on " in second.stderr
    assert "--output_dir" in second.stderr
    assert len(starts(training)) == 1
    assert (training.folder / "my out/checkpoint-1").is_dir()
    other = training.start([*RECIPE, "--output_dir", "another"])
    wait_until(lambda: len(starts(training)) == 2)
    (training.folder / "finish").touch()
    for process in (first, other):
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_lock_of_a_killed_training_is_none(training: Stage) -> None:
    """The file that it leaves names a process that is gone; the next training starts."""
    first = training.start([*RECIPE, "--output_dir", "out"])
    wait_until(lambda: len(starts(training)) == 1)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate(timeout=60)
    (training.folder / "finish").touch()
    assert training.run(*RECIPE, "--output_dir", "out").returncode == 0
    assert len(starts(training)) == 2


def test_training_of_a_killed_launcher_keeps_the_lock(training: Stage) -> None:
    """Until the watcher has ended it; also where the watcher is killed, too. The message names who
    is left."""
    first = training.start([*RECIPE, "--output_dir", "out"])
    wait_until(lambda: len(starts(training)) == 1)
    swift = psutil.Process(int(starts(training)[0].split()[0]))
    (watcher,) = [one for one in psutil.Process(first.pid).children() if one.pid != swift.pid]
    watcher.suspend()
    os.kill(first.pid, signal.SIGKILL)
    first.wait(timeout=60)
    try:
        for users in ({swift.pid, watcher.pid}, {swift.pid}):
            second = training.run(*RECIPE, "--output_dir", "out", RESUME="1")
            assert second.returncode == 2
            left = second.stderr.partition(f"what is left of process {first.pid} on ")[2]
            assert {int(pid) for pid in re.findall(r"process (\d+)", left)} == users
            watcher.kill()
    finally:
        watcher.kill()
        swift.kill()
    first.communicate(timeout=60)
    (training.folder / "finish").touch()
    assert training.run(*RECIPE, "--output_dir", "out").returncode == 0


def test_rerun_script_is_refused_too(training: Stage) -> None:
    """It writes beside the first run; two of it would write into one folder."""
    (training.folder / "finish").touch()
    assert training.run(*RECIPE, "--output_dir", "out").returncode == 0
    (training.folder / "finish").unlink()
    script = training.folder / "out/rerun.sh"
    first = training.start([script])
    wait_until(lambda: len(starts(training)) == 2)
    second = training.run(script)
    assert second.returncode == 2
    assert "out_rerun is being trained into by process" in second.stderr
    (training.folder / "finish").touch()
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_other_nodes_and_dry_runs_need_no_lock(training: Stage) -> None:
    """They share the first node's folder, or write nothing."""
    first = training.start([*RECIPE, "--output_dir", "out"])
    wait_until(lambda: len(starts(training)) == 1)
    assert training.run(*RECIPE, "--output_dir", "out", DRY_RUN="1").returncode == 0
    other = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "127.0.0.1"}
    node = training.start([*RECIPE, "--output_dir", "out"], **other)
    wait_until(lambda: len(starts(training)) == 2)
    (training.folder / "finish").touch()
    for process in (first, node):
        process.communicate(timeout=60)


def test_recipe_that_does_not_start_leaves_no_folder(stage: Stage) -> None:
    (stage.folder / "venv/bin/swift").unlink()
    assert stage.run(*RECIPE, "--output_dir", "out").returncode == 2
    assert not Path(stage.folder / "out").exists()
