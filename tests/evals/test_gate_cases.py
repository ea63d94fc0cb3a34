"""The case table's runs in which errors lay where a gate looked, through the real runner."""

from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from helpers.servers import Reply, error, message, serve

from swiftkit.client.client import Endpoint
from swiftkit.evals.gates import parse_gate
from swiftkit.evals.run import EvalOptions, evaluate

CASES = ROOT.parent / "shared/cases/eval"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")


def answer(body: dict[str, Any]) -> Reply:
    """Behave as the question says: Q1 mode=NAME."""
    mode = body["messages"][-1]["content"].partition("mode=")[2]
    replies = {"good1": message("", [("f", {"a": 1})]), "wrong": message("#### 41")}
    return error(422) if mode == "422" else replies.get(mode, message("#### 42"))


@pytest.mark.parametrize(
    ("task", "file", "gates"),
    [
        ("tool-call", "chg.jsonl", {"chain_success>=0.7": "inconclusive 14 of 24 chains"}),
        ("jsonl", "gatecat.jsonl", {"accuracy[A]>=0.55": "inconclusive 6 of 12"}),
        ("jsonl", "gatecat2.jsonl", {"accuracy[A]>=0.95": "passed 100 of 100"}),
        (
            "jsonl",
            "cat.jsonl",
            {
                "accuracy[hard cases]>=0.5": "failed 0 of 50",
                "accuracy[a=b]>=90%": "passed 50 of 50",
                "accuracy[x[y]]>=0.9": "passed 50 of 50",
                " accuracy[多步] >= 0.9 ": "passed 50 of 50",
            },
        ),
    ],
)
def test_gates_of_the_case_table(
    task: str, file: str, gates: dict[str, str], tmp_path: Path
) -> None:
    with serve(answer) as server:
        options = EvalOptions(task, CASES / file, Endpoint(server.url), run=tmp_path / "run")
        report = evaluate(options._replace(gates=tuple(map(parse_gate, gates))))
    for result, expected in zip(report.gates, gates.values(), strict=True):
        assert f"{result.verdict} {result.reason}".startswith(expected)
