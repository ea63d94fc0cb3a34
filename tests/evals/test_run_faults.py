"""Whatever an endpoint, a user or the machine does to a run: no sample is lost, none counts twice,
no key leaks."""

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.eval_runs import (
    CANARY,
    evaluate,
    half_right,
    journal,
    number,
    report_of,
    right,
    start,
    wait_for,
    write_rows,
)
from helpers.faulty import Faulty
from helpers.paths import ROOT
from helpers.servers import Reply, error, serve

from swiftkit.client.client import Endpoint
from swiftkit.client.retry import PATIENT_ATTEMPTS
from swiftkit.evals import run as evaluate_module

FORK = """
import os, sys
import swiftkit.evals.run, swiftkit.evals.tasks.tool_call
from swiftkit.cli.main import main
for _ in sys.stdin:
    if not (child := os.fork()):
        main(sys.argv[1:])
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_run_with_faults_ends_each_sample_in_one_state(tmp_path: Path) -> None:
    """With 30 % faults of all kinds, what the server has answered is scored, what it refused is an
    error or skipped; the totals add up, and a resumed run asks only what has no score."""
    data = write_rows(tmp_path / "rows.jsonl", 300)
    faulty = Faulty(right, 0.3)
    with serve(faulty) as server:
        endpoint = Endpoint(server.url, timeout=3, concurrency=64, first_wait=0.002)
        options = evaluate_module.EvalOptions("tool-call", data, endpoint, run=tmp_path / "run")
        report = evaluate_module.evaluate(options)
        assert report.n == 300 == report.scored + report.skipped + report.errors
        states = [
            json.loads(line) for line in (tmp_path / "run/scores.jsonl").read_bytes().splitlines()
        ]
        scored = {int(line["id"][1:]) for line in states}
        assert len(states) == len(scored) == report.scored
        assert scored == faulty.answered.keys()  # what was answered is scored, and nothing else
        assert report.skipped == sum(faulty.fate(index) == 402 for index in range(300))
        assert report.metrics["tool_accuracy"].value == 1.0
        assert report.coverage == report.scored / 300
        worst, best = report.bounds["tool_accuracy"]
        assert worst == pytest.approx(report.scored / report.n)
        assert best == 1.0
        assert max(faulty.asked.values()) <= PATIENT_ATTEMPTS
        entries = Counter(entry["sample_id"] for entry in journal(tmp_path / "run"))
        assert entries == Counter({f"r{index}": 1 for index in range(300)})
        faulty.share = 0.0
        asked = len(server.questions)
        again = evaluate_module.evaluate(options)
        assert {int(text.split()[1]) for text in server.questions[asked:]} == set(
            range(300)
        ) - scored
    assert again.scored == sum(faulty.fate(index) == 200 for index in range(300))
    assert again.n == 300 == again.scored + again.skipped + again.errors


def test_run_killed_a_hundred_times_has_the_same_scores(tmp_path: Path) -> None:
    """SIGKILL at random moments, of the start, the asking and the report; each time the run is
    resumed."""
    data = write_rows(tmp_path / "rows.jsonl", 400)
    draw, run = random.Random(5), tmp_path / "run"  # noqa: S311
    with serve(lambda body: half_right(body, delay=0.03)) as server:
        arguments = [
            "eval",
            "tool-call",
            "--data",
            str(data),
            "--base-url",
            server.url,
            "--concurrency",
        ]
        with forker([*arguments, "3", "--run", str(run)], tmp_path) as process:
            killed = 0
            while killed < 100:
                before = finished_in(run)
                asked = len(server.questions)
                killed += kill_soon(process, draw.uniform(0, 0.3)) == -signal.SIGKILL
                assert not {f"r{text.split()[1]}" for text in server.questions[asked:]} & before
            process.communicate()
        status, _, _ = evaluate(data, server.url, run, "--concurrency", "64")
        assert (
            evaluate(data, server.url, tmp_path / "calm", "--concurrency", "64")[0] == status == 0
        )
    assert Counter(entry["sample_id"] for entry in journal(run)) == Counter(
        {f"r{index}": 1 for index in range(400)}
    )
    assert (run / "scores.jsonl").read_bytes() == (tmp_path / "calm/scores.jsonl").read_bytes()
    assert report_of(run)["metrics"] == report_of(tmp_path / "calm")["metrics"]


def forker(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    """A process that starts `swiftkit` with these arguments, in a fork of its own, at each line it
    reads; it prints the fork's number, and then its exit status. So a start costs no imports."""
    return subprocess.Popen(
        [sys.executable, "-c", FORK, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
        env=os.environ | {"OPENAI_API_KEY": CANARY, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def kill_soon(process: "subprocess.Popen[str]", seconds: float) -> int:
    """Start a run, kill it after that time, and return its exit status."""
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    child = int(process.stdout.readline())
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):  # it was finished before
        os.kill(child, signal.SIGKILL)
    line = next(
        text for text in iter(process.stdout.readline, "") if text.strip().lstrip("-").isdigit()
    )
    return int(line)


def finished_in(run: Path) -> set[str]:
    return (
        {entry["sample_id"] for entry in journal(run)}
        if (run / "responses.jsonl").exists()
        else set()
    )


def test_run_key_appears_nowhere(tmp_path: Path) -> None:
    """Not in a file, the output, the process list, nor in the words of a server that repeats it."""
    data = write_rows(tmp_path / "rows.jsonl", 12)
    said = itertools.cycle(
        [error(500, f"for {CANARY}"), error(422, CANARY), Reply(f"echo {CANARY}".encode())]
    )
    seen: list[str] = []

    def telling(body: dict[str, Any]) -> Reply:
        seen.extend(
            " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
        )
        return next(said) if number(body) < 3 else right(body)

    with serve(telling) as server:
        done = [evaluate(data, server.url, tmp_path / "run", "--concurrency", "1", "--stream")]
        done.append(evaluate(data, f"{server.url}?key={CANARY}", tmp_path / "query"))
    with serve(
        lambda _: error(401, f"no such key {CANARY}"), pong=error(401, f"no such key {CANARY}")
    ) as server:
        done.append(evaluate(data, server.url, tmp_path / "refused"))
    assert [status for status, _, _ in done] == [1, 2, 4]
    text = [file.read_text(encoding="utf-8") for file in tmp_path.rglob("*") if file.is_file()]
    assert len(text) > 5
    assert any("***" in content for content in text)
    assert all(
        CANARY not in content
        for content in itertools.chain(text, seen, *(entry[1:] for entry in done))
    )


@pytest.mark.parametrize("setting", ["endpoint", "judge"])
@pytest.mark.parametrize("url", ["https://:canary@h/v1", "http://h/v1?api_key=canary"])
def test_key_in_an_address_is_refused_and_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, url: str
) -> None:
    """Also the judge's, where no row has one."""
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a", "check": {"exact": "a"}}\n')
    endpoint = url
    if setting == "judge":
        monkeypatch.setenv("SWIFTKIT_JUDGE_BASE_URL", url)
        endpoint = "http://127.0.0.1:9"
    words = ["eval", "jsonl", "--data", "rows.jsonl", "--base-url", endpoint]
    command = [sys.executable, "-m", "swiftkit", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stderr
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds a name, a key or a query" in said
    assert "canary" not in said
    assert [file.name for file in tmp_path.iterdir()] == ["rows.jsonl"]


def test_run_refused_key_stops_at_once(tmp_path: Path) -> None:
    """Eight 401 in a row, and nothing more is asked: beside them no more than the requests in
    flight were in vain."""
    data = write_rows(tmp_path / "rows.jsonl", 200)
    refused = replace(error(401), delay=0.2)  # behind all good answers
    with serve(lambda body: refused if len(server.questions) > 50 else right(body)) as server:
        status, _, err = evaluate(data, server.url, tmp_path / "run", "--concurrency", "8")
        assert len(server.questions) <= 50 + 8 + 8
    assert status == 4
    assert err.count("OPENAI_API_KEY") == 1
    assert len(journal(tmp_path / "run")) >= 40


def test_run_used_up_quota_stops_the_asking(tmp_path: Path) -> None:
    """After many 402 in a row the rest is left, skipped; the run is not healthy, and can be
    resumed."""
    data = write_rows(tmp_path / "rows.jsonl", 200)
    with serve(lambda body: right(body) if number(body) < 20 else error(402)) as server:
        status, _, err = evaluate(data, server.url, tmp_path / "run", "--concurrency", "8")
        assert len(server.questions) < 60
    report = report_of(tmp_path / "run")
    assert (status, report["scored"], report["skipped"], report["errors"]) == (4, 20, 180, 0)
    assert "samples are not asked" in err
    with serve(right) as server:
        assert evaluate(data, server.url, tmp_path / "run", "--concurrency", "32")[0] == 0
        assert len(server.questions) == 180


def test_run_endpoint_that_only_fails_is_given_up(tmp_path: Path) -> None:
    """It is not asked for every sample; one message says the last error, status 4."""
    data = write_rows(tmp_path / "rows.jsonl", 300)
    with serve(lambda _: error(404, "no such route")) as server:
        status, _, err = evaluate(data, server.url, tmp_path / "run", "--concurrency", "4")
        assert len(server.questions) < 50
    assert status == 4
    assert "32 samples in a row had no answer, the last: HTTP 404: no such route" in err


def test_run_one_of_several_addresses_dies_and_is_left_out(tmp_path: Path) -> None:
    """The load is spread; the one that dies is left out and named, and every sample is answered by
    the others."""
    data = write_rows(tmp_path / "rows.jsonl", 150)
    slow = [lambda body: right(body, delay=0.02)] * 2
    with serve(slow[0]) as first, serve(slow[1]) as second:
        flags = (
            "--base-url",
            second.url,
            "--base-url",
            "http://127.0.0.1:9/v1",
            "--concurrency",
            "8",
        )
        with start(data, first.url, tmp_path / "run", *flags) as process:
            wait_for(lambda: len(first.questions) > 20 and len(second.questions) > 20)
            second.stop()
            _, err = process.communicate(timeout=40)
    assert process.returncode == 0, err
    assert "left out: http://127.0.0.1:9/v1 cannot be reached" in err
    assert f"left out: {second.url} is gone" in err
    assert report_of(tmp_path / "run")["scored"] == 150
