"""vLLM's own server, asked for its prompts in each of its ways.

It needs the environment of scripts/setup_vllm.sh (SWIFTKIT_VLLM_VENV), and Qwen3's chat template,
which scripts/setup.sh gets with TRL's wheel.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers.chat_templates import SETUP_FOLDER
from helpers.prompt_conversations import ODD_TOOLS, cases, model_folder
from helpers.real_servers import VLLM_ON_CPU, running, vllm_command

from swiftkit.client.client import Endpoint
from swiftkit.preflight.prompt_requests import WAYS, PromptRequest, ServedPrompt
from swiftkit.preflight.served_prompt import PromptServer
from swiftkit.rendering.message_form import probe_form
from swiftkit.rendering.model_folder import read_chat_template
from swiftkit.rendering.neutral_messages import neutral
from swiftkit.rendering.served_tools import tools_as_served

pytestmark = pytest.mark.e2e
SETTINGS: tuple[dict[str, Any], ...] = ({}, {"enable_thinking": False}, {"enable_thinking": True})
SHOW_TOOLS = "{{ tools | tojson }}"


@dataclass
class Vllm:
    url: str
    folder: Path

    def ask(self, requests: list[PromptRequest]) -> list[list[ServedPrompt]]:
        """Return the answers of each way to each request."""

        async def run() -> list[list[ServedPrompt]]:
            async with PromptServer(Endpoint(self.url, timeout=60)) as server:
                assert server.name == "vllm"
                return [[await way(server._ask, each) for way in WAYS["vllm"]] for each in requests]

        return asyncio.run(run())


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vllm]:
    """vLLM with the tiny Qwen3 and the published template of its family."""
    template = SETUP_FOLDER / "qwen3.jinja"
    if not template.exists():
        pytest.skip("Qwen3's chat template is not here: run `bash scripts/setup.sh`")
    base = tmp_path_factory.mktemp("vllm")
    folder = model_folder(base / "qwen3", template.read_text(encoding="utf-8"))
    command = vllm_command(folder, "--enable-scale-out", "--trust-request-chat-template")
    with running(command, base / "server.log", VLLM_ON_CPU) as address:
        yield Vllm(f"{address}/v1", folder)


def test_all_ways_tell_the_ids_of_transformers(vllm: Vllm) -> None:
    """/render, a chat with return_token_ids and /tokenize agree, in each thinking mode, with
    apply_chat_template(tokenize=True) of neutral messages and tools as served; the text is that of
    our own renderer."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(vllm.folder)
    template = read_chat_template(vllm.folder)
    form = probe_form(template)
    questions = [(*case, settings) for case in cases().values() for settings in SETTINGS]
    told = vllm.ask([PromptRequest("tiny", *question) for question in questions])
    for (messages, tools, settings), prompts in zip(questions, told, strict=True):
        conversation, served = form.apply(neutral(messages)), tools_as_served(tools)
        expected = tokenizer.apply_chat_template(
            conversation,
            tools=served,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
            **settings,
        )
        assert [prompt.ids for prompt in prompts] == [tuple(expected)] * 3
        assert prompts[1].text == template.render(conversation, served, True, **settings)
    assert [prompt.via for prompt in told[0]] == [
        "/v1/chat/completions/render",
        "/v1/chat/completions (return_token_ids)",
        "/tokenize",
    ]


@pytest.mark.parametrize(
    "tools",
    [
        ODD_TOOLS,
        [{"function": {"name": "n"}}],
        [{"function": {"name": "n", "strict": False, "defer_loading": True}}],
        [{"type": "function", "defer_loading": True, "function": {"name": "n", "parameters": {}}}],
    ],
)
def test_tools_as_served_is_what_its_template_sees(vllm: Vllm, tools: list[Any]) -> None:
    """Printed by a template that shows nothing else, key order included."""
    request = PromptRequest("tiny", [{"role": "user", "content": "?"}], tools, {})
    body = request.body(max_tokens=1, return_prompt_text=True, chat_template=SHOW_TOOLS)

    async def text() -> str:
        async with PromptServer(Endpoint(vllm.url, timeout=60)) as server:
            return str(json.loads(await server._ask("/v1/chat/completions", body))["prompt_text"])

    assert asyncio.run(text()) == json.dumps(tools_as_served(tools))
