"""Odd variables and flags, in a folder with a hostile name: each is handed on as it is, or refused in
a line that names it. Nothing that they hold is run, and what DRY_RUN prints does the same.

More examples than the default: SWIFTKIT_FUZZ_EXAMPLES=1000 pytest -n 0 tests/recipes/test_recipe_hostile.py
"""

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import FAKE_PYTHON, FAKE_SWIFT, Stage
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("SWIFTKIT_FUZZ_EXAMPLES", "12"))
NAMES = [
    "a b",
    'it\'s "x"',
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned #",
    "a\nb",
    "-x",
    "--output_dir",
    "100%",
    "数据 目录",
    "a=b",
    "*",
    "~",
    "back\\slash",
    "\x1b[31m",
    "\udcff",
]
NUMBERS = ["0", "1", "2", "-1", "1.5", "1e3", "99999999999", "9" * 5000, "nan", "inf", "²", "٣"]
WORDS = ["", " ", "false", "No", "on", "force", "zero2", "none", "banana", "%s", "a'b", "-", "0,²"]
ODD = st.sampled_from(NAMES + NUMBERS + WORDS) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8
)
VARIABLES = (
    "RESUME GPUS DEEPSPEED VLLM NPROC_PER_NODE NNODES NODE_RANK MASTER_ADDR MASTER_PORT"
    " SWIFTKIT_STOP_SECONDS CUDA_VISIBLE_DEVICES OMP_NUM_THREADS"
).split()
# What is wrong with these is said before swift starts.
CHECKED = {
    "GPUS",
    "MASTER_PORT",
    "NNODES",
    "NODE_RANK",
    "NPROC_PER_NODE",
    "SWIFTKIT_STOP_SECONDS",
}
# As a person may spell the environment's folder, seen from the hostile one; "-v" is a link.
VENVS = ["venv", "./venv", "a=b/venv", "-v"]
FLAGS = st.lists(ODD.filter(lambda word: word != "--help"), max_size=4) | st.builds(
    lambda name: ["--output_dir", name], st.sampled_from(NAMES)
)
# Of a start itself, not of what the recipe says.
OF_A_START = {"MASTER_PORT", "PWD", "OLDPWD", "SHLVL", "_", "DRY_RUN", "LINES", "COLUMNS"}
LIGER = ["--use_liger_kernel", "true"]  # a dry run supposes that it works here


@pytest.fixture
def make_stage(stage: Stage, tmp_path: Path):
    """Make a stage in a folder of that name, for each example another one."""
    count = 0

    def make(name: str, gpus: int) -> Stage:
        nonlocal count
        count += 1
        folder = tmp_path / str(count) / name
        folder.mkdir(parents=True)
        made = Stage(folder)
        made.environment = stage.environment | {
            "PATH": f"{folder}/venv/bin:/usr/local/bin:/usr/bin:/bin",
            "SWIFTKIT_VENV": f"{folder}/venv",
            "STAGE": str(folder),
        }
        made.program("python", FAKE_PYTHON)
        made.program("swift", FAKE_SWIFT)
        made.gpus(gpus)
        (folder / "-v").symlink_to("venv")
        (folder / "a=b").mkdir()
        (folder / "a=b/venv").symlink_to("../venv")
        (folder / "mine.yaml").write_text("model: nowhere\ndataset:\n  - rows.jsonl\n")
        return made

    return make


def call_of(stage: Stage) -> tuple[list[str], dict[str, str]]:
    """The arguments and the variables that swift was given; the record of it is taken away."""
    call = json.loads((stage.folder / "swift").read_text())
    (stage.folder / "swift").unlink()
    kept = {}
    for name, value in call["environment"].items():
        if name not in OF_A_START and not name.startswith("SWIFTKIT_"):
            kept[name] = value
    return call["argv"], kept


def without(words: Sequence[str], part: Sequence[str]) -> list[str]:
    for start in range(len(words)):
        if list(words[start : start + len(part)]) == list(part):
            return [*words[:start], *words[start + len(part) :]]
    return list(words)


