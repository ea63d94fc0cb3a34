"""Ctrl-C, typed at a real terminal in the middle of each stage: a clear message, no orphan, nothing
lost."""

import os
import pty
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from helpers.paths import ROOT

STAGES = ("data", "evaluate_base", "lora_sft", "export_merge", "evaluate_tuned", "table")
pytestmark = pytest.mark.e2e


class Terminal:
    """`bash scripts/demo.sh` at a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            ["bash", "scripts/demo.sh"],
            cwd=ROOT,
            env=os.environ | {"DEMO_DIR": str(folder)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(theirs)

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def finish(self) -> tuple[int, str]:
        """The exit status and all that was shown."""
        shown = b"".join(self._read())
        status = self._process.wait(timeout=60)
        os.close(self._ours)
        return status, shown.decode()

    def _read(self) -> Iterator[bytes]:
        while True:
            try:
                yield os.read(self._ours, 65536)
            except OSError:  # Linux: the other end is closed
                return


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests that run in the background ignore it


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not begin in time"
        time.sleep(0.05)


def holds(path: Path, text: str = "") -> bool:
    return path.exists() and text in path.read_text(encoding="utf-8", errors="replace")


def processes_of(folder: Path) -> list[str]:
    """Command lines that name the folder."""
    found = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return [" ".join(words) for words in found if any(str(folder) in word for word in words)]


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_ctrl_c(demo: Path, tmp_path: Path, stage: str) -> None:
    """The stage that runs is named and can be repeated; the finished ones stay; all processes are
    gone."""
    folder = tmp_path / "demo"
    shutil.copytree(demo, folder)
    for later in STAGES[STAGES.index(stage) :]:
        (folder / "done" / later).unlink()
    shutil.rmtree(folder / "tuned")
    if stage in ("data", "evaluate_base"):
        shutil.rmtree(folder / "base")
    if stage == "lora_sft":  # else it is finished
        shutil.rmtree(folder / "lora")
    (folder / "logs" / f"{stage}.log").unlink()
    begun = {
        "data": lambda: (folder / "logs/data.log").exists(),
        "evaluate_base": lambda: holds(folder / "base/responses.jsonl", "\n"),
        "lora_sft": lambda: holds(folder / "logs/lora_sft.log", "Train:"),
        # swift itself: a Python that Ctrl-C meets at its very beginning prints a traceback
        "export_merge": lambda: holds(folder / "logs/export_merge.log", "[INFO:swift]"),
        "evaluate_tuned": lambda: holds(folder / "tuned/responses.jsonl", "\n"),
    }
    terminal = Terminal(folder)
    wait_until(begun[stage], 90)
    terminal.type(b"\x03")
    status, shown = terminal.finish()
    assert status == 130, shown
    assert f"bash scripts/demo.sh {stage}" in shown
    assert "Traceback" not in shown
    assert sorted(path.name for path in (folder / "done").iterdir()) == sorted(
        STAGES[: STAGES.index(stage)]
    )
    assert processes_of(folder) == []


def test_stopped_evaluation_asks_only_the_rest(
    demo: Path, warm: dict[str, str], tmp_path: Path
) -> None:
    """After Ctrl-C in the middle of an evaluation the same command asks only for what the journal
    lacks."""
    folder = tmp_path / "demo"
    shutil.copytree(demo, folder)
    (folder / "done/evaluate_tuned").unlink()
    journal = folder / "tuned/responses.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:50]) + lines[50][:20], encoding="utf-8")
    done = subprocess.run(
        ["bash", "scripts/demo.sh"],
        cwd=ROOT,
        env=warm | {"DEMO_DIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"50 of {len(lines)} are finished" in (folder / "logs/evaluate_tuned.log").read_text(
        encoding="utf-8"
    )
    assert len(journal.read_text(encoding="utf-8").splitlines()) == len(lines)
