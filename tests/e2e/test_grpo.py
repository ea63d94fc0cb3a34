"""GRPO through real ms-swift on the CPU: what is logged, what it teaches, tools that really run,
and bad data."""

import inspect
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from safetensors.torch import load_file, save_file

from swiftkit.evals.tasks import tool_call
from swiftkit.records import Response
from swiftkit.scoring.chain import question_of, score_chain, steps_of
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_text
from swiftkit.toolcall.wire_format import load

TOOLS = ROOT / "datasets_custom/demo_tools/tools.py"
ERROR = '{"error": '
HERMES = '{"wire_format": "hermes"}'  # the format of the demo's agent template
PARTS = ("format", "name", "parameter_names", "parameter_values", "schema", "count")
pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("warm_recipes")]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(*command: Any, status: int = 0, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == status, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def grpo(recipe: str, out: Path, model: Path, data: Path, *flags: Any, **environment: str) -> str:
    tiny = f"recipes/tiny/{recipe}.yaml"
    given = ("--model", model, "--dataset", data, "--output_dir", out, *flags)
    return run("bash", f"recipes/{recipe}.sh", tiny, *given, **environment)


def steps(out: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(completions, log) of each step. swift writes a table a step, and the last one once more at
    the end."""
    tables = {table["step"][0]: table for table in rows(out / "completions.jsonl")}.values()
    yield from zip(
        tables, [entry for entry in rows(out / "logging.jsonl") if "reward" in entry], strict=True
    )


def golds(data: Path) -> dict[str, dict[str, Any]]:
    """The rows by their last question."""
    return {question_of(row["messages"])[-1]["content"]: row for row in rows(data)}


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_grpo_teaches_and_logs_the_score(demo: Path, tmp_path: Path) -> None:
    """From a half-taught model: held-out calls that are exactly right become more (0.52 -> 0.60
    with one demo's model); what is logged is the score."""
    weak = tmp_path / "weak"
    weaken(demo / "merged", weak)
    rewards = (
        "tool_call",
        "tool_call_exact",
        "tool_call_format",
        "tool_call_schema",
        "tool_call_success",
    )
    flags = ("--reward_funcs", *rewards, "--reward_weights", 1, 0, 0, 0, 0, "--tuner_type", "full")
    pace = (
        "--learning_rate",
        "3e-4",
        "--lr_scheduler_type",
        "constant",
        "--max_steps",
        12,
        "--save_steps",
        12,
    )
    size = (
        "--per_device_train_batch_size",
        32,
        "--num_generations",
        4,
        "--max_completion_length",
        64,
        "--beta",
        0,
    )
    seeds = ("--seed", 2, "--data_seed", 2)
    everything = (weak, demo / "grpo.jsonl", *flags, *pace, *size, *seeds)
    grpo("grpo_tool_call", tmp_path / "grpo", *everything, SWIFTKIT_TOOLS=str(TOOLS))
    check_log(tmp_path / "grpo", demo / "grpo.jsonl")
    asked = tmp_path / "eval.jsonl"  # half of the held-out questions
    asked.write_text(
        "".join(json.dumps(row) + "\n" for row in rows(demo / "eval.jsonl")[::2]), encoding="utf-8"
    )
    before, after = (
        accuracy(model, asked, tmp_path) for model in (weak, tmp_path / "grpo/last-checkpoint")
    )
    print(f"exactly right: {before:.3f} before, {after:.3f} after")
    assert after > before + 0.03


def weaken(model: Path, out: Path) -> None:
    """The model with 70 % of what the demo taught it, as if it had learnt for a shorter time."""
    shutil.copytree(model, out)
    base, taught = (
        load_file(folder / "model.safetensors") for folder in (ROOT / "recipes/tiny/qwen3", model)
    )
    mixed = {name: base[name].float().lerp(weight.float(), 0.7) for name, weight in taught.items()}
    save_file(mixed, out / "model.safetensors", metadata={"format": "pt"})


def accuracy(model: Path, data: Path, folder: Path) -> float:
    run(
        "bash",
        "recipes/eval.sh",
        model,
        data,
        folder / f"eval_{model.name}",
        "recipes/tiny/deploy.yaml",
    )
    report = json.loads((folder / f"eval_{model.name}/report.json").read_text(encoding="utf-8"))
    assert report["errors"] == 0
    return float(report["metrics"]["tool_accuracy"]["value"])


def check_log(out: Path, data: Path) -> None:
    """swift's table and log, `swiftkit score`, the evaluation's score and the scorer itself agree;
    malformed answers were worth nothing."""
    by_question, broken = golds(data), 0
    samples = {sample.id: sample for sample in tool_call.load(data, "hermes")}
    for table, log in steps(out):
        asked = [
            re.findall(r"<\|im_start\|>user\n(.*?)<\|im_end\|>", prompt, re.S)[0]
            for prompt in table["prompt"]
        ]
        wanted = [by_question[question] for question in asked]
        scores = [
            score_text(text, gold_from(row["expected_calls"], "grpo.jsonl", HERMES, row["tools"]))
            for text, row in zip(table["completion"], wanted, strict=True)
        ]
        assert table["tool_call"] == pytest.approx([score.value for score in scores])
        answered = zip(table["completion"], wanted, strict=True)
        evaluated = [
            tool_call.score(samples[row["id"]], Response(row["id"], text=text))
            for text, row in answered
        ]
        assert table["tool_call"] == pytest.approx([score.value for score in evaluated])
        assert table["tool_call_exact"] == [score.exact for score in scores]
        assert table["tool_call_format"] == [score.parts["format"] for score in scores]
        assert table["tool_call_schema"] == pytest.approx(
            [score.parts["schema"] for score in scores]
        )
        pairs = zip(table["completion"], wanted, strict=True)
        assert table["tool_call_success"] == pytest.approx(
            [share_that_ran(text, row) for text, row in pairs]
        )
        assert log["reward"] == pytest.approx(mean([score.value for score in scores]), abs=1e-4)
        for part in PARTS:
            assert log[f"tool_call/{part}"] == pytest.approx(
                mean([score.parts[part] for score in scores]), abs=1e-4
            )
        unread = ["unread" in score.counts for score in scores]
        assert log["tool_call/unread"] == pytest.approx(mean(unread), abs=1e-4)
        worthless = [
            value
            for text, value in zip(table["completion"], table["tool_call"], strict=True)
            if bad(text, "hermes")
        ]
        assert not any(worthless)
        broken += len(worthless)
    assert broken
    scored = out / "scores.jsonl"
    command = (
        sys.executable,
        "-m",
        "swiftkit",
        "score",
        data,
        "--completions",
        out / "completions.jsonl",
        "--wire-format",
        "hermes",
    )
    run(*command, "-o", scored, status=1)  # most rows were not asked
    logged = [value for table, _ in steps(out) for value in table["tool_call"]]
    assert [score["value"] for score in rows(scored)] == pytest.approx(logged)


def share_that_ran(text: str, row: dict[str, Any]) -> float:
    """Of the calls made or wanted, whichever are more, those that give a result."""
    results, wanted = replayed([text], row), len(json.loads(row["expected_calls"]))
    if not wanted:
        return float(not results)
    return sum(result != ERROR for result in results) / max(len(results), wanted)


def bad(text: str, wire_format: str) -> bool:
    return bool(load(wire_format).parse(text).malformed)


def test_tools_run_between_turns(demo: Path, tmp_path: Path) -> None:
    """Without vLLM: each result in the prompts is what the tool gives, and the reward is that of
    the whole chain."""
    done = grpo(
        "grpo_multi_turn", tmp_path / "grpo", demo / "merged", demo / "grpo.jsonl", "--max_steps", 2
    )
    by_question, ran = golds(demo / "grpo.jsonl"), 0
    for table, log in steps(tmp_path / "grpo"):
        assert log["parity/equal"] > 0.5  # of the later prompts; a server would send the same
        assert "tool_chain/parameter_values" in log
        assert log["tool_call_success/calls"] >= log["tool_call_success/results"] > 0
        for prompt, last, worth in zip(
            table["prompt"], table["completion"], table["tool_chain"], strict=True
        ):
            answers, results, question = turns(prompt)
            row = by_question[question]
            gold = steps_of(row["messages"], row["expected_calls"], "row")
            assert worth == pytest.approx(
                score_chain([*answers, last], gold, HERMES, row["tools"]).value
            )
            assert [ERROR if text.startswith(ERROR) else text for text in results] == replayed(
                answers, row
            )
            ran += len(results)
        assert set(table["num_turns"]) <= {1, 2, 3}
    assert ran > 20, done[-2000:]


# Each call leaves a daemon behind, and gives one of three results.
HOSTILE_TOOL = """
import os, time

def disturb(**arguments):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(2)
            open(f"{FOLDER}/late-{os.getpid()}", "w").close()
            time.sleep(600)
        os._exit(0)
    match time.time_ns() // 1000 % 3:
        case 0: return {"a\\udc00": "\\ud835 said"}
        case 1: return "x" * 10_000_000
    raise ValueError(f"\\ud835 raised\\nwith {os.environ['SHOP_API_KEY']}")

TOOLS = {name: disturb for name in NAMES}
"""


def test_hostile_tools_do_not_end_the_training(demo: Path, tmp_path: Path) -> None:
    """They return lone surrogates and 10 MB, raise, and start daemons that outlive their parents:
    the model is shown what it may see, and no daemon lives long enough to say so."""
    names = sorted(name for name in runpy.run_path(str(TOOLS)) if not name.startswith("_"))
    file, out = tmp_path / "tools.py", tmp_path / "grpo"
    head = f"FOLDER = {str(tmp_path)!r}\nNAMES = {names!r}\n"
    file.write_text(head + HOSTILE_TOOL, encoding="utf-8")
    keys = {"SWIFTKIT_TOOLS": str(file), "SHOP_API_KEY": "key-of-the-shop"}
    data = demo / "grpo.jsonl"
    grpo("grpo_multi_turn", out, demo / "merged", data, "--max_steps", 1, **keys)
    said = []
    for table, _ in steps(out):
        for prompt in table["prompt"]:
            said += turns(prompt)[1]
    assert {text for text in said if "no such tool" not in text} == {
        '{"a\ufffd": "\ufffd said"}',
        '{"error": "a result of more than 65536 characters"}',
        '{"error": "ValueError: \ufffd raised"}',
    }
    assert not list(tmp_path.glob("late-*"))


def turns(prompt: str) -> tuple[list[str], list[str], str]:
    """(answers before the last, what the tools said, the question) of a prompt of the demo's chat
    template; no end token twice."""
    assert "<|im_end|><|im_end|>" not in prompt
    texts = re.findall(r"<\|im_start\|>(user|assistant|tool)\n(.*?)<\|im_end\|>", prompt, re.S)
    return (
        [text for role, text in texts if role == "assistant"],
        [text for role, text in texts if role == "tool"],
        texts[0][1],
    )


def replayed(answers: list[str], row: dict[str, Any]) -> list[str]:
    """What the functions of tools.py give for the calls of these answers."""
    tools = runpy.run_path(str(TOOLS))
    state = json.loads(row.get("state") or "{}")
    calls = [call for answer in answers for call in load("hermes").parse(answer).calls]
    return [said(tools.get(call.name), call, row["tools"], state) for call in calls]


def said(tool: Any, call: Any, offered: str, state: dict[str, Any]) -> str:
    if tool is None or f'"{call.name}"' not in offered:
        return ERROR
    world = {"state": state} if "state" in inspect.signature(tool).parameters else {}
    try:
        return json.dumps(tool(**call.arguments, **world), ensure_ascii=False)
    except Exception:  # whatever the tools raise
        return ERROR


def test_malformed_harmony_ends_its_rollout_alone(gpt_oss_demo: Path, tmp_path: Path) -> None:
    """gpt-oss walks chains too; where its markup is broken the chain is worth nothing, and the run
    goes on."""
    flags = (
        "--multi_turn_scheduler",
        "tool_calls",
        "--max_turns",
        2,
        "--reward_funcs",
        "tool_chain",
        "--max_steps",
        2,
    )
    out = tmp_path / "grpo"
    grpo(
        *(
            "grpo_gpt_oss",
            out,
            gpt_oss_demo / "merged",
            gpt_oss_demo / "grpo.jsonl",
            *flags,
            "--temperature",
            1.3,
        ),
        SWIFTKIT_TOOLS=str(TOOLS),
    )
    pairs = [
        pair
        for table, _ in steps(out)
        for pair in zip(*(table[name] for name in WATCHED), strict=True)
    ]
    assert {worth for text, worth, _ in pairs if bad(text, "harmony")} == {0.0}
    assert 2 in {count for _, _, count in pairs}


WATCHED = ("completion", "tool_chain", "num_turns")


def test_rows_without_gold_stop_the_run_before_it_starts(demo: Path, tmp_path: Path) -> None:
    """Where swift is called directly: the rows, the column and the fix, no traceback, an exit
    status."""
    data, swift = tmp_path / "grpo.jsonl", (Path(os.environ["SWIFTKIT_VENV"]) / "bin/swift", "rlhf")
    kept = rows(demo / "grpo.jsonl")[:20]
    kept[3]["expected_calls"], kept[7]["expected_calls"] = None, '[{"name": "f"}]'
    kept[9]["scoring"] = '{"wire_format": "glm4"}'
    data.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    given = ("--model", demo / "merged", "--dataset", data, "--output_dir", tmp_path / "out")
    cpu = ("--use_cpu", "true", "--fp16", "false", "--torch_dtype", "float32")
    told = run(*swift, "recipes/tiny/grpo_tool_call.yaml", *given, *cpu, status=2)
    assert "Traceback" not in told
    assert "3 rows cannot be rewarded" in told
    assert "scoring: the wire format is glm4, and this training's is hermes" in told
    assert f"{kept[3]['source']}: no expected_calls" in told
    assert f"{kept[7]['source']}: expected_calls: bad gold: " in told
    assert "make the rows with `swiftkit convert --to grpo`" in told
    assert not (tmp_path / "out/completions.jsonl").exists()


def test_prompts_that_no_server_would_send_stop_the_run(demo: Path, tmp_path: Path) -> None:
    """With the model's own chat template; swift's own differ by choice, and that is said."""
    drift = tmp_path / "drift.py"
    drift.write_text(
        "from swift.template import Template\n"
        "tokenize = Template._tokenize\n"
        "def changed(template, text, **options):\n"
        "    return tokenize(template, text.replace('assistant', 'helper'), **options)\n"
        "Template._tokenize = changed\n"
    )
    plugins = [
        ROOT / "swiftkit/swift_plugins" / name
        for name in ("native_template.py", "tool_call_reward.py")
    ]
    given = ("--model", demo / "merged", "--dataset", demo / "grpo.jsonl", "--max_steps", 1)
    given += ("--output_dir", tmp_path / "out", "--num_generations", 2)
    given += ("--per_device_train_batch_size", 2, "--external_plugins", *plugins)
    recipe = ("bash", "recipes/grpo_tool_call.sh", "recipes/tiny/grpo_tool_call.yaml", *given)
    said = run(*recipe, drift, status=2)
    assert "20 of the first 20 prompts are not those of the model's own chat template" in said
    assert "'helper" in said
    assert "stopped before its first step" in said
    said = run(*recipe, "--template_backend", "swift")
    assert "20 of the first 20 prompts are not those of the model's own chat template" in said
    assert "--template_backend jinja trains with it" in said
