"""Waiting for a server ends when the server does; an evaluation looks at itself before it serves."""

import json
import shlex
import socket
import sys
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import Stage, wait_until

SERVER = """
import http.server, os, sys, time
if sys.argv[2] == "dies":
    print("out of memory", flush=True)
    sys.exit(3)
if sys.argv[2] == "hangs":
    time.sleep(600)
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
time.sleep(0.5)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_script(stage: Stage, port: int, mode: str, seconds: int) -> Path:
    (stage.folder / "server.py").write_text(SERVER)
    script = stage.folder / "wait.sh"
    script.write_text(
        f'source "{ROOT}/recipes/lib.sh"\n'
        f'"{sys.executable}" "$STAGE/server.py" {port} {mode} >"$STAGE/server.log" 2>&1 &\n'
        "server=$!\ntrap 'kill \"$server\" 2>/dev/null || true' EXIT\n"
        f'wait_for_server "$server" "http://127.0.0.1:{port}" {seconds} "$STAGE/server.log"\necho ready\n'
    )
    return script


def test_wait_for_server_returns_when_it_answers(stage: Stage) -> None:
    """Not before: the answer to /health is what counts; a proxy of the environment is not asked."""
    result = stage.run(
        wait_script(stage, closed_port(), "serves", 30), http_proxy="http://127.0.0.1:9"
    )
    assert (result.returncode, result.stdout) == (0, "ready\n"), result.stderr


def test_wait_for_server_fails_early_with_the_log(stage: Stage) -> None:
    """A server that ended will never answer; its last words say why."""
    result = stage.run(wait_script(stage, closed_port(), "dies", 600))
    assert result.returncode == 1
    assert "ended before it answered" in result.stderr
    assert "out of memory" in result.stderr


def test_wait_for_server_is_late_at_last(stage: Stage) -> None:
    """A server that neither answers nor ends is given up after the time that was asked for."""
    result = stage.run(wait_script(stage, closed_port(), "hangs", 1))
    assert result.returncode == 1
    assert "did not answer within 1 s" in result.stderr


ROW = '{"id": "1", "messages": [{"role": "user", "content": "q"}], "expected_calls": "[]"}\n'


def write_questions(stage: Stage) -> str:
    (stage.folder / "data.jsonl").write_text(ROW)
    return "data.jsonl"


def test_evaluation_refuses_the_answers_of_another_model(stage: Stage) -> None:
    """A run that goes on must not mix two models, or the weights of one before and after a merge;
    where nothing was answered there is nothing to mix."""
    model, data = stage.folder / "model", write_questions(stage)
    model.mkdir()
    (model / "model.safetensors").write_text("first")
    for name in ("mistyped", model, model):
        # the stage's swift serves nothing: only the mark counts here
        assert "ended before it answered" in stage.run("eval", name, data, "run").stderr
    (stage.folder / "run" / "responses.jsonl").write_text(ANSWER)
    (model / "model.safetensors").write_text("trained")
    refuses(stage, model, data, "run")


ANSWER = '{"sample_id": "1", "text": "no call"}\n'


def refuses(stage: Stage, *words: str | Path) -> None:
    result = stage.run("eval", *words)
    assert (result.returncode, "answers of another model" in result.stderr) == (2, True), (
        result.stderr
    )


def test_evaluation_knows_a_model_by_all_that_changes_its_answers(stage: Stage) -> None:
    """Weights of the older kind, system and template; a smaller batch is the same model, and so is
    another spelling of its folder."""
    model, data = stage.folder / "model", write_questions(stage)
    model.mkdir()
    (model / "pytorch_model.bin").write_text("first")
    plugin = stage.folder / "plugin.py"
    plugin.write_text("1")
    words = ["--external_plugins", "plugin.py"]
    stage.run("eval", model, data, "my run", *words)
    (stage.folder / "my run/responses.jsonl").write_text(ANSWER)
    for more in (["--system", "Answer."], ["--template", "chatml"], ["--system", "two\nlines"]):
        refuses(stage, model, data, "my run", *words, *more)
    for spelled, more in ((model, ["--max_batch_size", "2"]), ("./model", [])):
        result = stage.run("eval", spelled, data, "my run", *words, *more)
        assert "no config.json" in result.stderr  # eval's own message: this check let it pass
    plugin.write_text("2")
    refuses(stage, model, data, "my run", *words)
    plugin.write_text("1")
    (model / "pytorch_model.bin").write_text("trained")
    result = stage.run("eval", model, data, "my run", *words)
    assert result.stderr.endswith("or: rm -r my\\ run\n")


def test_evaluation_leaves_a_folder_alone_that_another_one_fills(stage: Stage) -> None:
    """Also while the other's server is loading, and has no answers yet."""
    data = write_questions(stage)
    stage.program("swift", '#!/bin/sh\ntouch "$STAGE/loading"\nexec sleep 600\n')
    first = stage.start(["eval", "C", data, "run"])
    wait_until((stage.folder / "loading").exists)
    before = (stage.folder / "run/model.txt").read_text()
    second = stage.run("eval", "D", data, "run")
    assert (second.returncode, "is in use by another eval.sh" in second.stderr) == (2, True)
    assert (stage.folder / "run/model.txt").read_text() == before
    first.terminate()
    first.communicate(timeout=60)
    (stage.folder / "run/responses.jsonl").write_text(ANSWER)
    refuses(stage, "D", data, "run")


