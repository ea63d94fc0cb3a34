"""gpt-oss with tools through real ms-swift on the CPU: a tiny model, Harmony in and out."""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from helpers.paths import ROOT
from safetensors.torch import load_file
from transformers import AutoTokenizer

from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_text

PLUGIN = "swiftkit/swift_plugins/harmony_template.py"
MODEL = "recipes/tiny/gpt_oss"
pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("warm_recipes")]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(*command: str | Path, timeout: int = 600) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def steps_of(folder: Path) -> int:
    """How many batches one epoch had."""
    return max(
        int(entry["global_step/max_steps"].split("/")[0])
        for entry in rows(folder / "logging.jsonl")
        if "loss" in entry
    )


def test_demo_teaches_harmony_calls(gpt_oss_demo: Path) -> None:
    """The same loop as with Qwen3, in Harmony: of the held-out calls more are right after a third
    of its training."""
    before, after = (
        json.loads((gpt_oss_demo / run / "report.json").read_text("utf-8"))
        for run in ("base", "tuned")
    )
    assert before["n"] == after["n"] == after["scored"]
    assert before["errors"] == after["errors"] == 0
    right = [report["metrics"]["tool_accuracy"]["value"] for report in (before, after)]
    print(f"tool_accuracy {right[0]:.3f} -> {right[1]:.3f}")
    assert right[1] > right[0] + 0.08


def test_no_row_with_tools_is_dropped(gpt_oss_demo: Path, tmp_path: Path) -> None:
    """Of 20 plain rows and 40 with tools, ms-swift alone trains 20 without a word; with the plugin
    all 60."""
    plain = [
        [{"role": "user", "content": f"q {n}"}, {"role": "assistant", "content": f"a {n}"}]
        for n in range(20)
    ]
    calling = [
        row
        for row in rows(gpt_oss_demo / "train.jsonl")
        if "tool_call" in {m["role"] for m in row["messages"]}
    ]
    data = tmp_path / "mixed.jsonl"
    mixed = [{"messages": messages} for messages in plain] + calling[:40]
    data.write_text("\n".join(json.dumps(row) for row in mixed), encoding="utf-8")
    flags = (
        *(
            "--model",
            MODEL,
            "--model_type",
            "gpt_oss",
            "--template",
            "gpt_oss",
            "--dataset",
            data,
            "--tuner_type",
            "lora",
        ),
        *(
            "--use_cpu",
            "true",
            "--fp16",
            "false",
            "--torch_dtype",
            "float32",
            "--check_model",
            "false",
        ),
        *(
            "--num_train_epochs",
            "1",
            "--per_device_train_batch_size",
            "4",
            "--gradient_accumulation_steps",
            "1",
        ),
        *(
            "--add_version",
            "false",
            "--save_strategy",
            "no",
            "--report_to",
            "none",
            "--logging_steps",
            "1",
        ),
    )
    swift = Path(os.environ["SWIFTKIT_VENV"]) / "bin" / "swift"
    run(swift, "sft", *flags, "--output_dir", tmp_path / "alone")
    experts = (
        "--target_parameters",
        "mlp.experts.gate_up_proj",
        "mlp.experts.down_proj",
        "--lora_dropout",
        "0",
    )
    ours = (
        "--external_plugins",
        PLUGIN,
        "--strict",
        "true",
        "--save_strategy",
        "steps",
        "--save_steps",
        "15",
        *experts,
    )
    run(swift, "sft", *flags, "--output_dir", tmp_path / "plugin", *ours)
    assert (steps_of(tmp_path / "alone"), steps_of(tmp_path / "plugin")) == (5, 15)

    # The experts were taught too, and a merge takes them along.
    merge = (
        "recipes/export_merge.sh",
        "recipes/tiny/export_merge.yaml",
        "--output_dir",
        tmp_path / "merged",
    )
    run("bash", *merge, "--adapters", tmp_path / "plugin" / "last-checkpoint")
    before, after = (
        load_file(folder / "model.safetensors") for folder in (ROOT / MODEL, tmp_path / "merged")
    )
    changed = {
        name for name, weight in before.items() if not weight.float().allclose(after[name].float())
    }
    assert {
        "model.layers.0.mlp.experts.down_proj",
        "model.layers.0.self_attn.q_proj.weight",
    } <= changed


