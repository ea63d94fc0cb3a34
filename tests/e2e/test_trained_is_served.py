"""The ids that are trained are those that a server sends: 200 rows of the demo, through `swift
deploy` of both families, and through vLLM's own server."""

import asyncio
import json
import os
import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import openai
import pytest
from helpers.chat_templates import SETUP_FOLDER
from helpers.paths import ROOT
from helpers.real_servers import running
from helpers.real_swift import warm_call

from swiftkit.client.client import Endpoint
from swiftkit.data.to_openai import openai_messages
from swiftkit.preflight.served_prompt import PromptServer

ROWS = 200
DATE = "2026-01-15"  # in gpt-oss's system message
pytestmark = pytest.mark.e2e


def test_swift_deploy_sends_what_was_trained(demo: Path, tmp_path: Path) -> None:
    with deployed(demo, "recipes/tiny/deploy.yaml", tmp_path) as address:
        check(demo, "qwen3", f"{address}/v1", tmp_path)


def test_swift_deploy_of_gpt_oss_sends_what_was_trained(gpt_oss_demo: Path, tmp_path: Path) -> None:
    with deployed(gpt_oss_demo, "recipes/tiny/deploy_gpt_oss.yaml", tmp_path) as address:
        check(gpt_oss_demo, "gpt_oss", f"{address}/v1", tmp_path)


def test_vllm_sends_what_was_trained(demo: Path, tmp_path: Path) -> None:
    venv = os.environ.get("SWIFTKIT_VLLM_VENV")
    if not venv:
        pytest.skip("vLLM was not asked: set SWIFTKIT_VLLM_VENV to what scripts/setup_vllm.sh made")
    command = [f"{venv}/bin/python", "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", demo / "merged", "--served-model-name", "tiny", "--enforce-eager"]
    command += ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    command += ["--max-model-len", "4096", "--host", "127.0.0.1", "--port"]
    cpu = {"VLLM_PLUGINS": "none", "VLLM_CPU_KVCACHE_SPACE": "1"}
    cpu |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1"}
    with running(command, tmp_path / "server.log", cpu) as address:
        check(demo, "qwen3", f"{address}/v1", tmp_path)


def deployed(demo: Path, recipe: str, folder: Path) -> AbstractContextManager[str]:
    command = ["bash", "recipes/deploy.sh", recipe, "--model", demo / "merged", "--port"]
    return running(command, folder / "server.log", {"SWIFTKIT_HARMONY_DATE": DATE})


def check(demo: Path, family: str, url: str, folder: Path) -> None:
    """Each row's ids begin with those of the prompt of its last answer, as the server tells them."""
    lines = (demo / "train.jsonl").read_text(encoding="utf-8").splitlines()
    # rows of several turns are few: every tenth of all
    rows = [json.loads(line) for line in lines[:: len(lines) // ROWS]][:ROWS]
    trained = encoded(demo / "merged", family, rows, folder)
    equal = turns = 0
    for row, prompt in zip(rows, asyncio.run(prompts(url, rows)), strict=True):
        ids = trained.pop(0)
        turns += row["messages"][-1]["role"] == "assistant"
        assert prompt
        assert len(prompt) < len(ids)
        equal += ids[: len(prompt)] == list(prompt)
    assert equal == ROWS
    assert 0 < turns < ROWS


async def prompts(url: str, rows: list[dict[str, Any]]) -> list[Any]:
    async with PromptServer(Endpoint(url, timeout=120)) as server:
        asked = []
        for row in rows:
            messages = openai_messages(row["messages"], row["id"], reads_markup=False)
            tools = json.loads(row["tools"]) if row.get("tools") else None
            asked.append(server.prompt(messages[:-1], tools))
        return [told.ids for told in await asyncio.gather(*asked)]


def encoded(model: Path, family: str, rows: list[dict[str, Any]], folder: Path) -> list[list[int]]:
    """The ids of the rows as real ms-swift trains them."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "jobs.json").write_text('[{"mode": "train", "template": {}}]')
    script = ROOT / "tests/helpers/encode_natively.py"
    words = [*warm_call(), "python", script, model, folder / "rows.jsonl", folder / "jobs.json"]
    done = subprocess.run(
        [*map(str, words), family],
        env={**os.environ, "SWIFTKIT_HARMONY_DATE": DATE},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    made = [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("ROW ")]
    return [each["ids"] for each in made]


def test_reasoning_that_the_prompt_opens_is_no_content(tmp_path: Path) -> None:
    """Qwen3.5's template ends the prompt with <think>: what follows is reasoning until it is closed,
    whole and streamed; without thinking it is content."""
    template = SETUP_FOLDER / "qwen3_5_think.jinja"
    if not template.exists():
        pytest.skip("Qwen3.5's chat template is not here: run `bash scripts/setup.sh`")
    model = tmp_path / "model"
    shutil.copytree(ROOT / "recipes/tiny/qwen3", model)
    shutil.copy(template, model / "chat_template.jinja")
    command = ["bash", "recipes/deploy.sh", "recipes/tiny/deploy.yaml", "--model", model, "--port"]
    with running(command, tmp_path / "server.log") as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none")

        def ask(**options: Any) -> tuple[str, str]:
            question: list[Any] = [{"role": "user", "content": "Name a tree."}]
            chunks = client.chat.completions.create(
                model="swiftkit", messages=question, max_tokens=6, stream=True, extra_body=options
            )
            texts: dict[str, str] = {"content": "", "reasoning_content": ""}
            for chunk in chunks:
                for name in texts:
                    texts[name] += getattr(chunk.choices[0].delta, name, None) or ""
            return texts["content"], texts["reasoning_content"]

        content, reasoning = ask()
        assert not content
        assert reasoning
        content, reasoning = ask(chat_template_kwargs={"enable_thinking": False})
        assert content
        assert not reasoning


@pytest.mark.usefixtures("warm_recipes")
def test_training_of_a_stream_of_rows(demo: Path, tmp_path: Path) -> None:
    """--streaming true: rows are encoded one by one, in the training's own process."""
    given = ["--model", ROOT / "recipes/tiny/qwen3", "--dataset", demo / "train.jsonl"]
    given += ["--streaming", "true", "--max_steps", 2, "--save_steps", 2]
    recipe = ["bash", "recipes/lora_sft.sh", "recipes/tiny/lora_sft.yaml", *given]
    done = subprocess.run(
        [*map(str, recipe), "--output_dir", str(tmp_path / "out")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    arguments = json.loads((tmp_path / "out/last-checkpoint/args.json").read_text())
    assert arguments["template_backend"] == "jinja"
    assert len(arguments["chat_template_sha256"]) == 64
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["chat_template_sha256"] == arguments["chat_template_sha256"]