@pytest.mark.parametrize(
    ("words", "task", "culprit"),
    [
        (["no.jsonl"], "tool-call", "no.jsonl: No such file"),
        (["broken.jsonl"], "tool-call", "broken.jsonl:1: not valid JSON"),
        (["data.jsonl"], "tool-cal", "no task 'tool-cal'"),
        (["data.jsonl"], "-x", "No such option"),
        (["data.jsonl", "--", "--limits", "1"], "", "No such option"),
        (["data.jsonl", "--", "--limit"], "", "Option '--limit' requires an argument"),
        (["data.jsonl", "--", "--model"], "", "Option '--model' requires an argument"),
        (["data.jsonl", "--", "--trials", "none"], "", "'--trials'"),
        (["data.jsonl", "--", "--gate", "good"], "", "--gate 'good'"),
        (["data.jsonl", "--", "--gate", "recall>=1"], "", "no metric 'recall'"),
        (["data.jsonl", "--", "--prompt", "no.txt"], "", "--prompt no.txt"),
        (["data.jsonl", "--", "--training-run", "no"], "", "--training-run no"),
        (["data.jsonl", "--", "--run", "begun", "--trials", "2"], "", "begun with trials 1"),
    ],
)
def test_evaluation_says_what_is_wrong_before_it_serves(
    stage: Stage, words: list[str], task: str, culprit: str
) -> None:
    """With eval's own message and exit status; nothing is left behind."""
    write_questions(stage)
    (stage.folder / "broken.jsonl").write_text("{\n")
    (stage.folder / "begun").mkdir()
    config = {
        "task": "tool-call", "data": "", "data_sha256": sha256(ROW.encode()).hexdigest(),
        "base_url": "http://127.0.0.1:1/v1", "model": "swiftkit", "trials": 1, "temperature": 0.0,
        "max_tokens": 512, "prompt": None, "limit": None, "sample": None, "seed": 0, "swiftkit": "",
    }  # fmt: skip
    (stage.folder / "begun" / "config.json").write_text(json.dumps(config))
    result = stage.run("eval", "model", words[0], "run", *words[1:], TASK=task)
    assert (result.returncode, culprit in result.stderr) == (2, True), result.stderr
    assert not (stage.folder / "run").exists()
    assert not stage.swift_was_called


def test_evaluation_ends_with_2_where_preflight_refuses_the_server(stage: Stage) -> None:
    """What it finds is shown; a server that ends by itself later is no wrong usage, and no failed
    gate (1) either."""
    data = write_questions(stage)
    result = stage.run("eval", "model", data, "run", "--max_batch_sise", "1", PREFLIGHT="fails")
    assert (result.returncode, stage.swift_was_called) == (2, False)
    assert "fail  model: is not there" in result.stderr
    assert stage.run("eval", "model", data, "run").returncode == 4


@pytest.mark.parametrize("flag", ["--dry-run", "--help"])
def test_evaluation_without_a_question_serves_nothing(stage: Stage, flag: str) -> None:
    data = write_questions(stage)
    result = stage.run("eval", "model", data, "run", "--", flag)
    assert (result.returncode, stage.swift_was_called) == (0, False), result.stderr
    assert not (stage.folder / "run").exists()


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], []),
        (["server.yaml"], ["--max-tokens", "128", "--temperature", "0.5"]),
        (["server.yaml", "--max_new_tokens=64"], ["--max-tokens", "64", "--temperature", "0.5"]),
        (["server.yaml", "--", "--max-tokens", "9"], ["--max-tokens", "9", "--temperature", "0.5"]),
    ],
)
def test_evaluation_asks_for_answers_as_long_as_the_server_says(
    stage: Stage, words: list[str], asked: list[str]
) -> None:
    """A request's own max_tokens would win over the server's max_new_tokens; the last flag counts,
    and without any it is the task's."""
    data = write_questions(stage)
    yaml = "model: model\nmax_new_tokens: 128\ntemperature: 0.5\n"
    (stage.folder / "server.yaml").write_text(yaml)
    shown = stage.run("eval", "model", data, "run", *words, DRY_RUN="1").stdout.splitlines()[-1]
    command = shlex.split(shown)
    last = {
        flag: value
        for flag, value in pairwise(command)
        if flag in ("--max-tokens", "--temperature")
    }
    assert list(chain.from_iterable(last.items())) == asked


def test_a_fault_of_the_last_checkpoint_is_said_before_the_first_is_served(stage: Stage) -> None:
    """Here a folder that holds answers of another command."""
    data = write_questions(stage)
    begun = stage.folder / "curve" / "checkpoint-2"
    begun.mkdir(parents=True)
    (begun / "responses.jsonl").write_text("")
    result = stage.run("eval_checkpoints", data, "curve", "checkpoint-1", "checkpoint-2")
    assert (result.returncode, stage.swift_was_called) == (2, False)
    assert "checkpoint-2 holds responses.jsonl but no config.json" in result.stderr
    (begun / "responses.jsonl").unlink()
    result = stage.run("eval_checkpoints", data, "curve", "checkpoint-1", "checkpoint-2")
    assert (result.returncode, stage.swift_was_called) == (4, True), result.stderr
    result = stage.run("eval_checkpoints", data, "curve", "checkpoint-1", "server.yaml")
    assert (result.returncode, "two checkpoints at least" in result.stderr) == (2, True)
