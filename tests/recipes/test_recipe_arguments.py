"""Every recipe is parsed by the real ms-swift: unknown, renamed and mistyped settings fail here, not on a GPU.

Only swift's own launcher (for the YAML) and its argument parser run: no model is loaded, nothing is written.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from recipe_stage import ROOT, Stage

pytestmark = pytest.mark.e2e

# In a process of its own: swift changes the environment and its warnings are not ours. It reads one argv a line and
# answers each with what the parser objects to. Abbreviations are off, for swift accepts them in silence.
PARSE = """
import contextlib, io, json, sys
from transformers import HfArgumentParser
from swift import arguments
from swift.cli.main import parse_yaml_args
from swift.utils.utils import _patch_get_type_hints

CLASSES = {"sft": arguments.SftArguments, "rlhf": arguments.RLHFArguments, "export": arguments.ExportArguments,
           "infer": arguments.InferArguments, "deploy": arguments.DeployArguments}
for line in sys.stdin:
    verb, *argv = json.loads(line)
    with _patch_get_type_hints():
        parser = HfArgumentParser([CLASSES[verb]], allow_abbrev=False)
    parse_yaml_args(argv)
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            _, unknown = parser.parse_known_args(argv)
        problem = " ".join(unknown)
    except SystemExit:
        problem = errors.getvalue().strip().splitlines()[-1]
    print("PROBLEM " + json.dumps(problem), flush=True)
"""
RECIPES = ["lora_sft", "grpo_tool_call", "grpo_multi_turn", "grpo_gpt_oss", "export_merge", "infer", "deploy"]
RECIPES += ["deploy_vllm", "rm", "ppo", "dpo", "kto", "simpo", "orpo", "cpo", "gkd"]
MORE_TINY = [("lora_sft", "lora_sft_gpt_oss"), ("deploy", "deploy_gpt_oss")]
BAD = [
    ("lora_sft", ["--train_type", "lora"], "--train_type lora"),  # renamed to tuner_type
    ("lora_sft", ["--learning_rat", "1"], "--learning_rat 1"),  # an abbreviation
    ("lora_sft", ["--attn_imp", "eager"], "--attn_imp eager"),
    ("lora_sft", ["--max_length", "many"], "invalid int value: 'many'"),
    ("lora_sft", ["--swanlab_mode", "offline"], "invalid choice: 'offline'"),
    ("export_merge", ["--check_model", "false"], "--check_model false"),
    ("infer", ["--use_cpu", "true"], "--use_cpu true"),
]


def command(stage: Stage, *arguments: str | Path, **environment: str) -> list[str]:
    """The recipe's dry run, without the environment before it and the word swift."""
    words = shlex.split(stage.run(*arguments, DRY_RUN="1", **environment).stdout)
    while "=" in words[0]:
        words.pop(0)
    assert words[0].endswith("swift")
    return words[1:]


def parse(commands: list[list[str]]) -> list[str]:
    """One import of swift (ten seconds) for all of them."""
    result = subprocess.run(
        [sys.executable, "-c", PARSE],
        input="".join(json.dumps(command) + "\n" for command in commands),
        capture_output=True,
        text=True,
        timeout=300,
    )
    answers = [line.removeprefix("PROBLEM ") for line in result.stdout.splitlines() if line.startswith("PROBLEM ")]
    assert len(answers) == len(commands), result.stderr[-2000:]
    return [json.loads(answer) for answer in answers]


def test_swift_accepts_every_recipe_and_nothing_else(stage: Stage) -> None:
    """On the recipe's own hardware and in its small variant; the negative cases prove that the parser would object."""
    commands = [command(stage, name) for name in RECIPES]
    tiny = [(name, name) for name in RECIPES] + MORE_TINY
    commands += [command(stage, name, ROOT / "recipes" / "tiny" / f"{file}.yaml") for name, file in tiny]
    bad = [command(stage, name, *flags) for name, flags, _ in BAD]
    answers = parse(commands + bad)
    assert answers[: len(commands)] == [""] * len(commands), [
        (words, answer) for words, answer in zip(commands, answers, strict=False) if answer
    ]
    for (name, flags, message), answer in zip(BAD, answers[len(commands) :], strict=True):
        assert message in answer, (name, flags, answer)
