"""The small variants of the recipes through real ms-swift on the CPU, with bounds on what each is
there for.

swift's imports are loaded once for all of them (tests/helpers/warm_swift.py): everything else, from
the recipe's script to the supervisor and swift's own pipelines, is what a person runs. Few steps: a
bound says that it learns, not how well.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.paths import ROOT

TINY = ROOT / "recipes" / "tiny"
pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def environment(warm: dict[str, str]) -> dict[str, str]:
    return warm


def recipe(environment: dict[str, str], name: str, *arguments: Any) -> str:
    """Runs a recipe on its small variant, unless a first argument names another; what it
    printed."""
    own = [] if name in ("eval", "tool_call_pipeline") else [TINY / f"{name}.yaml"]
    command = ["bash", f"recipes/{name}.sh", *own, *arguments]
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def first_rows(path: Path, count: int, to: Path) -> Path:
    to.write_text(
        "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:count]),
        encoding="utf-8",
    )
    return to


def logged(folder: Path, metric: str) -> tuple[float, float]:
    """The metric's first and last value in what swift logs."""
    found = [float(entry[metric]) for entry in rows(folder / "logging.jsonl") if metric in entry]
    return found[0], found[-1]


def learns(folder: Path) -> None:
    """The loss falls to a third, and two tokens of three are right: the format, not yet the
    arguments."""
    (first, last), accuracy = logged(folder, "loss"), logged(folder, "token_acc")[1]
    print(f"{folder.name}: loss {first:.2f} -> {last:.2f}, token accuracy {accuracy:.2f}")
    assert last < first / 3
    assert accuracy > 0.6


def test_qlora_learns_beside_a_model_in_four_bits(
    environment: dict[str, str], demo: Path, tmp_path: Path
) -> None:
    """Two data files as one, NF4 weights that stay as they are, and an adapter that learns the
    answers alone."""
    pytest.importorskip(
        "bitsandbytes", reason="bitsandbytes is not installed: bash scripts/setup.sh"
    )
    out = tmp_path / "qlora_sft"
    more = first_rows(demo / "train.jsonl", 40, tmp_path / "more.jsonl")
    data = (f"{demo / 'train.jsonl'}#80", more)
    said = recipe(
        environment, "qlora_sft", "--dataset", *data, "--output_dir", out, "--max_steps", 15
    )
    learns(out)
    assert "Linear4bit" in said
    assert re.search(r"size=120\b", said)  # 80 drawn from one file, 40 of the other
    assert re.search(r"\[LABELS\] \[-100 \* \d{3,}\]", said)  # tools and question are not learnt
    assert (out / "last-checkpoint/adapter_model.safetensors").exists()


