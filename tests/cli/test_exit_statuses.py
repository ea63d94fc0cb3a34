"""Exit statuses of the commands on evaluations: each that --help lists, through the real CLI."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from click.testing import CliRunner
from helpers.compared_runs import evaluate as evaluate_jsonl
from helpers.compared_runs import rows
from helpers.eval_runs import CANARY, half_right, number, right, write_rows
from helpers.paths import ROOT
from helpers.servers import error, message, serve

from swiftkit.cli.main import main

NO_SERVER = "http://127.0.0.1:9/v1"
DOCUMENTED = {
    "eval": {0, 1, 2, 3, 4},
    "grade": {0, 1, 2, 3, 4},
    "score": {0, 1, 2},
    "compare": {0, 1, 2, 3},
    "curve": {0, 2},
}


def listed(name: str) -> set[int]:
    """Return the statuses that a command's --help lists."""
    text = CliRunner().invoke(main, [name, "--help"], terminal_width=80).output
    _, title, rest = text.partition("Exit status:\n")
    assert title, name
    return {int(line) for line in re.findall(r"(?m)^ +(\d+)  \S", rest.partition("\n\n")[0])}


def run(*words: object, package: Path = ROOT) -> tuple[int, str]:
    """Return the exit status of a command, and what it printed."""
    environment = os.environ | {"PYTHONPATH": str(package), "OPENAI_API_KEY": CANARY}
    done = subprocess.run(
        [sys.executable, "-m", "swiftkit", *map(str, words)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=package if package != ROOT else None,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_help_lists_the_statuses(name: str) -> None:
    assert listed(name) == DOCUMENTED[name]
    page = (ROOT / "docs/evaluating.md").read_text(encoding="utf-8")
    for status in DOCUMENTED[name]:
        assert f"| {status} |" in page


def test_eval_and_grade_end_with_each_status(tmp_path: Path) -> None:
    """0, 1, 2, 3 and 4 of gates, 1 for errors without a gate; the same of grade; the suite for CI
    is red with all but 0."""
    data, path = write_rows(tmp_path / "rows.jsonl", 60), tmp_path / "run"
    suite = tmp_path / "junit.xml"
    with serve(half_right) as server:
        ask = ("eval", "tool-call", "--data", data, "--base-url", server.url, "--run", path)
        assert run(*ask)[0] == 0
    grade = ("grade", path, "--junit", suite)
    answered = ("eval", "tool-call", "--data", data, "--base-url", NO_SERVER, "--run", path)
    answered += ("--junit", suite)
    for flags, expected in (
        ((), 0),
        (("--gate", "tool_accuracy>=0.4"), 0),
        (("--gate", "tool_accuracy>=40%", "--gate", "tool_accuracy>=40%"), 0),
        (("--gate", "tool_accuracy>=0.9"), 1),
        (("--gate", "tool_accuracy>=0.4", "--gate", "tool_accuracy<=0.4"), 1),
        (("--gate", "tool_accuracy>=75"), 2),
        (("--gate", "tool_accuracy[nothing]>=0.5"), 2),
        (("--gate", "tool_accuracy>=0.66"), 3),
        (("--gate", "tool_accuracy>=0.66", "--gate", "errors<=0"), 3),
        (("--gate", "tool_accuracy>=0.66", "--gate", "tool_accuracy>=0.9"), 1),
    ):
        status, output = run(*grade, *flags)
        assert status == expected, output
        assert is_red(suite) == (expected != 0)
    for flags, expected in (((), 0), (("--gate", "tool_accuracy>=0.9"), 1)):
        assert run(*answered, *flags)[0] == expected
        assert is_red(suite) == (expected != 0)
    elsewhere = ("eval", "tool-call", "--data", data, "--base-url", NO_SERVER, "--junit", suite)
    assert run(*elsewhere, "--run", tmp_path / "other")[0] == 4
    assert is_red(suite)


def is_red(suite: Path) -> bool:
    attributes = ElementTree.parse(suite).getroot().attrib  # noqa: S314 - our own
    return attributes["failures"] != "0" or attributes["errors"] != "0"


def test_eval_missing_answers_and_its_statuses(tmp_path: Path) -> None:
    """Errors are a 1 without a gate. With one, many errors are a 4, unless a gate on coverage says
    how many may be missing."""
    data, path = write_rows(tmp_path / "rows.jsonl", 40), tmp_path / "run"
    with serve(lambda body: right(body) if number(body) % 5 else error(422)) as server:
        ask = ("eval", "tool-call", "--data", data, "--base-url", server.url, "--run", path)
        assert run(*ask)[0] == 1
    for gates, expected in (
        (("tool_accuracy>=0.5",), 4),
        (("errors<=0",), 4),
        (("tool_accuracy>=0.5", "coverage>=0.8"), 0),
        (("tool_accuracy>=0.5", "coverage>=81%"), 1),
        (("tool_accuracy>=0.8", "coverage>=0.8"), 3),
        (("errors<=20%", "coverage>=0.8", "cut<=0.2"), 0),
        (("cut<=0", "coverage>=0.8"), 3),
        (("latency.p95<=60", "coverage>=0.8"), 3),
    ):
        flags = [word for gate in gates for word in ("--gate", gate)]
        status, output = run("grade", path, *flags)
        assert status == expected, output


def test_score_compare_and_curve_end_with_each_status(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", 3)
    answers = tmp_path / "answers.jsonl"
    lines = [{"id": f"r{index}", "completion": "no"} for index in range(3)]
    answers.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert run("score", data, "--completions", answers)[0] == 0
    answers.write_text("\n".join(map(json.dumps, lines[:2])), encoding="utf-8")
    assert run("score", data, "--completions", answers)[0] == 1
    assert run("score", data, "--completions", tmp_path / "none.jsonl")[0] == 2
    questions = rows(tmp_path / "questions.jsonl")
    base = evaluate_jsonl(questions, tmp_path / "base", lambda index: index % 2 == 0)
    good = evaluate_jsonl(questions, tmp_path / "good", lambda _: True)
    for a, b, expected in ((base, good, 0), (good, base, 1), (base, base, 3), (base, data, 2)):
        assert run("compare", a, b)[0] == expected
    assert run("curve", base, good)[0] == 0
    assert run("curve", data)[0] == 2


BROKEN = '''"""A task with a bug."""
from swiftkit.evals.tasks import gsm8k
from swiftkit.evals.task import Task

def metrics(results):
    if any(score for _, _, score in results):
        raise ValueError("a bug <b>\\x1b[31m")
    return gsm8k.metrics(results)

TASK = Task(gsm8k.load, gsm8k.score, metrics, (0.0, 8), "accuracy")
'''


def test_a_bug_is_never_the_status_of_a_failed_gate(tmp_path: Path) -> None:
    """In a copy of the package with a broken task: status 4, the traceback, and that it is a bug;
    the suite for CI is red; the answers are kept."""
    package, suite = tmp_path / "swiftkit", tmp_path / "junit.xml"
    shutil.copytree(ROOT / "swiftkit", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "evals/tasks/broken.py").write_text(BROKEN, encoding="utf-8")
    data = tmp_path / "rows.jsonl"
    data.write_text('{"id": "a", "question": "1?", "answer": "#### 1"}', encoding="utf-8")
    with serve(lambda _: message("#### 1")) as server:
        status, output = run(
            *("eval", "broken", "--data", data, "--base-url", server.url, "--junit", suite),
            *("--run", tmp_path / "run", "--gate", "accuracy>=0.5"),
            package=tmp_path,
        )
    assert status == 4, output
    assert "Traceback" in output
    assert "a bug of swiftkit" in output
    assert "\x1b" not in output
    assert is_red(suite)
    assert (tmp_path / "run/responses.jsonl").read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("kind", [ValueError, KeyError, RecursionError, MemoryError, OSError])
def test_any_exception_ends_with_4(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any command, whatever is raised; what click raises by itself stays click's."""

    @click.command("break")
    def broken() -> None:
        raise kind("bug")

    monkeypatch.setitem(main.commands, "break", broken)
    result = CliRunner().invoke(main, ["break"])
    assert result.exit_code == 4
    assert "Traceback" in result.stderr
    assert CliRunner().invoke(main, ["break", "--nothing"]).exit_code == 2
    assert CliRunner().invoke(main, ["break", "--help"]).exit_code == 0


def test_a_reader_that_has_gone_is_no_failed_gate(tmp_path: Path) -> None:
    """`swiftkit grade RUN | head -1`: the report's own status, not click's 1."""
    data, path = write_rows(tmp_path / "rows.jsonl", 3), tmp_path / "run"
    with serve(right) as server:
        run("eval", "tool-call", "--data", data, "--base-url", server.url, "--run", path)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-u", "-m", "swiftkit", "grade", str(path)],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
