"""Stages: what has read the same is not run again; what has not is, beside its earlier result."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.recipe_stage import wait_until

from swiftkit.training.stages import digest

# Stage N copies what it reads into its folder, adding to what is there, and fails if it shall.
SCRIPT = """
if [[ -e fail_$1 ]]; then printf 'log \\033[31m\\r end\\n'; exit 7; fi
if [[ -e wait_$1 ]]; then touch ready; sleep 600; fi
echo "$1" >>calls
mkdir -p "out $1" && cat rows.jsonl >>"out $1/rows.jsonl"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.sh").write_text(SCRIPT)
    (tmp_path / "rows.jsonl").write_text("one\n")
    monkeypatch.delenv("RESUME", raising=False)
    return tmp_path


def start(steps: int = 1, run: str = "run", only: str = "") -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "swiftkit.training.stages", "--folder", run]
    command += ["--again", "A=1 bash script.sh", "--show", "b", "--only", only]
    command += ["--stage", "a", "--reads", "rows.jsonl", "--reads", f"STEPS={steps}"]
    command += ["--reads", f"{run}/own", "--makes", "out a"]
    command += ["--stage", "b", "--reads", "out a", "--makes", "out b"]
    command += ["--", "bash", "script.sh"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, text=True, stdout=pipe, stderr=subprocess.STDOUT)


def run(steps: int = 1, run: str = "run", only: str = "") -> tuple[int, str]:
    with start(steps, run, only) as process:
        output, _ = process.communicate(timeout=60)
    return process.returncode, output


def calls(folder: Path) -> list[str]:
    """The stages that were run since the last look."""
    path = folder / "calls"
    names = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return names


def test_second_run_repeats_nothing(folder: Path) -> None:
    assert run()[0] == 0
    assert calls(folder) == ["a", "b"]
    status, output = run()
    assert (status, output.count("done before"), calls(folder)) == (0, 2, [])


def test_changed_data_runs_the_stage_and_what_reads_its_result(folder: Path) -> None:
    run()
    calls(folder)
    (folder / "rows.jsonl").write_text("two\n")
    status, output = run()
    assert (status, calls(folder)) == (0, ["a", "b"])
    assert "has changed: rows.jsonl" in output
    assert "out a is kept as run/earlier/out a-1" in output
    assert (folder / "out b/rows.jsonl").read_text() == "two\n"
    assert (folder / "run/earlier/out a-1/rows.jsonl").read_text() == "one\n"


def test_file_that_is_written_again_alike_changes_nothing(folder: Path) -> None:
    run()
    calls(folder)
    (folder / "rows.jsonl").write_text("one\n")
    os.utime(folder / "rows.jsonl", (1, 1))
    run()
    assert calls(folder) == []


def test_folder_may_move(folder: Path) -> None:
    run()
    (folder / "run/own").touch()
    run()
    (folder / "run").rename(folder / "moved")
    assert run(run="moved")[1].count("done before") == 2


def test_folder_with_somebodys_files_is_refused(folder: Path) -> None:
    """Before anything is written there; an empty one, and one of an older swiftkit, are taken."""
    (folder / "run").mkdir()
    (folder / "run/own").touch()
    for only in ("", "a"):
        status, output = run(only=only)
        assert (status, "run holds own, and no stage was run there" in output) == (2, True)
        assert [path.name for path in (folder / "run").iterdir()] == ["own"]
    assert calls(folder) == []
    (folder / "run/own").unlink()
    assert run()[0] == 0
    (folder / "run/.stages.lock").unlink()
    assert run()[1].count("done before") == 2


@pytest.mark.parametrize("spelling", ["run/", "./run", "out/../run"])
def test_folder_may_be_spelled_otherwise(folder: Path, spelling: str) -> None:
    run()
    (folder / "run/own").touch()
    run()
    assert run(run=spelling)[1].count("done before") == 2
    assert run(run=str(folder / "run"))[1].count("done before") == 2


def test_changed_setting_is_named(folder: Path) -> None:
    run()
    calls(folder)
    status, output = run(steps=2)
    assert (status, calls(folder)) == (0, ["a"])  # its result is the same
    assert "has changed: STEPS=2" in output


def test_lost_result_is_made_again(folder: Path) -> None:
    """What the next stage reads is gone: it is run, and says by its own error what is missing."""
    run()
    calls(folder)
    (folder / "out a/rows.jsonl").unlink()
    assert "has changed: out a" in run()[1]


def test_failed_stage_says_how_to_go_on_and_is_gone_on_with(folder: Path) -> None:
    (folder / "fail_b").touch()
    status, output = run()
    assert status == 7
    assert "run/logs/b.log:\nlog \\u001b[31m\n end\n" in output
    assert "Repeat this stage alone:  A=1 bash script.sh b\n" in output
    assert calls(folder) == ["a"]
    (folder / "out b").mkdir()
    (folder / "out b/checkpoint").touch()
    (folder / "fail_b").unlink()
    run()
    assert calls(folder) == ["b"]
    assert (folder / "out b/checkpoint").exists()


@pytest.mark.parametrize("change", ["data", "RESUME"])
def test_stopped_stage_begins_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """What it was stopped in is not gone on with: other data, or RESUME=0."""
    (folder / "fail_a").touch()
    run()
    (folder / "out a").mkdir()
    (folder / "fail_a").unlink()
    if change == "data":
        (folder / "rows.jsonl").write_text("two\n")
    else:
        monkeypatch.setenv("RESUME", "0")
    assert "out a is kept as run/earlier/out a-1" in run()[1]


def test_done_by_hand_is_done(folder: Path) -> None:
    """An empty file leaves a stage out, and an older swiftkit recorded no digests."""
    (folder / "run/done").mkdir(parents=True)
    (folder / "run/done/a").touch()
    assert "done before" in run()[1]
    assert calls(folder) == ["b"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_stage_and_the_run(folder: Path, number: int) -> None:
    (folder / "wait_a").touch()
    process = start()
    wait_until((folder / "ready").exists)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Go on from here" in output
    assert calls(folder) == []


def test_second_run_into_the_folder_is_refused(folder: Path) -> None:
    (folder / "wait_a").touch()
    first = start()
    wait_until((folder / "ready").exists)
    for only in ("", "b"):
        status, output = run(only=only)
        assert (status, f"run is in use by process {first.pid} on " in output) == (2, True)
    first.terminate()
    first.communicate(timeout=60)


def test_one_stage_is_run_whatever_it_has_read(folder: Path) -> None:
    run()
    calls(folder)
    assert run(only="a")[0] == 0
    assert calls(folder) == ["a"]
    (folder / "fail_b").touch()
    assert run(only="b") == (7, "log \033[31m\r end\n".replace("\r", "\n"))


def test_digest_tells_names_and_contents_apart(folder: Path) -> None:
    (folder / "x").mkdir()
    seen = {digest("x"), digest("A=1"), digest("rows.jsonl")}
    (folder / "x/é").write_text("1")
    seen.add(digest("x"))
    (folder / "x/é").rename(folder / "x/\udcff")
    seen.add(digest("x"))
    assert len(seen) == 5
    (folder / "link").symlink_to("x")
    assert digest("link") == digest("x")
    json.dumps(sorted(seen))


def test_large_file_counts_by_size_and_time(folder: Path) -> None:
    """A model's weights are not read for each stage."""
    with (folder / "weights").open("wb") as file:
        file.truncate((1 << 30) + 1)  # a hole: it takes no room on the disk
    before = digest("weights")
    assert "1073741825 bytes" in before
    os.utime(folder / "weights", (1, 1))
    assert digest("weights") != before