def test_full_training_changes_the_whole_model(
    environment: dict[str, str], demo: Path, tmp_path: Path
) -> None:
    """The checkpoint is a model of its own, not an adapter."""
    out = tmp_path / "full_sft"
    recipe(
        environment,
        "full_sft",
        "--dataset",
        f"{demo / 'train.jsonl'}#100",
        "--output_dir",
        out,
        "--max_steps",
        15,
    )
    learns(out)
    saved = {path.name for path in (out / "last-checkpoint").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= saved
    assert "adapter_config.json" not in saved


def test_pretraining_learns_every_token_of_a_text(
    environment: dict[str, str], demo: Path, tmp_path: Path
) -> None:
    """Rows of {"text"}, no markup before them, an end behind; a long document becomes several
    rows."""
    texts = [
        " ".join(message["content"] for message in row["messages"])
        for row in rows(demo / "train.jsonl")[:96]
    ]
    texts.append(" ".join(texts[:40]))
    data = tmp_path / "text.jsonl"
    data.write_text(
        "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts),
        encoding="utf-8",
    )
    said = recipe(
        environment, "pt", "--dataset", data, "--output_dir", tmp_path / "pt", "--max_steps", 10
    )
    first, last = logged(tmp_path / "pt", "loss")
    print(f"pt: loss {first:.2f} -> {last:.2f}")
    assert last < 0.7 * first
    assert "[LABELS] [-100 * 1]" in said  # all but the first token
    assert "<|im_start|>" not in said.partition("[INPUT] ")[2].partition("[LABELS_IDS]")[0]
    assert int(re.findall(r"size=(\d+)", said)[-1]) > len(texts) + 5


def test_cpo_learns_the_right_one_of_two_answers(
    environment: dict[str, str], demo: Path, tmp_path: Path
) -> None:
    """From the base, which knows neither: right answers become likely, on held-out pairs more so
    than wrong ones."""
    out = tmp_path / "cpo"
    short = (
        "--max_steps",
        20,
        "--eval_steps",
        20,
        "--split_dataset_ratio",
        0.2,
        "--logging_steps",
        1,
    )
    data = (
        "--model",
        TINY / "qwen3",
        "--dataset",
        f"{demo / 'preference.jsonl'}#100",
        "--learning_rate",
        4e-3,
    )
    recipe(environment, "cpo", *data, *short, "--output_dir", out)
    loss, margin = logged(out, "nll_loss"), logged(out, "eval_rewards/margins")
    print(
        f"cpo: loss of the right answers {loss[0]:.2f} -> {loss[1]:.2f}, margin {margin[0]:.3f} -> {margin[1]:.3f}"
    )
    assert loss[1] < loss[0] / 3
    assert margin[1] > margin[0]


def test_a_chat_answers_and_ends(environment: dict[str, str], demo: Path) -> None:
    """A question on stdin, an answer of the tuned model, and `exit`."""
    command = [
        "bash",
        "recipes/infer.sh",
        TINY / "infer.yaml",
        "--model",
        demo / "merged",
        "--max_new_tokens",
        "16",
    ]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment, input="How much is 12 CNY in EUR?\nexit\n", check=False,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    answer = done.stdout.rpartition("<<<")[0].rpartition("<<<")[2]
    print(f"chat: {answer.strip()!r}")
    assert len(answer.split()) > 2


def test_a_quantized_model_still_answers(
    environment: dict[str, str], demo: Path, tmp_path: Path
) -> None:
    """In 4 bits by bitsandbytes; its answers to a file of questions are scored offline, each one
    found again."""
    pytest.importorskip(
        "bitsandbytes", reason="bitsandbytes is not installed: bash scripts/setup.sh"
    )
    small = tmp_path / "bnb4"
    recipe(environment, "export_quant", "--model", demo / "merged", "--output_dir", small)
    assert (
        json.loads((small / "config.json").read_text())["quantization_config"]["load_in_4bit"]
        is True
    )
    asked, answers = (
        first_rows(demo / "eval.jsonl", 60, tmp_path / "eval.jsonl"),
        tmp_path / "answers.jsonl",
    )
    recipe(
        environment,
        "infer_batch",
        "--model",
        small,
        "--val_dataset",
        asked,
        "--result_path",
        answers,
    )
    assert len(rows(answers)) == 60
    score = [sys.executable, "-m", "swiftkit", "score", asked, "--completions", answers, "--json"]
    done = subprocess.run(
        list(map(str, score)), cwd=ROOT, capture_output=True, text=True, check=True
    )
    accuracy = json.loads(done.stdout)["metrics"]["tool_accuracy"]["value"]
    print(f"bnb, 4 bits: tool_accuracy {accuracy:.3f} of 60 questions")
    assert accuracy >= 0.7


def test_ollama_gets_a_modelfile_that_it_can_read(
    environment: dict[str, str], demo: Path, tmp_path: Path
) -> None:
    """The model's folder, the template's parts, nearly greedy sampling; nothing of it is `None`."""
    recipe(
        environment,
        "export_ollama",
        "--model",
        demo / "merged",
        "--output_dir",
        tmp_path / "ollama",
    )
    text = (tmp_path / "ollama/Modelfile").read_text(encoding="utf-8")
    assert text.startswith(f"FROM {demo / 'merged'}\n")
    parameters = dict(re.findall(r"^PARAMETER (\w+) ([^\"\n]+)$", text, re.MULTILINE))
    assert parameters == {
        "temperature": "0.01",
        "top_k": "20",
        "top_p": "0.9",
        "repeat_penalty": "1.0",
    }
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert all(part in text for part in ("{{ .System }}", "{{ .Prompt }}", "{{ .Response }}"))
    assert "None" not in text


def test_the_pipeline_tells_its_whole_story(environment: dict[str, str], tmp_path: Path) -> None:
    """Raw rows to a report: SFT beats the base on the same questions, GRPO has rewards, each
    question is scored."""
    folder, yamls = tmp_path / "story", tmp_path / "yamls"
    shutil.copytree(TINY, yamls, ignore=shutil.ignore_patterns("qwen3", "gpt_oss", "*.py", "*.sh"))
    shorten(yamls / "lora_sft_qwen3.yaml", max_steps=24, save_steps=24, logging_steps=4)
    shorten(yamls / "grpo_tool_call.yaml", max_steps=2, save_steps=2)
    raw = tmp_path / "raw"
    make = (
        sys.executable,
        "datasets_custom/demo_tools/make.py",
        raw,
        "--train",
        "400",
        "--eval",
        "20",
    )
    subprocess.run(list(map(str, make)), cwd=ROOT, capture_output=True, check=True)
    said = {
        "RAW": raw / "train_openai.jsonl",
        "HELD_OUT": raw / "eval_openai.jsonl",
        "YAMLS": yamls,
        "FOLDER": folder,
    }
    printed = recipe(
        environment | {"TINY": "1"} | {name: str(path) for name, path in said.items()},
        "tool_call_pipeline",
    )
    learns(folder / "sft")
    rewards = [row for row in rows(folder / "grpo/logging.jsonl") if "reward" in row]
    assert len(rewards) == 2  # a step each; test_grpo.py says that it teaches
    reports = [
        json.loads((folder / f"eval_{name}/report.json").read_text())
        for name in ("base", "sft", "grpo")
    ]
    assert {report["scored"] for report in reports} == {len(rows(folder / "eval.jsonl"))}
    base, sft, grpo = (report["metrics"]["format_accuracy"]["value"] for report in reports)
    print(f"pipeline: format_accuracy {base:.3f} -> {sft:.3f} -> {grpo:.3f}")
    assert base == 0  # it has never seen a call, and 24 steps teach it the first
    assert sft > 0
    assert "report " in printed


def shorten(path: Path, **numbers: int) -> None:
    path.write_text(
        yaml.safe_dump(yaml.safe_load(path.read_text(encoding="utf-8")) | numbers), encoding="utf-8"
    )
