"""`swiftkit grade RUN`: the answers of a run scored again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.eval_runs import (
    evaluate,
    half_right,
    report_of,
    write_rows,
)
from helpers.paths import ROOT
from helpers.servers import serve

from swiftkit.errors import UsageError
from swiftkit.evals.gates import parse_gate
from swiftkit.evals.grade import grade


def test_grade_gives_the_same_numbers_without_a_model(tmp_path: Path) -> None:
    """The same numbers from the journal alone; gates may be new; mended gold counts; half a run is
    unhealthy, and takes the place of a whole one only by force."""
    data, run = write_rows(tmp_path / "rows.jsonl", 30), tmp_path / "run"
    with serve(half_right) as server:
        evaluate(data, server.url, run)
    before, scores = report_of(run), (run / "scores.jsonl").read_bytes()
    status, out, _ = grade_command(run, "--gate", "tool_accuracy>=0.3", "--json")
    assert (status, json.loads(out)["gates"][0]["verdict"]) == (0, "passed")
    for gate, expected in (("tool_accuracy>=0.99", 1), ("tool_accuracy>=0.66", 3)):
        assert grade(run, gates=(parse_gate(gate),)).exit_status == expected
    assert (run / "scores.jsonl").read_bytes() == scores
    after = report_of(run)
    assert all(
        after[name] == before[name]
        for name in ("metrics", "n", "scored", "usage", "latency", "model")
    )
    rows = data.read_text(encoding="utf-8")
    wanted = '\\"f\\", \\"arguments\\"'
    data.write_text(rows.replace(wanted, wanted.replace("f", "g", 1)), encoding="utf-8")
    status, _, err = grade_command(run)
    assert (status, "has changed since" in err) == (0, True)
    assert report_of(run)["metrics"]["tool_accuracy"]["value"] == 0.0
    lines = (run / "responses.jsonl").read_bytes().splitlines(keepends=True)
    (run / "responses.jsonl").write_bytes(b"".join(lines[:15]))
    assert grade_command(run)[0] == 2
    half = grade(run, data, (parse_gate("tool_accuracy>=0"),), force=True)
    assert (half.n, half.scored, half.errors, half.exit_status) == (30, 15, 15, 4)
    with pytest.raises(UsageError, match="is no run"):
        grade(tmp_path)


def grade_command(run: Path, *flags: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    command = [sys.executable, "-m", "swiftkit", "grade", str(run), *flags]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr
