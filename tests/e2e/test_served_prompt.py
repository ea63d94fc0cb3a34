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
from helpers.prompt_conversations import WEATHER, cases, model_folder
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
NULL = [
    {"role": "user", "content": "?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": cases()["several turns"][0][2]["tool_calls"],
    },
]


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


def swift_command(is_with_plugin: bool) -> list[Any]:
    model = ["--model", "recipes/tiny/qwen3"]
    if is_with_plugin:
        return ["bash", "recipes/deploy.sh", "recipes/tiny/deploy.yaml", *model, "--port"]
    command = [Path(sys.executable).with_name("swift"), "deploy", *model]
    command += ["--model_type", "qwen3", "--template", "qwen3_nothinking"]
    command += ["--infer_backend", "transformers", "--served_model_name", "swiftkit"]
    return [*command, "--max_batch_size", "8", "--host", "127.0.0.1", "--port"]


@pytest.mark.parametrize("is_with_plugin", [True, False], ids=["recipe", "plain"])
def test_swift_deploy_tells_its_ids(is_with_plugin: bool, tmp_path: Path) -> None:
    """As many as it counts. Without swiftkit's plugin it fails on content null, and that is said."""
    questions = [case for case in cases().values() if is_with_plugin or not has_null(case[0])]
    with running(swift_command(is_with_plugin), tmp_path / "log") as address:
        for prompt, count in ask(f"{address}/v1", questions, "swift"):
            assert prompt.server == "swift"
            assert prompt.ids
            assert len(prompt.ids) == count
        if not is_with_plugin:
            with pytest.raises(EndpointError, match=r"tells no prompt.*HTTP 500"):
                ask(f"{address}/v1", [(NULL, [WEATHER])], "swift")


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
    if not (SETUP_FOLDER / "qwen3.jinja").exists():
        pytest.skip("Qwen3's chat template is not here: run `bash scripts/setup.sh`")
    text = (SETUP_FOLDER / "qwen3.jinja").read_text(encoding="utf-8")
    folder = model_folder(tmp_path / "qwen3", text)
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
