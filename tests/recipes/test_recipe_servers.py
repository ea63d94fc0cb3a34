"""Waiting for a server ends when the server does."""

import socket
import sys
from pathlib import Path

from helpers.paths import ROOT
from helpers.recipe_stage import Stage

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


def test_evaluation_refuses_the_answers_of_another_model(stage: Stage) -> None:
    """A run that goes on must not mix two models, or the weights of one before and after a
    merge."""
    model = stage.folder / "model"
    model.mkdir()
    (model / "model.safetensors").write_text("first")
    first = stage.run("eval", model, "data.jsonl", "run")
    # the stage's swift serves nothing: only the mark counts here
    assert "ended before it answered" in first.stderr
    assert "ended before it answered" in stage.run("eval", model, "data.jsonl", "run").stderr
    (model / "model.safetensors").write_text("trained")
    second = stage.run("eval", model, "data.jsonl", "run")
    assert (second.returncode, "answers of another model" in second.stderr) == (2, True), (
        second.stderr
    )
