"""Every recipe is parsed by the real ms-swift: unknown, renamed and mistyped settings fail here,
not on a GPU.

Only swift's own launcher (for the YAML) and its argument parser run: no model is loaded, nothing is
written. The commands are the dry runs of what the headers tell a person to type, on the recipe's
own hardware and on a CPU.
"""

import json
import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator

import pytest
from helpers.paths import ROOT
from helpers.real_swift import warm_call
from helpers.recipe_stage import Stage

pytestmark = pytest.mark.e2e

# In a process of its own: swift changes the environment and its warnings are not ours. It reads one
# argv a line and answers each with what the parser objects to. Abbreviations are off, for swift
# accepts them in silence.
PARSE = """
import contextlib, io, json, sys
from transformers import HfArgumentParser
from swift import arguments
from swift.cli.main import parse_yaml_args
from swift.utils.utils import _patch_get_type_hints

CLASSES = {"sft": arguments.SftArguments, "pt": arguments.PretrainArguments, "rlhf": arguments.RLHFArguments,
           "export": arguments.ExportArguments, "infer": arguments.InferArguments, "deploy": arguments.DeployArguments,
           "rollout": arguments.RolloutArguments}
parsers = {}
for line in sys.stdin:
    verb, *argv = json.loads(line)
    if verb not in parsers:
        with _patch_get_type_hints():
            parsers[verb] = HfArgumentParser([CLASSES[verb]], allow_abbrev=False)
    parse_yaml_args(argv)
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            _, unknown = parsers[verb].parse_known_args(argv)
        problem = " ".join(unknown)
    except SystemExit:
        problem = errors.getvalue().strip().splitlines()[-1]
    print("PROBLEM " + json.dumps(problem), flush=True)
"""
INDEX = runpy.run_path(str(ROOT / "scripts" / "recipe_index.py"))
TYPED = ("Run", "Override", "Small", "Train")  # the keys of a header that hold a command
BAD = [
    ("lora_sft", ["--train_type", "lora"], "--train_type lora"),  # renamed to tuner_type
    ("lora_sft", ["--learning_rat", "1"], "--learning_rat 1"),  # an abbreviation
    ("lora_sft", ["--attn_imp", "eager"], "--attn_imp eager"),
    ("lora_sft", ["--max_length", "many"], "invalid int value: 'many'"),
    ("lora_sft", ["--swanlab_mode", "offline"], "invalid choice: 'offline'"),
    ("export_merge", ["--check_model", "false"], "--check_model false"),
    ("infer", ["--use_cpu", "true"], "--use_cpu true"),
]


def lines_to_type() -> list[str]:
    """The commands in the headers of all recipes, each once; behind three spaces stands a
    remark."""
    headers = [
        INDEX["header"](path)
        for path in [*INDEX["scripts"](), *sorted((ROOT / "recipes").glob("*.yaml"))]
    ]
    headers += [
        INDEX["header"](path) for path in sorted((ROOT / "recipes" / "tiny").glob("*.yaml"))
    ]
    told = [
        re.split(r" {3,}", said[key])[0].replace("\\ ", "")
        for said in headers
        for key in TYPED
        if key in said
    ]
    return sorted(
        {
            line
            for line in told
            if "bash recipes/" in line and "..." not in line and "/make_" not in line
        }
    )


def dry_run(stage: Stage, line: str) -> list[list[str]]:
    """The words after `swift`, of each command that is printed."""
    words = shlex.split(line)
    start = words.index("bash")
    environment = dict(word.split("=", 1) for word in words[:start])
    script, *arguments = (
        str(ROOT / word) if (ROOT / word).is_file() else word for word in words[start + 1 :]
    )
    # a machine with other GPUs, an environment that is not here
    kept = {"CUDA_VISIBLE_DEVICES", "SWIFTKIT_VENV"}
    environment = {name: value for name, value in environment.items() if name not in kept}
    done = stage.run(ROOT / script, *arguments, DRY_RUN="1", **environment)
    assert done.returncode == 0, (line, done.stderr)
    return list(_swift_calls(done.stdout))


def _swift_calls(printed: str) -> Iterator[list[str]]:
    for line in printed.splitlines():
        words = [
            word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)
        ]
        if words and words[0].endswith("/swift"):
            yield words[1:]


def parse(commands: list[list[str]]) -> list[str]:
    """One import of swift (ten seconds) for all of them."""
    result = subprocess.run(
        [*warm_call(), "python", "-c", PARSE],
        cwd=ROOT,
        input="".join(json.dumps(command) + "\n" for command in commands),
        capture_output=True,
        text=True,
        timeout=300,
    )
    answers = [
        line.removeprefix("PROBLEM ")
        for line in result.stdout.splitlines()
        if line.startswith("PROBLEM ")
    ]
    assert len(answers) == len(commands), result.stderr[-2000:]
    return [json.loads(answer) for answer in answers]


def test_swift_accepts_every_recipe_and_nothing_else(stage: Stage) -> None:
    """All that the headers tell to type; the negative cases prove that the parser would object."""
    told = {line: dry_run(stage, line) for line in lines_to_type()}
    assert [line for line, calls in told.items() if not calls] == []
    typed = {word for line in told for word in shlex.split(line)}
    recipes = {str(path.relative_to(ROOT)) for path in INDEX["scripts"]()}
    assert recipes <= typed
    bad = [_swift_calls(stage.run(name, *flags, DRY_RUN="1").stdout) for name, flags, _ in BAD]
    commands = [(line, call) for line, calls in told.items() for call in calls]
    answers = parse([call for _, call in commands] + [call for calls in bad for call in calls])
    found = answers[: len(commands)]
    assert [(line, said) for (line, _), said in zip(commands, found, strict=True) if said] == []
    for (name, flags, message), answer in zip(BAD, answers[len(commands) :], strict=True):
        assert message in answer, (name, flags, answer)