@contextmanager
def served(model: Path, log: Path) -> Iterator[openai.OpenAI]:
    """`swift deploy` of the model, by its recipe, and an ordinary client."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        "bash",
        "recipes/deploy.sh",
        "recipes/tiny/deploy_gpt_oss.yaml",
        "--model",
        model,
        "--port",
        port,
    ]
    with (
        log.open("w") as out,
        subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=out, stderr=out) as server,
    ):
        client = openai.OpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0
        )
        try:
            wait_for(client, server, log)
            yield client
        finally:
            server.terminate()


def wait_for(client: openai.OpenAI, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            client.models.list()
        except openai.APIConnectionError:
            time.sleep(0.3)
        else:
            return
    pytest.fail(log.read_text()[-3000:])


def asked(
    client: openai.OpenAI, messages: list[Any], tools: list[Any], **more: Any
) -> tuple[Any, str]:
    """The answer, and the prompt that the server built for it."""
    answer = client.chat.completions.create(
        model="swiftkit",
        messages=messages,
        tools=tools,
        extra_body={"return_details": True, **more},
    )
    tokenizer = AutoTokenizer.from_pretrained(ROOT / MODEL)
    return answer.choices[0], tokenizer.decode(answer.to_dict()["prompt_token_ids"])  # type: ignore[arg-type]


def test_a_client_calls_tools_and_sends_results_back(gpt_oss_demo: Path, tmp_path: Path) -> None:
    """The call is in tool_calls, the text without markup; the second prompt is the first, the call
    and its result."""
    row = next(row for row in rows(gpt_oss_demo / "eval.jsonl") if row["expected_calls"] != "[]")
    tools = json.loads(row["tools"])
    messages: list[Any] = [
        message for message in row["messages"] if message["role"] in ("system", "user")
    ][:2]
    with served(gpt_oss_demo / "merged", tmp_path / "server.log") as client:
        choice, prompt = asked(client, messages, tools)
        (call,) = choice.message.tool_calls
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", "")
        assert call.function.name in {tool["function"]["name"] for tool in tools}
        assert prompt.endswith(
            f"<|start|>user<|message|>{messages[-1]['content']}<|end|><|start|>assistant"
        )

        result = {"role": "tool", "tool_call_id": call.id, "content": 'made <|call|> "up"'}
        history = [*messages, choice.message.to_dict(), result]
        _, second = asked(client, history, tools)
        arguments = json.dumps(json.loads(call.function.arguments), ensure_ascii=False)
        said = f" to=functions.{call.function.name}<|channel|>commentary json<|message|>{arguments}<|call|>"
        back = (
            f"<|start|>functions.{call.function.name} to=assistant<|channel|>commentary<|message|>"
        )
        assert second == f'{prompt}{said}{back}"made <|call|> \\"up\\""<|end|><|start|>assistant'

        # as many clients send it
        history[-2] = {"role": "assistant", "content": None, "tool_calls": [call.to_dict()]}
        assert asked(client, history, tools)[1] == second
        assert (
            "Reasoning: high"
            in asked(client, history, tools, chat_template_kwargs={"reasoning_effort": "high"})[1]
        )
        with pytest.raises(openai.BadRequestError, match="a tool result without a call"):
            asked(client, [*messages, result], tools)
        check_stream(client, messages, tools, call)


def check_stream(client: openai.OpenAI, messages: list[Any], tools: list[Any], call: Any) -> None:
    """The same call, streamed: its name first, its arguments as they are written."""
    chunks = list(
        client.chat.completions.create(
            model="swiftkit", messages=messages, tools=tools, stream=True
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == ""
    pieces: list[Any] = [one for delta in deltas for one in delta.tool_calls or []]
    assert {piece.index for piece in pieces} == {0}
    assert [piece.function.name for piece in pieces if piece.function.name] == [call.function.name]
    arguments = "".join(piece.function.arguments for piece in pieces)
    assert json.loads(arguments) == json.loads(call.function.arguments)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_grpo_reward_is_the_score(gpt_oss_demo: Path, tmp_path: Path) -> None:
    """What swift logs for each Harmony completion is swiftkit's score of it."""
    run(
        *(
            "bash",
            "recipes/grpo_gpt_oss.sh",
            "recipes/tiny/grpo_gpt_oss.yaml",
            "--model",
            gpt_oss_demo / "merged",
        ),
        *(
            "--dataset",
            gpt_oss_demo / "grpo.jsonl",
            "--output_dir",
            tmp_path / "grpo",
            "--temperature",
            "0.3",
        ),
    )
    golds = {question(row): row["expected_calls"] for row in rows(gpt_oss_demo / "grpo.jsonl")}
    seen = []
    for table in rows(tmp_path / "grpo/completions.jsonl"):
        asked = [
            re.findall(r"<\|start\|>user<\|message\|>(.*?)<\|end\|>", prompt, re.S)[0]
            for prompt in table["prompt"]
        ]
        pairs = zip(table["completion"], asked, strict=True)
        scores = [
            score_text(text, gold_from(golds[first], "grpo.jsonl")).value for text, first in pairs
        ]
        assert table["tool_call"] == pytest.approx(scores)
        seen += scores
    assert max(seen) > 0


def question(row: dict[str, Any]) -> str:
    return next(message["content"] for message in row["messages"] if message["role"] == "user")  # type: ignore[no-any-return]
