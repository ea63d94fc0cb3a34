"""`swift deploy` and llama.cpp's server, asked for their prompts. vLLM's: test_served_prompt_vllm.py.

llama.cpp's needs an environment with xllamacpp and gguf; its python is SWIFTKIT_LLAMA_CPP_PYTHON.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.chat_templates import SETUP_FOLDER
from helpers.paths import ROOT
from helpers.prompt_conversations import cases, model_folder
from helpers.real_servers import running

from swiftkit.client.client import Endpoint
from swiftkit.errors import EndpointError
from swiftkit.preflight.prompt_requests import LAST_WAY, PromptRequest, ServedPrompt
from swiftkit.preflight.served_prompt import PromptServer
from swiftkit.rendering.message_form import probe_form
from swiftkit.rendering.model_folder import read_chat_template
from swiftkit.rendering.neutral_messages import neutral
from swiftkit.rendering.served_tools import tools_as_served

pytestmark = pytest.mark.e2e


def ask(url: str, questions: list[Any], name: str) -> list[tuple[ServedPrompt, int | None]]:
    """Return what the server tells for each (messages, tools), and how many tokens it counts."""

    async def run() -> list[tuple[ServedPrompt, int | None]]:
        told = []
        async with PromptServer(Endpoint(url, timeout=60)) as server:
            assert server.name == name
            for messages, tools in questions:
                prompt = await server.prompt(messages, tools)
                request = PromptRequest(server.model, messages, tools, {})
                told.append((prompt, (await LAST_WAY(server._ask, request)).count))
        return told

    return asyncio.run(run())


def published_qwen3(folder: Path) -> Path:
    """Return the tiny Qwen3 with the published template of its family."""
    if not (SETUP_FOLDER / "qwen3.jinja").exists():
        pytest.skip("Qwen3's chat template is not here: run `bash scripts/setup.sh`")
    return model_folder(folder, (SETUP_FOLDER / "qwen3.jinja").read_text(encoding="utf-8"))


def test_swift_deploy_with_the_recipe_serves_what_transformers_renders(tmp_path: Path) -> None:
    """The ids are those of apply_chat_template(tokenize=True), as vLLM's are."""
    from transformers import AutoTokenizer

    folder = published_qwen3(tmp_path / "qwen3")
    # of a tool without parameters it makes one with none, and `strict` is an order to the API alone
    questions = [case for name, case in cases().items() if name != "odd tools"]
    command = ["bash", "recipes/deploy.sh", "recipes/tiny/deploy.yaml", "--model", folder]
    with running([*command, "--port"], tmp_path / "log") as address:
        told = ask(f"{address}/v1", questions, "swift")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    form = probe_form(read_chat_template(folder))
    for (messages, tools), (prompt, count) in zip(questions, told, strict=True):
        expected = tokenizer.apply_chat_template(
            form.apply(neutral(messages)),
            tools=tools_as_served(tools),
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
        )
        assert prompt.ids == tuple(expected)
        assert count == len(expected)


def test_swift_deploy_without_plugins_tells_its_ids(tmp_path: Path) -> None:
    """As many as it counts. It fails on content null, and that is said."""
    command = [Path(sys.executable).with_name("swift"), "deploy", "--model", "recipes/tiny/qwen3"]
    command += ["--model_type", "qwen3", "--template", "qwen3_nothinking"]
    command += ["--infer_backend", "transformers", "--served_model_name", "swiftkit"]
    command += ["--max_batch_size", "8", "--host", "127.0.0.1", "--port"]
    questions = [case for case in cases().values() if not has_null(case[0])]
    with running(command, tmp_path / "log") as address:
        for prompt, count in ask(f"{address}/v1", questions, "swift"):
            assert prompt.ids
            assert len(prompt.ids) == count
        with pytest.raises(EndpointError, match=r"tells no prompt.*HTTP 500"):
            ask(f"{address}/v1", [cases()["several turns"]], "swift")


def has_null(messages: list[Any]) -> bool:
    return any(message.get("content") is None for message in messages)


@pytest.mark.parametrize("bos", ["", "<|endoftext|>"], ids=["no BOS", "BOS"])
def test_llama_cpp_tells_text_and_ids(bos: str, tmp_path: Path) -> None:
    """The text is that of the chat template, with tools as served; the ids are as many as a chat
    with the same messages has, one more where the vocabulary wants a BOS."""
    python = os.environ.get("SWIFTKIT_LLAMA_CPP_PYTHON")
    if not python:
        need = "a python with xllamacpp and gguf"
        pytest.skip(f"llama.cpp was not asked: set SWIFTKIT_LLAMA_CPP_PYTHON to {need}")
    folder = published_qwen3(tmp_path / "qwen3")
    template = read_chat_template(folder)
    form = probe_form(template)
    # it refuses empty arguments, writes 2.0 as 2, and "" for a description that is missing
    kept = ("one question", "system", "tools", "reasoning between calls", "calls without tools")
    questions = [cases()[name] for name in kept]
    command = [python, ROOT / "tests/helpers/llama_server.py", folder, bos]
    with running(command, tmp_path / "log") as address:
        told = ask(f"{address}/v1", questions, "llama-server")
    for (messages, tools), (prompt, count) in zip(questions, told, strict=True):
        conversation = form.apply(neutral(messages))
        assert prompt.text == template.render(conversation, tools_as_served(tools), True)
        assert prompt.ids
        assert len(prompt.ids) == count
        assert prompt.ids.count(2023) == bool(bos)
