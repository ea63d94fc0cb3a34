"""Preferences, a reward model, PPO and distillation through real ms-swift on the CPU: each moves
what it is meant to.

All start from one half-taught model, so that there is something left to learn: the demo's base, 72
% of the way to the demo's result. They are trained once for all tests, two at a time, and evaluated
behind one server, as its adapters.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from helpers.real_swift import warm_call
from safetensors.torch import load_file, save_file

# cpo is simpo with another loss_type; its recipe is parsed with the rest
PAIRED = ("dpo", "simpo", "orpo")
TAUGHT = (*PAIRED, "kto", "gkd", "ppo")
# By how much the margin between right and wrong answers, or the mean score, has to rise; and the
# accuracy. ORPO and GKD learn answers, and raise it on every CPU. The others move little of it in so
# few steps, on one CPU up and on another down (DPO: 0 and +14 points): it must not collapse.
RISES = {"dpo": 0.1, "simpo": 0.1, "orpo": 0.01, "kto": 0.1, "ppo": 0.05}
# How far the accuracy may fall depends on the rounding of the machine that trained the demo: PPO,
# whose reward model here tells two pairs of three apart, lost 21 points beside a rising score.
BETTER = {"dpo": -0.2, "simpo": -0.2, "orpo": 0.05, "gkd": 0.05, "kto": -0.2, "ppo": -0.35}
QUESTIONS = 80  # of the demo's 200: a wide interval, in half the time
pytestmark = pytest.mark.e2e

# Scores conversations with a merged reward model, at the last token, where PPO reads it.
SCORE = """
import json, sys
import torch
from swift import get_model_processor, get_template
import native_template

model, processor = get_model_processor(sys.argv[1], torch_dtype=torch.float32, task_type="seq_cls", num_labels=1)
template = get_template(processor, template_type="qwen3_nothinking", template_backend="jinja")
template.set_mode("train")
for line in sys.stdin:
    ids = torch.tensor([template.encode(json.loads(line))["input_ids"]])
    with torch.no_grad():
        print("SCORE", model(input_ids=ids).logits.item())
"""


@pytest.fixture(scope="session")
def student(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model between the demo's base and its result."""
    folder = tmp_path_factory.mktemp("alignment") / "student"
    shutil.copytree(demo / "merged", folder)
    base, taught = (
        load_file(path / "model.safetensors")
        for path in (ROOT / "recipes/tiny/qwen3", demo / "merged")
    )
    mixed = {
        name: (0.28 * base[name].float() + 0.72 * weight.float()).contiguous()
        for name, weight in taught.items()
    }
    save_file(mixed, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def trained(demo: Path, student: Path, warm: dict[str, str]) -> Path:
    """The folder with every stage's output; one that failed has none, and its log beside it says
    why."""
    folder = student.parent
    flags = {name: ["--model", student, "--dataset", demo / "preference.jsonl"] for name in PAIRED}
    flags["kto"] = ["--model", student, "--dataset", demo / "kto.jsonl"]
    flags["gkd"] = [
        "--model",
        student,
        "--teacher_model",
        demo / "merged",
        "--dataset",
        demo / "grpo.jsonl",
    ]
    with ThreadPoolExecutor(2) as pool:
        pool.submit(reward_then_ppo, warm, demo, student)
        for name, own in flags.items():
            pool.submit(train, warm, folder, name, *own)
    return folder


def reward_then_ppo(environment: Mapping[str, str], demo: Path, student: Path) -> None:
    folder = student.parent
    train(
        environment,
        folder,
        "rm",
        "--model",
        demo / "merged",
        "--dataset",
        demo / "preference.jsonl",
    )
    merge = (
        "recipes/export_merge.sh",
        "recipes/tiny/export_merge.yaml",
        "--output_dir",
        folder / "rm_merged",
    )
    run(
        environment,
        folder / "rm_merged.log",
        "bash",
        *merge,
        "--adapters",
        folder / "rm/last-checkpoint",
    )
    own = (
        "--model",
        student,
        "--reward_model",
        folder / "rm_merged",
        "--dataset",
        f"{demo / 'grpo.jsonl'}#320",
    )
    train(environment, folder, "ppo", *own)


def train(environment: Mapping[str, str], folder: Path, name: str, *flags: str | Path) -> None:
    yaml = ROOT / "recipes/tiny" / f"{name}.yaml"
    command = ("bash", f"recipes/{name}.sh", yaml, "--output_dir", folder / name)
    run(environment, folder / f"{name}.log", *command, *flags)


def run(environment: Mapping[str, str], log: Path, *command: str | Path) -> None:
    started = time.monotonic()
    with log.open("w") as out:
        subprocess.run(
            list(map(str, command)), cwd=ROOT, env=environment, stdout=out, stderr=out, check=False
        )
        out.write(f"\n{time.monotonic() - started:.0f} s\n")


@pytest.fixture(scope="session")
def accuracy(demo: Path, student: Path, trained: Path, warm: dict[str, str]) -> dict[str, float]:
    """tool_accuracy on the same held-out questions: of the student, and of each stage's adapter."""
    checkpoints = {name: trained / name / "last-checkpoint" for name in TAUGHT}
    adapters = [
        f"{name}={checkpoint}" for name, checkpoint in checkpoints.items() if checkpoint.exists()
    ]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        "bash",
        "recipes/deploy.sh",
        "recipes/tiny/deploy.yaml",
        "--model",
        student,
        "--port",
        port,
    ]
    command += ["--adapters", *adapters]
    with (trained / "server.log").open("w") as out:
        server = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=warm, stdout=out, stderr=out
        )
    try:
        wait_for(port, server, trained / "server.log")
        served = ["swiftkit", *(adapter.partition("=")[0] for adapter in adapters)]
        return {name: evaluate(demo, trained, name, port) for name in served}
    finally:
        server.terminate()
        server.wait(timeout=60)


def wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.3)
    pytest.fail(log.read_text()[-3000:])


def evaluate(demo: Path, folder: Path, model: str, port: int) -> float:
    out = folder / "eval" / model
    command = [
        sys.executable,
        "-m",
        "swiftkit",
        "eval",
        "tool-call",
        "--data",
        demo / "eval.jsonl",
        "--run",
        out,
    ]
    command += [
        "--sample",
        QUESTIONS,
        "--base-url",
        f"http://127.0.0.1:{port}/v1",
        "--model",
        model,
    ]
    subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, check=True)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert (report["n"], report["errors"]) == (QUESTIONS, 0)
    return float(report["metrics"]["tool_accuracy"]["value"])


def logged(folder: Path, name: str, metric: str) -> list[float]:
    """The metric's values, first to last, in what swift logs. Fails with the end of the log of a
    stage that failed."""
    log = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    assert (folder / name / "last-checkpoint").exists(), log[-3000:]
    return [
        float(entry[metric]) for entry in lines(folder / name / "logging.jsonl") if metric in entry
    ]


def seconds(folder: Path, name: str) -> str:
    return (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()[-1]


def say(trained: Path, accuracy: dict[str, float], name: str, moved: str) -> None:
    before, after = accuracy["swiftkit"], accuracy[name]
    print(f"{name}: {moved}; tool_accuracy {before:.3f} -> {after:.3f}; {seconds(trained, name)}")


@pytest.mark.parametrize("name", PAIRED)
def test_pairs_are_told_apart_and_calls_stay_right(
    trained: Path, accuracy: dict[str, float], name: str
) -> None:
    """The margin between right and wrong answers rises on held-out pairs; ORPO raises the accuracy
    too, and no other loses much of it."""
    margins = logged(trained, name, "eval_rewards/margins")
    say(trained, accuracy, name, f"margin {margins[0]:.3f} -> {margins[-1]:.3f}")
    assert margins[-1] > margins[0] + RISES[name]
    assert accuracy[name] > accuracy["swiftkit"] + BETTER[name]


def test_verdicts_teach_kto(trained: Path, accuracy: dict[str, float]) -> None:
    """The reward of good answers over that of bad ones rises on rows that are not trained on."""
    margins = logged(trained, "kto", "eval_rewards/margins")
    say(trained, accuracy, "kto", f"margin {margins[0]:.3f} -> {margins[-1]:.3f}")
    assert margins[-1] > margins[0] + RISES["kto"]
    assert accuracy["kto"] > accuracy["swiftkit"] + BETTER["kto"]


@pytest.fixture(scope="session")
def scored(demo: Path, trained: Path, accuracy: dict[str, float]) -> dict[str, list[float]]:
    """What the merged reward model gives the right and the wrong answers of new pairs, and the
    answers of both models to the evaluation's questions. One process scores them all: its imports
    take longer than the scores."""
    rows = new_pairs(trained)
    asked = {
        model: answered(demo, trained / "eval" / model)
        for model in ("swiftkit", "ppo")
        if model in accuracy
    }
    wrong = [row | {"messages": [*row["messages"][:1], *row["rejected_response"]]} for row in rows]
    asked |= {"right": rows, "wrong": wrong}
    found = iter(scores(trained / "rm_merged", [row for each in asked.values() for row in each]))
    return {name: [next(found) for _ in each] for name, each in asked.items()}


def test_reward_model_prefers_right_calls(trained: Path, scored: dict[str, list[float]]) -> None:
    """More held-out pairs are told apart than before; merged, it does so for new pairs, where PPO
    reads its score."""
    shares = logged(trained, "rm", "eval_rewards/accuracies")
    pairs = list(zip(scored["right"], scored["wrong"], strict=True))
    merged = sum(right > wrong for right, wrong in pairs) / len(pairs)
    print(
        f"rm: accuracy {shares[0]:.3f} -> {shares[-1]:.3f}, merged {merged:.3f}; {seconds(trained, 'rm')}"
    )
    assert shares[-1] > shares[0]  # 0.49 -> 0.70 on one machine, 0.66 -> 0.68 on another
    assert shares[-1] >= 0.60
    assert merged >= 0.60


def new_pairs(folder: Path) -> list[dict[str, Any]]:
    """80 pairs from another seed, converted as a person would; each question is one message."""
    make = ("datasets_custom/demo_tools/make.py", folder, "--seed", "8", "--pairs", "80")
    run(os.environ, folder / "make.log", sys.executable, *make)
    convert = (
        "convert",
        folder / "preference_openai.jsonl",
        "-o",
        folder / "pairs.jsonl",
        "--to",
        "preference",
    )
    run(os.environ, folder / "convert.log", sys.executable, "-m", "swiftkit", *convert)
    return lines(folder / "pairs.jsonl")


def scores(model: Path, rows: list[dict[str, Any]]) -> list[float]:
    plugins = f"{ROOT / 'swiftkit/swift_plugins'}:{os.environ.get('PYTHONPATH', '')}"
    environment = os.environ | {"PYTHONPATH": plugins, "HF_HUB_OFFLINE": "1", "USE_HF": "1"}
    done = subprocess.run(
        [*warm_call(), "python", "-c", SCORE, str(model)],
        input="".join(
            json.dumps({"messages": row["messages"], "tools": row["tools"]}) + "\n" for row in rows
        ),
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [
        float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("SCORE ")
    ]


def test_ppo_raises_the_score(
    trained: Path, accuracy: dict[str, float], scored: dict[str, list[float]]
) -> None:
    """The merged reward model values the answers to held-out questions more than those before
    PPO."""
    steps = logged(trained, "ppo", "objective/scores")
    first, last = (sum(scored[model]) / QUESTIONS for model in ("swiftkit", "ppo"))
    say(trained, accuracy, "ppo", f"score {first:.3f} -> {last:.3f} after {len(steps)} steps")
    assert last > first + RISES["ppo"]
    assert accuracy["ppo"] > accuracy["swiftkit"] + BETTER["ppo"]


def answered(demo: Path, evaluation: Path) -> list[dict[str, Any]]:
    """The evaluation's questions with the model's answers, in the order of the questions."""
    texts = {
        answer["sample_id"]: answer["text"] for answer in lines(evaluation / "responses.jsonl")
    }
    asked = [row for row in lines(demo / "eval.jsonl") if row["id"] in texts]
    return [row | {"messages": [*row["messages"], said(texts[row["id"]])]} for row in asked]


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_student_learns_from_the_teacher(trained: Path, accuracy: dict[str, float]) -> None:
    """The loss against the teacher falls, on answers of the student's own, and the accuracy
    rises."""
    losses = logged(trained, "gkd", "loss")
    first, last = (sum(part) / 3 for part in (losses[:3], losses[-3:]))
    say(trained, accuracy, "gkd", f"loss {first:.4f} -> {last:.4f}")
    assert last < 0.8 * first
    assert accuracy["gkd"] > accuracy["swiftkit"] + BETTER["gkd"]
