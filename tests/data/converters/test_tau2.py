"""Files of tau2's: each simulation is a record of the account, in both of tau2's layouts."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT

from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions

SHARED = ROOT.parent / "shared" / "cases"
INFO = {"environment_info": {"domain_name": "weather", "policy": "# Policy"}}
ANSWERED = [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": "Rain."}]


def simulation(identity: str, reward: float | None, **more: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "task_id": identity,
        "trial": 0,
        "termination_reason": "user_stop",
        "reward_info": None if reward is None else {"reward": reward},
        "messages": ANSWERED,
    } | more


def converted(source: Path, folder: Path, target: str = "sft") -> tuple[Any, list[Any], list[Any]]:
    out, rejects = folder / "out.jsonl", folder / "rejects.jsonl"
    report = convert_files([source], out, rejects, ConvertOptions(target))
    lines = rejects.read_text(encoding="utf-8").splitlines() if rejects.is_file() else []
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return report, rows, [json.loads(line) for line in lines]


def test_a_bad_simulation_is_one_reject_and_the_others_are_rows(tmp_path: Path) -> None:
    """The account counts simulations; a place says which of them it is."""
    source = tmp_path / "results.json"
    runs = [simulation("a", 1.0), simulation("b", None), 5, simulation("c", 0.0)]
    source.write_text(json.dumps({"info": INFO, "tasks": [], "simulations": runs}, indent=1))
    report, rows, rejects = converted(source, tmp_path)
    assert (report.rows_in, report.rows_accepted, report.rows_rejected) == (3, 1, 2)
    assert report.rows_filtered == 1
    assert [row["id"] for row in rows] == ["task_a_trial_0"]
    assert rows[0]["source"] == "results.json:1:simulations[0]"
    assert rows[0]["messages"][0] == {"role": "system", "content": "# Policy"}
    assert [reject["code"] for reject in rejects] == ["no_reward", "no_reward"]
    assert rejects[0]["reason"].startswith("simulations[1]: ")
    assert json.loads(rejects[0]["raw"])["id"] == "b"


def test_a_file_without_simulations_is_a_reject(tmp_path: Path) -> None:
    source = tmp_path / "results.json"
    empty = json.dumps({"info": INFO, "tasks": [], "simulations": []})
    source.write_text(empty + "\n" + json.dumps(ANSWERED_ROW), encoding="utf-8")
    report, _, rejects = converted(source, tmp_path)
    assert (report.rows_in, report.rows_rejected) == (2, 1)
    assert rejects[0]["code"] == "no_messages"


ANSWERED_ROW = {"messages": ANSWERED}


def index_of_two(folder: Path) -> Path:
    """Write the layout with a file for each simulation. Return its results.json."""
    (folder / "simulations").mkdir()
    for name in ("a", "b"):
        path = folder / "simulations" / f"{name}.json"
        path.write_text(json.dumps(simulation(name, 1.0), indent=2), encoding="utf-8")
    results = folder / "results.json"
    index = [{"id": "a"}, {"id": "b"}]
    results.write_text(json.dumps({"info": INFO, "tasks": [], "simulation_index": index}))
    return results


def test_simulations_in_files_of_their_own_are_read_through_the_index(tmp_path: Path) -> None:
    report, rows, _ = converted(index_of_two(tmp_path), tmp_path)
    assert report.rows_in == 2
    assert [row["messages"][0]["content"] for row in rows] == ["# Policy"] * 2


def test_a_folder_of_simulations_takes_the_policy_from_the_index_above(tmp_path: Path) -> None:
    """Only where the index lists the simulation: another results.json says nothing about it."""
    index_of_two(tmp_path)
    stranger = tmp_path / "simulations" / "c.json"
    stranger.write_text(json.dumps(simulation("c", 1.0)), encoding="utf-8")
    _, rows, _ = converted(tmp_path / "simulations", tmp_path)
    assert [row["messages"][0]["role"] for row in rows] == ["system", "system", "user"]


def test_an_index_with_a_missing_file_is_a_reject(tmp_path: Path) -> None:
    results = index_of_two(tmp_path)
    (tmp_path / "simulations" / "b.json").unlink()
    lines = results.read_text(encoding="utf-8") + "\n" + json.dumps(ANSWERED_ROW)
    results.write_text(lines, encoding="utf-8")
    report, _, rejects = converted(results, tmp_path)
    assert (report.rows_accepted, report.rows_rejected) == (1, 1)
    assert "simulations/" in rejects[0]["reason"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared cases")
@pytest.mark.parametrize(
    ("name", "accepted", "rejected"),
    [
        ("data/tau2_results.json", 1, []),
        ("environments/tau2_26_3.json", 1, ["no_answer"]),
        ("environments/tau2_1_0_1.json", 1, ["no_answer", "failed_run"]),
        ("environments/tau2_1_0_1_dir/results.json", 1, ["no_answer", "failed_run"]),
        ("environments/tau2_1_0_1_dir/simulations", 1, ["no_answer", "failed_run"]),
    ],
)
def test_shared_result_files_are_read(
    name: str, accepted: int, rejected: list[str], tmp_path: Path
) -> None:
    report, rows, rejects = converted(SHARED / name, tmp_path)
    assert report.rows_accepted == accepted
    assert [reject["code"] for reject in rejects] == rejected
    assert [message["role"] for message in rows[0]["messages"]] == [
        "system", "user", "tool_call", "tool_response", "assistant",
    ]  # fmt: skip
    assert not any("requestor" in message for message in rows[0]["messages"])
