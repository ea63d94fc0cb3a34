"""The shipped recipes break no rule but those about files that are not there; hostile ones break no
preflight."""

from pathlib import Path

import pytest
import yaml
from helpers.paths import ROOT
from helpers.preflight_recipes import FOUR, GOOD, NO_GPU, ONE, VERBS, make_good_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.preflight import Machine, preflight
from swiftkit.preflight.rewarded_rows import REWARDS
from swiftkit.recipe.arguments import arguments_of

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
    found = preflight(path, flags, environment, machine)
    return [str(fault) for fault in found if fault.rule not in NOT_THERE]


@pytest.mark.parametrize("path", LARGE, ids=lambda path: path.stem)
def test_a_large_recipe_breaks_no_rule(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the four GPUs that it is made for, with the flags that recipes/lib.sh adds."""
    monkeypatch.chdir(ROOT)
    training = "learning_rate" in path.read_text(encoding="utf-8")
    zero = "zero2" if "grpo" in path.stem else "zero3"
    flags = ["--deepspeed", zero] if training else []
    assert broken(path, flags, FOUR, **({"NPROC_PER_NODE": "4"} if training else {})) == []


@pytest.mark.parametrize("path", TINY, ids=lambda path: path.stem)
def test_a_tiny_recipe_breaks_no_rule(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without a GPU, with the CPU's flags."""
    monkeypatch.chdir(ROOT)
    text = path.read_text(encoding="utf-8")
    training = "learning_rate" in text
    flags = CPU if training else [] if "merge_lora" in text else CPU[4:]
    assert broken(path, flags, NO_GPU) == []


@pytest.mark.parametrize("reward", REWARDS)
def test_every_reward_of_the_plugin_is_known(reward: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that the plugin registers under the names of their classes."""
    monkeypatch.chdir(ROOT)
    found = preflight(
        ROOT / "recipes/tiny/grpo_tool_call.yaml", [*CPU, "--reward_funcs", reward], {}, NO_GPU
    )
    assert "unknown_name" not in {fault.rule for fault in found}


VALUES = st.one_of(
    st.text(max_size=12),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.sampled_from(
        [
            "-1",
            "0",
            "~nobody/x",
            "a" * 5000,
            "/",
            ".",
            "~",
            "\x00",
            "train.jsonl",
            "model",
            "{}",
            "1e400",
            "nan",
            "all",
        ]
    ),
    st.lists(st.text(max_size=4), max_size=3),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(base=st.sampled_from(sorted(GOOD)), drawn=st.data())
def test_no_setting_breaks_preflight(
    base: str, drawn: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in the YAML: findings of one line, never an exception."""
    verb = VERBS.get(base, base)
    keys = st.sampled_from(sorted(arguments_of(verb))) | st.text(max_size=8)
    added = drawn.draw(st.dictionaries(keys, VALUES, max_size=6))
    if not (tmp_path / "model").exists():
        make_good_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(yaml.safe_load(GOOD[base]) | added), encoding="utf-8")
    found = preflight(
        recipe, [], {}, drawn.draw(st.sampled_from([ONE, FOUR, NO_GPU, Machine()])), verb
    )
    assert all("\n" not in str(fault) for fault in found)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.binary(max_size=300), base=st.sampled_from(sorted(GOOD)))
def test_no_data_breaks_preflight(
    rows: bytes, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor whatever stands in a data file, in config.json or in the YAML itself."""
    make_good_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    wrapped = b'{"messages": [{"role": ' + rows + b'}], "id": 3}\n'
    (tmp_path / "rows.jsonl").write_bytes(
        rows + b"\n" + wrapped + b'{"messages": [3, {"role": [1]}, null], "label": {}}\n'
    )
    (tmp_path / "model/config.json").write_bytes(rows)
    recipe = tmp_path / "recipe.yaml"
    for flags in (["--dataset", "rows.jsonl"], ["--val_dataset", "rows.jsonl"]):
        recipe.write_text(GOOD[base], encoding="utf-8")
        preflight(recipe, flags, {}, ONE, VERBS.get(base, base))
        recipe.write_bytes(rows)
        preflight(recipe, flags, {}, ONE)
