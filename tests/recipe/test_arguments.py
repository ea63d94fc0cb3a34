"""The table of swift's arguments, and what preflight imports to read it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.preflight.rules.keys import RENAMED
from swiftkit.recipe.arguments import arguments_of, looks_like_a_flag, table, verbs
from swiftkit.recipe.reading import read_flags, verb_of


def test_preflight_imports_nothing_heavy() -> None:
    """No torch, no transformers, no swift: the modules that a whole preflight loads, listed by the
    interpreter."""
    command = [
        sys.executable,
        "-X",
        "importtime",
        "-m",
        "swiftkit",
        "preflight",
        "recipes/tiny/lora_sft.yaml",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in done.stderr.splitlines()
        if "|" in line
    }
    assert "yaml" in imported
    assert not imported & {
        "torch",
        "transformers",
        "swift",
        "datasets",
        "numpy",
        "scipy",
        "rich",
        "openai",
        "aiohttp",
    }


def test_old_names_are_gone_and_new_ones_are_there() -> None:
    """A renamed flag that swift still knew, or a new name that it does not, would be a wrong
    hint."""
    names = {name for verb in verbs() for name in arguments_of(verb)}
    assert not set(RENAMED) & names
    assert {new for new in RENAMED.values() if new} <= names


def test_the_table_is_of_the_pinned_swift() -> None:
    """The version that the recipes rely on, each verb with hundreds of arguments."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert f"ms_swift=={table().ms_swift}\n" in pins
    assert all(len(arguments_of(verb)) > 100 for verb in verbs())


@pytest.mark.parametrize(
    ("settings_given", "verb"),
    [
        ({"learning_rate", "dataset", "model"}, "sft"),
        ({"rlhf_type", "model"}, "rlhf"),
        ({"merge_lora", "adapters"}, "export"),
        ({"port", "model"}, "deploy"),
        ({"model", "result_path", "val_dataset"}, "infer"),
        ({"tensor_model_parallel_size", "model"}, "megatron"),
        ({"model", "multi_turn_scheduler", "gym_env", "host"}, "rollout"),
    ],
)
def test_the_verb_is_told_by_the_keys(settings_given: set[str], verb: str) -> None:
    """Where neither a script nor --verb says it."""
    assert verb_of({name: ["x"] for name in settings_given}) == verb


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_command_line_is_read(words: list[str]) -> None:
    """Hostile words give faults, never an exception; every word is a flag's, a value, or said to be
    astray."""
    found, stray = read_flags(words)
    flags = [
        word
        for word in words
        if word.startswith("--") and looks_like_a_flag(word.partition("=")[0])
    ]
    assert len(found) <= len(flags)
    assert all(word.name not in flags for word in stray)


def test_the_old_tutorial_command_is_corrected(tmp_path: Path) -> None:
    """Its dead, renamed and contradictory flags are each named, and what is printed breaks none of
    those rules."""
    command = (
        "swift sft --deepspeed zero3 --model gpt-oss-20b --dataset train.json --train_type lora --torch_dtype bfloat16"
        " --num_train_epochs 35 --per_device_train_batch_size 1 --per_device_eval_batch_size 1 --learning_rate 1e-4"
        " --lora_rank 8 --lora_alpha 32 --target_modules all-linear --gradient_accumulation_steps 16 --eval_steps 50"
        " --save_steps 50 --save_total_limit 2 --logging_steps 5 --max_length 8192 --output_dir output"
        " --warmup_ratio 0.05 --dataloader_num_workers 4 --use_liger_kernel true --load_from_cache_file false"
        " --loss_scale ignore_empty_think --save_strategy epoch --model_author me --model_name robot"
        " --report_to swanlab --swanlab_project swift-robot"
    ).split()
    (tmp_path / "train.json").write_text("[]", encoding="utf-8")
    named = {
        "train_type",
        "eval_steps",
        "per_device_eval_batch_size",
        "save_steps",
        "model_author",
        "model_name",
    }
    said, fixed = run_preflight(tmp_path, *command)
    flags = {finding["name"] for finding in said}
    assert named | {"loss_scale", "model", "report_to", "use_liger_kernel"} <= flags
    again, _ = run_preflight(tmp_path, *fixed.split())
    assert not (named | {"loss_scale", "report_to"}) & {finding["name"] for finding in again}
    assert "--tuner_type lora" in fixed
    assert "--swanlab_mode local" in fixed


def run_preflight(folder: Path, *command: str) -> tuple[list[dict[str, str]], str]:
    """The findings, and the corrected command."""
    environment = {"PATH": "/none", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    base = [sys.executable, "-m", "swiftkit", "preflight"]
    outs = [
        subprocess.run(
            [*base, *more, *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for more in (["--json"], [])
    ]
    assert [out.returncode for out in outs] == [2, 2], outs
    return json.loads(outs[0].stdout), outs[1].stdout.strip()
