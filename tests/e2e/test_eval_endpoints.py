"""`swiftkit eval` at real servers: ms-swift's with both tiny models, vLLM's CPU build, and a LiteLLM
proxy before ms-swift's. vLLM needs SWIFTKIT_VLLM_VENV, the proxy SWIFTKIT_LITELLM_VENV.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from helpers.real_servers import VLLM_ON_CPU, litellm_command, running, vllm_command

QUESTIONS = 8
KEY = "sk-of-the-test-5b1d"  # LiteLLM's proxy does not start without one
pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("warm_recipes")]


class Served:
    def __init__(self, url: str, questions: Path) -> None:
        self.url, self.questions = url, questions

    def swiftkit(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "swiftkit", *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENAI_API_KEY": KEY}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=600, check=False
        )

    def evaluate(self, run: Path, *flags: object) -> dict[str, Any]:
        task = ("eval", "tool-call", "--data", self.questions, "--base-url", self.url)
        done = self.swiftkit(*task, "--run", run, *flags)
        assert (run / "report.json").exists(), done.stdout + done.stderr
        return json.loads((run / "report.json").read_bytes())  # type: ignore[no-any-return]


def scores(run: Path) -> list[tuple[str, float, bool, Any]]:
    lines = map(json.loads, (run / "scores.jsonl").read_bytes().splitlines())
    return [(line["id"], line["value"], line["exact"], line["parts"]) for line in lines]


@pytest.fixture(scope="module", params=["qwen3", "gpt-oss", "vllm", "litellm"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    kind = request.param
    base = tmp_path_factory.mktemp(kind)
    with ExitStack() as servers:

        def serve(name: str, command: list[Any], *more: Any) -> str:
            return servers.enter_context(running(command, base / f"{name}.log", *more))

        proxy = litellm_command(base, "swiftkit", "") if kind == "litellm" else []
        backend = vllm_command(Path("unknown")) if kind == "vllm" else []  # skips without it
        demo: Path = request.getfixturevalue("gpt_oss_demo" if kind == "gpt-oss" else "demo")
        if backend:
            url = serve("vllm", vllm_command(demo / "merged"), VLLM_ON_CPU)
        else:
            yaml = "deploy_gpt_oss" if kind == "gpt-oss" else "deploy"
            command = ["bash", "recipes/deploy.sh", f"recipes/tiny/{yaml}.yaml"]
            url = serve("swift", [*command, "--model", demo / "merged", "--port"])
        if proxy:
            proxy = litellm_command(base, "swiftkit", f"{url}/v1")
            url = serve("litellm", proxy, {"LITELLM_MASTER_KEY": KEY}, "/health/liveliness")
        questions = base / "questions.jsonl"
        lines = (demo / "eval.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        questions.write_text("".join(lines[:QUESTIONS]), encoding="utf-8")
        yield Served(f"{url}/v1", questions)


def test_streamed_and_whole_answers_score_the_same(served: Served, tmp_path: Path) -> None:
    """All are scored, streamed and whole give the same scores (a broken call has been streamed in
    part before it is known to be one), and a repeated command asks nothing."""
    whole = served.evaluate(tmp_path / "whole")
    streamed = served.evaluate(tmp_path / "streamed", "--stream")
    for report in (whole, streamed):
        counts = report["n"], report["scored"], report["errors"], report["cut"]
        assert counts == (QUESTIONS, QUESTIONS, 0, 0)
    assert scores(tmp_path / "whole") == scores(tmp_path / "streamed")
    assert "first_token_p50" in streamed["latency"]
    again = served.evaluate(tmp_path / "whole")
    assert again["resumed"] == QUESTIONS
    compared = served.swiftkit("compare", tmp_path / "whole", tmp_path / "streamed", "--json")
    assert (compared.returncode, json.loads(compared.stdout)["paired"]) == (3, QUESTIONS)


def test_cut_answers_are_counted(served: Served, tmp_path: Path) -> None:
    report = served.evaluate(tmp_path / "cut", "--max-tokens", 2)
    assert (report["scored"], report["cut"]) == (QUESTIONS, QUESTIONS)
