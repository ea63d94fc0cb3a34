"""`swiftkit tau-bench`: pass^k of result files; what failed for another reason than the model has
no score."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.paths import ROOT, SHARED_CASES

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
    assert report["coverage"] == 0.75
    assert report["bounds"]["success_rate"] == [0.5, 0.75]
    assert report["bounds"]["pass^2"] == [0.5, 0.5]


def test_tau_bench_same_results_twice_are_refused(tmp_path: Path) -> None:
    """By the same name, another spelling, a link and a copy; other runs of the tasks are trials."""
    first = write(tmp_path / "a.json", [result(0, 1.0, 0)])
    (tmp_path / "link.json").symlink_to(first)
    for other in (first, f"{tmp_path}/./a.json", str(tmp_path / "link.json")):
        done = run(first, other)
        assert done.exit_code == 2
        assert f"{Path(other)} and {first} are the same results" in done.stderr
    copy = write(tmp_path / "b.json", [result(0, 1.0, 0)])
    assert run(first, copy).exit_code == 2
    assert run(str(tmp_path)).exit_code == 2
    write(tmp_path / "b.json", [result(0, 0.0, 0)])
    assert "2 runs of 1 tasks, up to 2 trials each" in run(first, copy).stdout


def test_tau_bench_runs_that_stand_in_two_files_are_refused(tmp_path: Path) -> None:
    """However they are written: an earlier state of a file, or one that was sorted or indented."""
    talk = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    runs = [result(task, 1.0, 0) | {"traj": talk} for task in range(3)]
    whole = write(tmp_path / "a.json", runs)
    (tmp_path / "b.json").write_text(json.dumps(runs[:1], indent=1, sort_keys=True))
    done = run(whole, str(tmp_path / "b.json"))
    assert done.exit_code == 2
    assert "the run of task 0 stands at" in done.stderr
    failed = [result(0, 0.0, 0, error="429"), result(1, 0.0, 0)]
    write(tmp_path / "b.json", failed)
    assert run(write(tmp_path / "c.json", failed[::-1]), str(tmp_path / "b.json")).exit_code == 1


@pytest.mark.parametrize("reward", [5, -1])
def test_tau_bench_reward_that_is_none_has_no_score(tmp_path: Path, reward: float) -> None:
    done = run(write(tmp_path / "a.json", [result(0, reward, 0), result(1, 1.0, 0)]), "--json")
    report = json.loads(done.stdout)
    assert (report["scored"], report["errors"], done.exit_code) == (1, 1, 1)
    assert "not from 0 to 1" in report["failures"][0]["reasons"][0]


def test_tau_bench_domains_are_not_mixed(tmp_path: Path) -> None:
    """Told by the system prompt, else the file's name; a run that stopped at once tells none."""
    runs = []
    for task, domain in enumerate(("Airline", "Retail")):
        row = result(task, 1.0, 0)
        runs.append(row | {"traj": [{"role": "system", "content": f"# {domain} Agent Policy\n"}]})
    airline, retail = (write(tmp_path / f"{n}.json", [row]) for n, row in enumerate(runs))
    done = run(airline, retail)
    assert done.exit_code == 2
    assert "1.json is of tau-bench retail" in done.stderr
    assert run(airline, write(tmp_path / "telecom.json", [result(1, 1, 0)])).exit_code == 2
    assert run(airline, write(tmp_path / "x.json", [result(1, 1, 0)])).exit_code == 0


def simulation(task: str, ended: str, reward: float | None, **checks: Any) -> dict[str, Any]:
    told = None if reward is None else {"reward": reward, **checks}
    return {"task_id": task, "trial": 0, "termination_reason": ended, "reward_info": told}


def test_tau2_checks_are_told_apart(tmp_path: Path) -> None:
    """State, actions and communicated facts; faults of the infrastructure are no failures."""
    checks = {
        "db_check": {"db_match": False},
        "action_checks": [{"action_match": True}, {"action_match": False}],
        "communicate_checks": [{"met": True}],
        "nl_assertions": None,
    }
    runs = [
        simulation("a", "user_stop", 1.0, db_check={"db_match": True}),
        simulation("b", "user_stop", 0.0, **checks),
        simulation("c", "max_steps", 0.0, db_check=None),
        simulation("d", "infrastructure_error", None),
        simulation("e", "user_stop", 1.0) | {"skipped": True},
        simulation("f", "agent_stop", None),
    ]
    info = {"environment_info": {"domain_name": "retail"}}
    file = tmp_path / "r.json"
    file.write_text(json.dumps({"info": info, "tasks": [], "simulations": runs}), encoding="utf-8")
    report = json.loads(run(str(file), "--json").stdout)
    assert (report["runs"], report["scored"], report["errors"]) == (6, 3, 3)
    values = {name: metric["value"] for name, metric in report["metrics"].items()}
    assert values == {
        "success_rate": pytest.approx(1 / 3),
        "check[state]": 0.5,
        "check[actions]": 0.5,
        "check[communicated]": 1.0,
    }
    assert report["bounds"]["success_rate"] == pytest.approx([1 / 6, 4 / 6])
    assert report["ended"]["user_stop"] == 3
    assert "state 0 of 1; actions 1 of 2" in report["failures"][0]["reasons"][0]
    assert "ended by: user_stop 3, max_steps 1" in run(str(file)).stdout


@pytest.mark.skipif(not SHARED_CASES.exists(), reason=f"no {SHARED_CASES}")
def test_tau2_layouts() -> None:
    """One file, a results.json beside its simulations, and their folder."""
    folder = SHARED_CASES / "environments"
    for name in ("tau2_1_0_1.json", "tau2_1_0_1_dir", "tau2_1_0_1_dir/results.json"):
        done = run(str(folder / name))
        assert "3 runs of 2 tasks, up to 2 trials each: 2 scored, 1 errors" in done.stdout
        assert done.exit_code == 1


def test_tau_bench_missing_trials_are_said(tmp_path: Path) -> None:
    """The file of a run that was interrupted has some tasks once, others twice."""
    runs = [result(0, 1.0, 0), result(1, 1.0, 0), result(0, 1.0, 1)]
    done = run(write(tmp_path / "r.json", runs))
    assert "1 runs are missing, where a task has fewer trials than others" in done.stdout
    assert done.exit_code == 1
    assert "missing" not in run(write(tmp_path / "s.json", runs[:2])).stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "no runs"),
        ('[{"task_id": 1}]', "r.json:1"),
        ('[{"task_id": 1, "reward": "1"}]', "r.json:1"),
        (json.dumps([result(1, 1, 0), result(1, 0, 0)]), "r.json:2: trial 0 of task 1 stands at"),
        ("{", "r.json"),
        ("[3]", "r.json:1: a JSON int is no result of tau-bench or tau2"),
        ('[{"prompt": "q"}]', "an object with prompt is no result of tau-bench or tau2"),
        ('{"info": {}, "simulation_index": [{"id": "../x"}]}', "no file of simulation '../x'"),
    ],
)
def test_tau_bench_other_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    """One line with the place, status 2."""
    (tmp_path / "r.json").write_text(content, encoding="utf-8")
    done = run(str(tmp_path / "r.json"))
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
