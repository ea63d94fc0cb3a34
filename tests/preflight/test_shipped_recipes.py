"""The shipped recipes break no rule but those about files that are not there."""

from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.preflight_recipes import FOUR, NO_GPU, preflight

from swiftkit.preflight.data_rows import REWARDS
from swiftkit.recipe.machine import Machine

LARGE = sorted((ROOT / "recipes").glob("*.yaml"))
TINY = sorted((ROOT / "recipes" / "tiny").glob("*.yaml"))
# Models, data and adapters come with the user or the demo; make_base.sh gives what make_base.yaml
# lacks.
NOT_THERE = {
    "missing_model",
    "missing_data",
    "missing_adapter",
    "no_model",
    "no_dataset",
    "memory",
    "port_in_use",
}
CPU = ["--use_cpu", "true", "--fp16", "false", "--torch_dtype", "float32"]


def broken(path: Path, flags: list[str], machine: Machine, **environment: str) -> list[str]:
    findings = preflight(path, flags, environment, machine)
    return [str(finding) for finding in findings if finding.rule not in NOT_THERE]


@pytest.mark.parametrize("path", LARGE, ids=lambda path: path.stem)
def test_a_large_recipe_breaks_no_rule(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the four GPUs that it is made for, with the flags that the launcher adds."""
    monkeypatch.chdir(ROOT)
    if "learning_rate" in path.read_text(encoding="utf-8"):
        zero = "zero2" if "grpo" in path.stem else "zero3"
        assert broken(path, ["--deepspeed", zero], FOUR, NPROC_PER_NODE="4") == []
    else:
        assert broken(path, [], FOUR) == []


@pytest.mark.parametrize("path", TINY, ids=lambda path: path.stem)
def test_a_tiny_recipe_breaks_no_rule(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without a GPU, with the CPU's flags."""
    monkeypatch.chdir(ROOT)
    text = path.read_text(encoding="utf-8")
    flags = CPU[4:]
    if "learning_rate" in text:
        flags = CPU
    elif "merge_lora" in text:
        flags = []
    assert broken(path, flags, NO_GPU) == []


@pytest.mark.parametrize("reward", REWARDS)
def test_every_reward_of_the_plugin_is_known(reward: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that the plugin registers under the names of their classes."""
    monkeypatch.chdir(ROOT)
    flags = [*CPU, "--reward_funcs", reward]
    findings = preflight(ROOT / "recipes/tiny/grpo_tool_call.yaml", flags, {}, NO_GPU)
    assert "unknown_name" not in {finding.rule for finding in findings}
