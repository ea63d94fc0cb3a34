"""The reasoning of an earlier answer, sent back to a real `swift deploy`: what the next prompt holds
of it."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from helpers.real_servers import running
from helpers.real_swift import encode_with_swift
from transformers import AutoTokenizer

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("warm_recipes")]
THOUGHT = "The user wants the weather,\nso I ask for it."
QUESTION = {"role": "user", "content": "Weather in Rome?"}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def answer(**more: Any) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": '{"city": "Rome"}'}
    call = {"id": "call_1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call], **more}


def trained_row(folder: Path) -> Path:
    """The same conversation as a row of a training, with an answer behind it."""
    call = {"name": "get_weather", "arguments": {"city": "Rome"}}
    messages = [
        QUESTION,
        {"role": "assistant", "content": f"<think>\n{THOUGHT}\n</think>\n\n"},
        {"role": "tool_call", "content": json.dumps(call)},
        {"role": "tool_response", "content": "sunny"},
        {"role": "assistant", "content": "Sunny."},
    ]
    data = folder / "rows.jsonl"
    data.write_text(json.dumps({"tools": json.dumps([TOOL]), "messages": messages}), "utf-8")
    return data


@contextmanager
def served(recipe: str, log: Path, *flags: str) -> Iterator[str]:
    """The URL of a `swift deploy` of an untrained tiny model, by its recipe."""
    with running(["bash", "recipes/deploy.sh", recipe, *flags, "--port"], log) as address:
        yield f"{address}/v1"


def prompt_of(url: str, model: str, messages: list[Any], **more: Any) -> str:
    """The prompt that the server built for the next answer."""
    body = {"model": "swiftkit", "messages": messages, "tools": [TOOL], "max_tokens": 1}
    data = json.dumps(body | {"return_details": True} | more).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/chat/completions", data, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
        ids = json.loads(reply.read())["prompt_token_ids"]
    tokenizer = AutoTokenizer.from_pretrained(ROOT / model)
    return str(tokenizer.decode(ids))


def test_qwen3_sees_its_reasoning_between_tool_calls(tmp_path: Path) -> None:
    """Under either name that endpoints give it; as a block of its own before the call, as swift
    trains it."""
    model = "recipes/tiny/qwen3"
    trained = encode_with_swift(ROOT / model, "qwen3", "qwen3", trained_row(tmp_path))[0]["text"]
    flags = ("--model", model, "--template", "qwen3", "--template_backend", "swift")
    block = f"<|im_start|>assistant\n<think>\n{THOUGHT}\n</think>\n\n"
    with served("recipes/tiny/deploy.yaml", tmp_path / "server.log", *flags) as url:
        for key in ("reasoning_content", "reasoning"):
            prompt = prompt_of(url, model, [QUESTION, answer(**{key: THOUGHT}), RESULT])
            assert f'{block}<tool_call>\n{{"name": "get_weather"' in prompt
            assert trained.startswith(prompt.removesuffix("<think>\n\n</think>\n\n"))
        assert THOUGHT not in prompt_of(url, model, [QUESTION, answer(), RESULT])
        spoken = {"role": "assistant", "content": "Wait.", "reasoning": THOUGHT}
        assert f"{block}Wait.<|im_end|>" in prompt_of(url, model, [QUESTION, spoken, RESULT])


def test_a_models_own_template_sees_its_reasoning_between_tool_calls(tmp_path: Path) -> None:
    """Where the chat template in the model's folder writes it: the recipe's own backend."""
    model = "recipes/tiny/qwen3"
    with served("recipes/tiny/deploy.yaml", tmp_path / "server.log", "--model", model) as url:
        prompt = prompt_of(url, model, [QUESTION, answer(reasoning=THOUGHT), RESULT])
    assert f"<think>\n{THOUGHT}\n</think>\n\n<tool_call>\n" in prompt


def test_gpt_oss_sees_its_analysis_between_tool_calls(tmp_path: Path) -> None:
    """As the analysis before the call; in OpenAI's own style, too, where a request asks for it."""
    model = "recipes/tiny/gpt_oss"
    start = "<|start|>assistant"
    said = f"{start}<|channel|>analysis<|message|>{THOUGHT}<|end|>{start} to=functions.get_weather"
    flags = ("--model", model)
    with served("recipes/tiny/deploy_gpt_oss.yaml", tmp_path / "server.log", *flags) as url:
        for key in ("reasoning_content", "reasoning"):
            prompt = prompt_of(url, model, [QUESTION, answer(**{key: THOUGHT}), RESULT])
            assert said in prompt
        styled = {"chat_template_kwargs": {"harmony_style": "openai"}}
        prompt = prompt_of(url, model, [QUESTION, answer(reasoning=THOUGHT), RESULT], **styled)
        assert f"{said}<|channel|>commentary <|constrain|>json<|message|>" in prompt
