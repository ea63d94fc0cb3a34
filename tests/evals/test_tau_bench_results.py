"""`swiftkit tau-bench`: pass^k of result files; what failed for another reason than the model has
no score."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.paths import ROOT

from swiftkit.cli.main import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tau-bench", *arguments])


def result(task: int, reward: float, trial: int, **info: Any) -> dict[str, Any]:
    return {"task_id": task, "reward": reward, "info": info, "traj": [], "trial": trial}


def write(path: Path, runs: list[Any]) -> str:
    path.write_text(json.dumps(runs), encoding="utf-8")
    return str(path)


def test_tau_bench_published_airline_runs_have_the_published_pass_k() -> None:
    """50 tasks of 4 trials give pass^1..4 = 0.420, 0.273, 0.220, 0.200, as tau-bench prints
    them."""
    folder = Path(os.environ.get("SWIFTKIT_SHARED_DATA", ROOT.parent / "shared/data")) / "tau_bench"
    if not folder.is_dir():
        pytest.skip(
            f"no tau-bench results in {folder}: set SWIFTKIT_SHARED_DATA to the folder of tau_bench/"
        )
    done = run(str(folder / "gpt-4o-airline.json"), "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (report["runs"], report["scored"], report["errors"], report["tasks"]) == (
        200,
        200,
        0,
        50,
    )
    values = [round(report["metrics"][f"pass^{k}"]["value"], 3) for k in (1, 2, 3, 4)]
    assert values == [0.420, 0.273, 0.220, 0.200]
    low, high = report["metrics"]["pass^1"]["ci95"]
    assert 0.25 < low < 0.42 < high < 0.6


def test_tau_bench_errors_have_no_score_and_failures_are_named(tmp_path: Path) -> None:
    """A run that stopped with an error is no failure of the model; the exit status says that some
    are missing."""
    quota = result(1, 0.0, 1, error="402 payment\nrequired", traceback="...")
    runs = [result(0, 1.0, 0), result(0, 0.995, 1), result(1, 0.5, 0), quota]
    done = run(write(tmp_path / "r.json", runs))
    assert done.exit_code == 1
    assert "4 runs of 2 tasks, up to 2 trials each: 3 scored, 1 errors" in done.stdout
    assert "task 1: 0 of 2; trial 0: reward 0.5" in done.stdout
    report = json.loads(run(write(tmp_path / "r.json", runs), "--json").stdout)
    assert report["metrics"]["success_rate"]["value"] == pytest.approx(2 / 3)
    assert report["metrics"]["pass^2"]["value"] == 1
    assert report["failures"][0]["reasons"][1] == "trial 1: 402 payment required"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "no runs"),
        ('[{"task_id": 1}]', "r.json:1"),
        ('[{"task_id": 1, "reward": "1"}]', "r.json:1"),
        (json.dumps([result(1, 1, 0), result(1, 0, 0)]), "r.json:2: trial 0 of task 1 stands at"),
        ("{", "r.json"),
    ],
)
def test_tau_bench_other_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    """One line with the place, status 2."""
    (tmp_path / "r.json").write_text(content, encoding="utf-8")
    done = run(str(tmp_path / "r.json"))
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
