"""Drafts: what a killed writer left goes with the next write of its file; a living one keeps its."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

from helpers.paths import ROOT

from swiftkit.files.jsonl import write_atomically

WRITER = """
import sys
from pathlib import Path
from swiftkit.files.jsonl import write_atomically
with write_atomically(Path(sys.argv[1])) as file:
    file.write(sys.argv[2].encode())
    print("begun", flush=True)
    sys.stdin.read()
"""


def writer(file: Path, text: str) -> "subprocess.Popen[str]":
    """Start to write a file; the writer ends it when its stdin does."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    return process


def test_draft_of_a_killed_writer_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    """The file is whole at every moment; the last to end has the word."""
    report = tmp_path / "report.json"
    with writer(report, "killed") as killed:
        killed.send_signal(signal.SIGKILL)
        killed.wait(10)
    left = tmp_path / f".report.json.{killed.pid}.part"
    others = [tmp_path / f".{name}.{killed.pid}.part" for name in ("score.json", "xreport.json")]
    for other in others:  # drafts of other files are none of ours
        other.touch()
    assert left.exists()
    with writer(report, "living") as living:
        assert not left.exists()
        draft = tmp_path / f".report.json.{living.pid}.part"
        with write_atomically(report) as file:
            file.write(b"mine")
        assert (report.read_bytes(), draft.exists()) == (b"mine", True)
        living.communicate(timeout=10)
    assert report.read_bytes() == b"living"
    assert sorted(tmp_path.iterdir()) == sorted([report, *others])


def test_draft_that_another_machine_writes_stays(tmp_path: Path) -> None:
    """Its process is not known here, but it holds the lock."""
    report, number = tmp_path / "report.json", 2**22 + 1  # beyond the numbers of processes
    foreign = tmp_path / f".report.json.{number}.part"
    code = "import fcntl, sys; fcntl.flock(sys.stdin, fcntl.LOCK_EX); print(1, flush=True); "
    code += "sys.stdout.close(); import time; time.sleep(60)"
    with foreign.open("wb") as file:
        holder = subprocess.Popen([sys.executable, "-c", code], stdin=file, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"1\n"
        with write_atomically(report) as out:
            out.write(b"mine")
        assert foreign.exists()
        holder.kill()
    with foreign.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
    with write_atomically(report) as out:
        out.write(b"mine")
    assert not foreign.exists()
