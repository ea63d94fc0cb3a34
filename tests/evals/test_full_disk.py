"""A disk that is full: the run says so, keeps what was answered, and goes on later."""

import os
import subprocess
import sys
from pathlib import Path

from helpers.eval_runs import journal, report_of, right, write_rows
from helpers.paths import ROOT
from helpers.servers import serve


def swiftkit(folder: Path, *words: str, limit: str = "unlimited") -> tuple[int, str]:
    """Return the status and the last line on stderr; no file may grow beyond `limit` KiB."""
    shell = ["bash", "-c", f'ulimit -f {limit} && exec "$@"', "bash"]
    done = subprocess.run(
        [*shell, sys.executable, "-m", "swiftkit", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


def test_run_on_a_full_disk_stops_with_status_4_and_goes_on_later(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", 60)
    run = tmp_path / "run"
    with serve(right) as server:
        words = ["eval", "tool-call", "--data", "rows.jsonl", "--base-url", server.url]
        words += ["--run", "run", "--concurrency", "1"]  # nothing is on its way when it stops
        status, said = swiftkit(tmp_path, *words, limit="5")
        assert status == 4
        kept = len(journal(run))
        assert 0 < kept < 60
        how = f"{kept} of 60 are kept; the same command with --run run asks the rest"
        assert said == f"swiftkit: cannot write in run: File too large: {how}"
        asked = len(server.questions)
        assert swiftkit(tmp_path, *words)[0] == 0
        assert len(server.questions) == asked + 60 - kept
        before = {file: file.read_bytes() for file in run.iterdir()}
        for command in (words, ["grade", "run"]):  # now its reports do not fit
            status, said = swiftkit(tmp_path, *command, limit="1")
            assert status == 4
            assert "run/scores.jsonl: cannot be written: File too large" in said
            assert {file: file.read_bytes() for file in run.iterdir()} == before
    assert report_of(run)["scored"] == 60


def test_conversion_on_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """With the status that its help gives for a file that cannot be written."""
    row = (
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    )
    (tmp_path / "raw.jsonl").write_text(row * 100, encoding="utf-8")
    (tmp_path / "out.jsonl").write_text("old", encoding="utf-8")
    status, said = swiftkit(tmp_path, "convert", "raw.jsonl", "-o", "out.jsonl", limit="2")
    assert status == 2
    assert "out.jsonl: cannot be written: File too large" in said
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.jsonl", "raw.jsonl"]
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == "old"