def check_said(said: str, status: int, variables: dict[str, str]) -> None:
    assert "Traceback" not in said, said
    assert status in (0, 2), said
    kinds = {unicodedata.category(character) for line in said.splitlines() for character in line}
    # what moves a terminal; characters that this Python's Unicode does not know yet do not
    assert kinds.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"}), said
    if status == 2:
        line = said.splitlines()[-1]
        assert any(f"{name}=" in line for name in CHECKED & variables.keys()), said


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.sampled_from(NAMES),
    st.sampled_from([0, 2]),
    st.sampled_from(VENVS),
    st.dictionaries(st.sampled_from(VARIABLES), ODD, max_size=4),
    FLAGS,
)
@example("a b", 0, "venv", {"SWIFTKIT_STOP_SECONDS": "word"}, [])
@example("a b", 0, "venv", {"SWIFTKIT_STOP_SECONDS": ""}, [])
@example("-x", 2, "-v", {"CUDA_VISIBLE_DEVICES": "0,²"}, ["--output_dir", "$(touch pwned)"])
@example("\udcff", 0, "a=b/venv", {"GPUS": "x\ny"}, [])
@example("a\nb", 0, "a=b/venv", {"NODE_RANK": "banana", "OMP_NUM_THREADS": "\udcff"}, ["a\nb"])
def test_recipe_hands_on_or_refuses(
    make_stage, name: str, gpus: int, venv: str, variables: dict[str, str], flags: list[str]
) -> None:
    """The dry run's line, pasted into the same shell, calls swift as the recipe does."""
    stage = make_stage(name, gpus)
    given_variables = variables | {"SWIFTKIT_VENV": venv}
    dry = stage.run("lora_sft", "mine.yaml", *flags, DRY_RUN="1", **given_variables)
    check_said(dry.stderr, dry.returncode, variables)
    assert not stage.swift_was_called
    real = stage.run("lora_sft", "mine.yaml", *flags, **given_variables)
    check_said(real.stderr, real.returncode, variables)
    assert real.returncode == dry.returncode
    if real.returncode == 0:
        arguments, environment = call_of(stage)
        line = dry.stdout.splitlines()
        assert len(line) == 1
        subprocess.run(
            ["bash", "-c", line[0]],
            cwd=stage.folder,
            env=stage.environment | given_variables,
            check=True,
        )
        pasted_arguments, pasted_environment = call_of(stage)
        assert without(pasted_arguments, LIGER) == arguments
        assert pasted_environment == environment
    assert not list(stage.folder.rglob("pwned"))
    assert not (ROOT / "pwned").exists()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(["swiftkit.cli.launch", "swiftkit.training.supervise"]),
    st.dictionaries(st.sampled_from([*VARIABLES, "DRY_RUN"]), ODD, max_size=4),
    st.lists(
        st.sampled_from(["swift", "sft", "mine.yaml", "--as-is", "--record"]) | ODD, max_size=6
    ),
)
@example("a b", "swiftkit.training.supervise", {}, [])
@example("a b", "swiftkit.training.supervise", {}, ["--record"])
@example("a b", "swiftkit.cli.launch", {}, ["--on-cpu", "a", "swift", "sft", "mine.yaml"])
@example(
    "a b",
    "swiftkit.cli.launch",
    {"NNODES": "2", "NODE_RANK": "9" * 5000},
    ["swift", "sft", "mine.yaml"],
)
@example(
    "a b",
    "swiftkit.cli.launch",
    {"NPROC_PER_NODE": "2", "MASTER_PORT": "9" * 5000},
    ["swift", "sft", "mine.yaml"],
)
def test_launcher_and_supervisor_refuse_odd_words(
    make_stage, name: str, module: str, variables: dict[str, str], words: list[str]
) -> None:
    """With the real preflight, and without a recipe around them."""
    stage = make_stage(name, 0)
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=stage.folder,
        env=stage.environment | variables,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    said = done.stderr.decode(errors="replace")
    assert "Traceback" not in said, said
    # a word may be a program: `false` ends with 1
    assert done.returncode in (0, 2) or words[:1] == ["false"], said
    assert not list(stage.folder.rglob("pwned"))
