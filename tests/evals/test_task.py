"""The tasks of a folder: one file added makes one task."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.servers import message, serve

from swiftkit.errors import UsageError
from swiftkit.evals.task import Task, load_task, task_names

DUMMY = '''"""Echo: the model must repeat a word.

Source: this test. A real row: {"id": "a", "word": "tea"}
"""

from swiftkit.evals.dataset import identity_of, load_samples
from swiftkit.evals.stats import Tally
from swiftkit.evals.task import Task
from swiftkit.records import Sample, Score


def load(path):
    return load_samples(path, lambda row, where, _: [sample(row, where)])


def sample(row, where):
    question = {"role": "user", "content": f"Repeat: {row['word']}"}
    return Sample(identity_of(row, where), [question], [], row["word"], {"where": where})


def score(sample, response):
    is_right = response.text == sample.target
    return Score(float(is_right), is_right, "", {}, {"right": int(is_right), "total": 1})


def metrics(results):
    tallies = [Tally(sample.id, score.value, 1.0) for sample, _, score in results if score]
    return {"echo_accuracy": tallies}


TASK = Task(load, score, metrics, (0.0, 8), "echo_accuracy")
'''


def test_task_added_as_one_file_is_evaluated(tmp_path: Path) -> None:
    """In a copy of the package, to which nothing but the task's file is added."""
    package = tmp_path / "swiftkit"
    shutil.copytree(ROOT / "swiftkit", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "evals" / "tasks" / "dummy_echo.py").write_text(DUMMY, encoding="utf-8")
    data = tmp_path / "words.jsonl"
    words = ["tea", "milk", "rice", "salt"]
    data.write_text(
        "".join(json.dumps({"id": word, "word": word}) + "\n" for word in words), encoding="utf-8"
    )

    def answer(body):  # type: ignore[no-untyped-def]
        word = body["messages"][-1]["content"].removeprefix("Repeat: ")
        return message("sugar" if word == "salt" else word)

    command = [
        sys.executable,
        "-m",
        "swiftkit",
        "eval",
        "dummy-echo",
        "--data",
        str(data),
        "--json",
    ]
    with serve(answer) as server:
        done = subprocess.run(
            [*command, "--base-url", server.url, "--run", str(tmp_path / "run")],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["task"], report["scored"], report["errors"]) == ("dummy-echo", 4, 0)
    assert report["metrics"]["echo_accuracy"]["value"] == 0.75


@pytest.mark.parametrize("name", task_names())
def test_every_task_file_has_a_task(name: str) -> None:
    assert isinstance(load_task(name), Task)


def test_unknown_task_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="tool-call"):
        load_task("../tool_call")
