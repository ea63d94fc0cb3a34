"""The tool-chain task: the model calls, the environment answers, until done; the chain is
scored."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from helpers.servers import Reply, error, message, serve

from swiftkit.errors import DataError
from swiftkit.evals.tasks import tool_chain
from swiftkit.records import Response, Sample, Step
from swiftkit.toolcall.call import ToolCall

PARAMETERS = {"type": "object", "properties": {"id": {"type": "string"}}}
TOOLS = json.dumps(
    [{"name": name, "description": "d", "parameters": PARAMETERS} for name in ("get", "cancel")]
)
USER = {"role": "user", "content": "Cancel K1"}


def call(name: str, value: str = "K1") -> dict[str, str]:
    return {"role": "tool_call", "content": json.dumps({"name": name, "arguments": {"id": value}})}


def result(text: str) -> dict[str, str]:
    return {"role": "tool_response", "content": text}


GOLD = json.dumps([{"name": "cancel", "arguments": {"id": "K1"}}])
ROW = {
    "id": "c",
    "messages": [USER, call("get"), result("open")],
    "expected_calls": GOLD,
    "tools": TOOLS,
}


def write(folder: Path, *rows: Any) -> Path:
    (folder / "rows.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    return folder / "rows.jsonl"


def load(folder: Path, *rows: Any) -> list[Sample]:
    return tool_chain.load(write(folder, *rows))


def response(*turns: list[ToolCall] | str) -> Response:
    steps = [
        Step(turn) if isinstance(turn, str) else Step("", turn, ["r"] * len(turn)) for turn in turns
    ]
    return Response("c", text=steps[-1].text, tool_calls=steps[-1].tool_calls, steps=steps)


GET, CANCEL = ToolCall("get", {"id": "K1"}), ToolCall("cancel", {"id": "K1"})


def test_a_row_is_taken_back_to_its_question(tmp_path: Path) -> None:
    """What was recorded after it is gold, and what the environment will answer."""
    (sample,) = load(tmp_path, ROW)
    assert sample.messages == [USER]
    assert sample.target.chain.steps == 2
    recorded = {"name": "get", "arguments": {"id": "K1"}, "result": "open"}
    assert sample.target.recorded == [recorded]


def test_a_training_row_gives_each_question_with_the_true_history(tmp_path: Path) -> None:
    """Two questions with calls, one without: two samples."""
    more = [
        {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": "ok"},
        USER,
        call("get", "K2"),
        result("x"),
    ]
    row = {
        "id": "t",
        "messages": [USER, call("get"), call("cancel"), result("a"), result("b"), *more],
        "tools": TOOLS,
    }
    first, second = load(tmp_path, row)
    assert (first.id, second.id) == ("t#1", "t#2")
    assert [message["role"] for message in second.messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
        "assistant",
        "user",
    ]
    assert (first.target.chain.steps, len(first.target.chain.gold.calls)) == (1, 2)


def test_of_rows_that_continue_each_other_the_longest_counts(tmp_path: Path) -> None:
    """convert --each-step writes a row a step."""
    gold = json.dumps([{"name": "get", "arguments": {"id": "K1"}}])
    early = {"id": "c1", "messages": [USER], "expected_calls": gold, "tools": TOOLS, "chain": "c"}
    (sample,) = load(tmp_path, early, ROW | {"chain": "c"})
    assert (sample.id, sample.target.chain.steps) == ("c", 2)


def test_what_a_chain_scores(tmp_path: Path) -> None:
    """Exact, cut short, in the wrong order, wrong, and malformed; steps are counted beside
    calls."""
    (sample,) = load(tmp_path, ROW)

    def counted(*turns: list[ToolCall] | str) -> tuple[bool, int, int, int, int]:
        found = tool_chain.score(sample, response(*turns))
        counts = found.counts
        return (
            found.exact,
            counts["steps_right"],
            counts["right"],
            counts["total"],
            counts["finished"],
        )

    assert counted([GET], [CANCEL], "Done.") == (True, 2, 2, 2, 1)
    assert counted([GET], "Done.") == (False, 1, 1, 2, 1)
    assert counted([CANCEL], [GET], "Done.")[:2] == (False, 1)
    assert counted([GET], [ToolCall("cancel", {"id": "K9"})], "Done.") == (False, 1, 1, 2, 1)
    assert counted([GET], [CANCEL], "<tool_call>{") == (False, 0, 0, 2, 0)
    assert counted([GET], [CANCEL])[4] == 0
    assert counted("I cannot.") == (False, 0, 0, 2, 1)


def test_metrics(tmp_path: Path) -> None:
    """Chains, steps and calls; with trials pass^k; an error counts nowhere."""
    (sample,) = load(tmp_path, ROW)
    good, bad = (
        tool_chain.score(sample, response([GET], *rest)) for rest in ([[CANCEL], "x"], ["x"])
    )
    found = tool_chain.metrics([(sample, 0, good), (sample, 1, bad), (sample, 2, None)])
    sums = {
        name: (sum(each.right for each in entries), sum(each.total for each in entries))
        for name, entries in found.items()
    }
    assert sums["chain_success"] == (1, 2)
    assert sums["step_accuracy"] == (3, 4)
    assert sums["tool_accuracy"] == (3, 4)
    assert (sums["pass^2"], sums["pass@2"], sums["pass^3"]) == ((0, 1), (1, 1), (0, 0))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW | {"state": "{"}, "state"),
        (ROW | {"expected_results": "{}"}, "expected_results"),
        (ROW | {"expected_calls": "x"}, "bad gold"),
        (ROW | {"messages": [{"role": "system", "content": "s"}]}, "nothing asks"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: Any, said: str) -> None:
    """File and line."""
    with pytest.raises(DataError, match=rf"rows\.jsonl:1.*{said}"):
        load(tmp_path, row)


def evaluate(folder: Path, url: str, **environment: str) -> tuple[int, str, dict[str, Any]]:
    command = [
        sys.executable,
        "-m",
        "swiftkit",
        "eval",
        "tool-chain",
        "--data",
        "rows.jsonl",
        "--base-url",
        url,
    ]
    done = subprocess.run(
        [*command, "--run", str(folder / "run")], capture_output=True, text=True, timeout=60, check=False, cwd=folder,
        env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return (
        done.returncode,
        done.stderr,
        json.loads((folder / "run/report.json").read_text(encoding="utf-8")),
    )


def policy(body: dict[str, Any]) -> Reply:
    """Looks the order up, cancels it if the result says that it is open, then stops; the markup
    stays in `content`."""
    results = [each["content"] for each in body["messages"] if each["role"] == "tool"]
    if not results:
        return message(
            'Let me see. <tool_call>\n{"name": "get", "arguments": {"id": "K1"}}\n</tool_call>',
            [("get", {"id": "K1"})],
        )
    if len(results) == 1 and "open" in results[0]:
        return message("", [("cancel", {"id": "K1"})])
    return message("Done.")


def test_a_run_with_recorded_results(tmp_path: Path) -> None:
    """The next call depends on the result; markup is not sent back; the journal holds the steps."""
    write(tmp_path, ROW, ROW | {"id": "d", "messages": [USER, call("get"), result("closed")]})
    with serve(policy) as server:
        status, _, report = evaluate(tmp_path, server.url)
        sent = [body["messages"] for body in server.requests if len(body["messages"]) > 1]
        asked = len(server.requests)
        again, _, resumed = evaluate(tmp_path, server.url)
        assert len(server.requests) == asked
    assert (status, again) == (0, 0)
    assert report["metrics"]["chain_success"]["value"] == 0.5
    assert report["metrics"]["step_accuracy"]["value"] == 0.75
    assert resumed["metrics"] == report["metrics"]
    assert report["usage"]["total_tokens"] == 50
    assert all("<tool_call>" not in json.dumps(messages) for messages in sent)
    assert sent[0][1]["content"].strip() == "Let me see."
    assert sent[0][2]["tool_call_id"] == sent[0][1]["tool_calls"][0]["id"]
    lines = (tmp_path / "run/responses.jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted(len(json.loads(line)["steps"]) for line in lines) == [2, 3]


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_a_run_sends_reasoning_back(tmp_path: Path, key: str) -> None:
    """In the key in which the server gave it."""
    write(tmp_path, ROW)

    def script(body: dict[str, Any]) -> Reply:
        reply = policy(body)
        reply.body["choices"][0]["message"][key] = "I look."
        return reply

    with serve(script) as server:
        evaluate(tmp_path, server.url)
        answers = [each for each in server.requests[-1]["messages"] if each["role"] == "assistant"]
    assert [answer[key] for answer in answers] == ["I look."] * 2


def test_a_run_says_once_that_a_server_refuses_reasoning(tmp_path: Path) -> None:
    """It goes on without, and is not asked in vain again, but by two chains at a time."""
    write(tmp_path, ROW, ROW | {"id": "d"})
    refused = []

    def script(body: dict[str, Any]) -> Reply:
        if any("reasoning" in each for each in body["messages"]):
            refused.append(body)
            return error(422, "[{'loc': ['messages', 1, 'reasoning'], 'msg': 'Extra inputs'}]")
        reply = policy(body)
        reply.body["choices"][0]["message"]["reasoning"] = "I look."
        return reply

    with serve(script) as server:
        status, said, report = evaluate(tmp_path, server.url)
    assert (status, said.count("refuses the reasoning")) == (0, 1)
    assert len(refused) <= 2
    assert report["metrics"]["chain_success"]["value"] == 1.0


def test_a_run_with_real_tools(tmp_path: Path) -> None:
    """The functions of SWIFTKIT_TOOLS run on the row's state; a dead end of theirs reaches the
    model as an error."""
    (tmp_path / "tools.py").write_text(
        "def get(id, *, state):\n    return state['orders'][id]\n\n"
        "def cancel(id, *, state):\n    state['orders'][id] = 'cancelled'\n    return 'ok'\n",
        encoding="utf-8",
    )
    write(tmp_path, ROW | {"state": json.dumps({"orders": {"K1": "open"}})}, ROW | {"id": "none"})
    with serve(policy) as server:
        status, _, report = evaluate(
            tmp_path, server.url, SWIFTKIT_TOOLS=str(tmp_path / "tools.py")
        )
        assert any(
            '"error": ' in each["content"] for body in server.requests for each in body["messages"]
        )
    assert status == 0
    assert report["metrics"]["chain_success"]["value"] == 0.5
    assert report["metrics"]["finished"]["value"] == 1


def test_an_endpoint_that_fails_midway_gives_no_score(tmp_path: Path) -> None:
    """A quota that is used up within a chain makes it skipped, not wrong; a model that never stops
    is stopped."""
    write(tmp_path, ROW, ROW | {"id": "loop", "messages": [{"role": "user", "content": "loop"}]})

    def script(body: dict[str, Any]) -> Reply:
        if body["messages"][0]["content"] == "loop":
            return message("", [("get", {"id": "K7"})])
        return Reply({"error": "pay"}, 402) if len(body["messages"]) > 1 else policy(body)

    with serve(script) as server:
        _, _, report = evaluate(tmp_path, server.url)
        assert (
            len([body for body in server.requests if body["messages"][0]["content"] == "loop"]) == 8
        )
    assert (report["scored"], report["skipped"], report["errors"]) == (1, 1, 0)
    assert report["metrics"]["finished"]["value"] == 0
