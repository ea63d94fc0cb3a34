"""preflight: what a recipe lacks is said before any import of torch, flag by flag."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from helpers.preflight_recipes import ONE

from swiftkit.findings import Finding, Level
from swiftkit.preflight import preflight, read_flags


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a complete model, an adapter and a data file."""
    for file in (
        "model/config.json",
        "model/model.safetensors",
        "model/tokenizer.json",
        "lora/adapter_config.json",
    ):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


GOOD = (
    "model: model\ndataset: [train.jsonl]\nlearning_rate: 1e-4\nuse_cpu: true\ncheck_model: false\n"
)


def check(yaml: str, *flags: str, **environment: str) -> list[Finding]:
    Path("recipe.yaml").write_text(yaml, encoding="utf-8")
    return list(preflight(Path("recipe.yaml"), flags, environment, ONE))


@pytest.mark.usefixtures("folder")
def test_a_good_recipe_is_silent() -> None:
    """Also with samples cut off a data set, flags on top, and several values."""
    assert check(GOOD) == []
    assert (
        check(
            GOOD,
            "--dataset",
            "train.jsonl#500",
            "train.jsonl",
            "--adapters=lora",
            "--max_steps",
            "-1",
        )
        == []
    )
    assert (
        check(
            "model: ./model\nadapters: a=lora b=lora\n".replace("a=lora b=lora", "[a=lora, b=lora]")
        )
        == []
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("yaml", "flag", "said"),
    [
        ("model: ./none", "model", "no such path: {folder}/none"),
        ("model: model/none", "model", "no such path: {folder}/model/none"),
        ("model: none", "model", "no such path: {folder}/none"),
        ("model: train.jsonl", "model", "is a file"),
        ("model: lora", "model", "has no config.json"),
        ("model: lora", "model", "has no tokenizer"),
        ("reward_model: /none", "reward_model", "no such path: /none"),
        ("adapters: [model]", "adapters", "has no adapter_config.json"),
        ("adapters: output/../lora/x", "adapters", None),
        ("adapters: ./gone", "adapters", "no such path"),
        ("dataset: none.jsonl#5", "dataset", "no such path: {folder}/none.jsonl"),
        ("dataset: train.jsonl#many", "dataset", "no number of samples"),
        ("val_dataset: [train.jsonl, x.csv]", "val_dataset", "no such path: {folder}/x.csv"),
        ("external_plugins: [reward.py]", "external_plugins", "no such path: {folder}/reward.py"),
        ("external_plugins: [lora]", "external_plugins", "no .py file"),
        ("deepspeed: ./zero.json", "deepspeed", "no such path: {folder}/zero.json"),
        ("learning_rate: 1e-4", "dataset", "none is given"),
        ("model: ", "model", "null"),
        ("target_modules: [a, null]", "target_modules", "null"),
        ("dataset: []", "dataset", "empty list"),
        ("train_type: lora", "train_type", "write tuner_type"),
        ("gpu_memory_utilization: 0.9", "gpu_memory_utilization", "vllm_gpu_memory_utilization"),
        ("overwrite_output_dir: true", "overwrite_output_dir", "leave it out"),
    ],
)
def test_what_is_wrong_is_said_by_flag(
    folder: Path, yaml: str, flag: str, said: str | None
) -> None:
    """Each finding names the flag and the absolute path, and ends with a fix."""
    found = [finding for finding in check(yaml) if finding.name == flag]
    if said is None:
        assert not any(finding.level is Level.FAIL for finding in found)
        return
    assert any(said.format(folder=folder) in str(finding) for finding in found), found
    assert all(finding.fix for finding in found)


@pytest.mark.usefixtures("folder")
def test_the_command_line_wins() -> None:
    """A later flag replaces the file's value, and an earlier flag, as in swift's launcher."""
    wrong = "model: ./none\ndataset: none.jsonl\nlearning_rate: 1e-4\n"
    assert (
        check(wrong, "--model", "./nor-this", "--model", "model", "--dataset", "train.jsonl") == []
    )
    assert read_flags(["--a", "1", "2", "--b=3", "--a", "4", "--long-name", "x"])[0] == {
        "a": ["4"],
        "b": ["3"],
        "long_name": ["x"],
    }
    assert [finding.name for finding in check(GOOD, "stray", "--seed", "1")] == ["stray"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("content", ["", "- a\n", "a: [\n", "just text", "a: \x00"])
def test_a_file_that_is_no_recipe(content: str) -> None:
    """Unreadable YAML and anything but a mapping fail in one line."""
    (found,) = check(content)
    assert found.level is Level.FAIL
    assert "\n" not in str(found)


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    """The recipe itself may be missing."""
    (found,) = preflight(tmp_path / "none.yaml", [])
    assert "none.yaml" in str(found)


def test_an_empty_data_file_is_said(folder: Path) -> None:
    """swift would fail much later, with a division by zero."""
    (folder / "train.jsonl").write_text("\n \n", encoding="utf-8")
    (found,) = check(GOOD)
    assert "is empty" in found.message


@pytest.mark.usefixtures("folder")
def test_a_hub_id_is_only_doubted_offline(folder: Path) -> None:
    """A name on a hub may be right; offline and not in the cache it is a warning. ENV in the file
    counts too."""
    start = "model: Qwen/Qwen3-8B\ncheck_model: false\nlearning_rate: 1e-4\n"
    yaml = start + "dataset: [swift/self-cognition#100, 'hf::org/data:sub']\n"
    assert check(yaml) == []
    levels = [finding.level for finding in check(yaml, HF_HUB_OFFLINE="1", HF_HOME=str(folder))]
    assert levels == [Level.WARN] * 3
    assert len(check("ENV: {HF_HUB_OFFLINE: 1}\n" + yaml, HF_HOME=str(folder))) == 3
    (folder / "hub/models--Qwen--Qwen3-8B").mkdir(parents=True)
    assert len(check(yaml, HF_HUB_OFFLINE="1", HF_HOME=str(folder))) == 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment: dict[str, Any] = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "swiftkit", "preflight", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_command(folder: Path) -> None:
    """Silent and 0 when good, 2 with lines on stderr otherwise, flags passed through as they are,
    --json on stdout."""
    (folder / "recipe.yaml").write_text(GOOD, encoding="utf-8")
    good = run("recipe.yaml", "--num_train_epochs", "2", "--loss_scale=all")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bad = run("recipe.yaml", "--model", "./a b", "--json")
    assert bad.returncode == 2
    assert f"no such path: {folder}/a b" in bad.stderr
    assert json.loads(bad.stdout)[0]["name"] == "model"


@pytest.mark.parametrize("in_yaml", [True, False])
@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_port_in_use(tmp_path: Path, address: str, in_yaml: bool) -> None:
    """swift would move to the next port without a word; the finding names the port and a free
    one."""
    recipe = tmp_path / "deploy.yaml"
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        recipe.write_text(f"model: org/name\nmax_batch_size: 8\nport: {port if in_yaml else 1}\n")
        (finding,) = preflight(recipe, [] if in_yaml else [f"--port={port}"], {})
    assert f"port: {port} is in use" in str(finding)
    assert "--port " in finding.fix


def test_port_that_is_no_number(tmp_path: Path) -> None:
    """A typing mistake is said before swift is imported."""
    recipe = tmp_path / "deploy.yaml"
    recipe.write_text("model: org/name\nport: 80OO\n")
    assert "is no number" in str(preflight(recipe, [], {})[0])


def test_export_does_not_meet_an_old_folder(tmp_path: Path) -> None:
    """swift would fail after ten seconds or, told that the folder may exist, keep the old
    weights."""
    recipe = tmp_path / "export.yaml"
    recipe.write_text(f"adapters: org/name\nmerge_lora: true\noutput_dir: {tmp_path}\n")
    assert "exists already" in str(preflight(recipe, [], {})[0])
    assert preflight(recipe, ["--output_dir", str(tmp_path / "new")], {}) == []


def test_gpt_oss_without_its_plugin(folder: Path) -> None:
    """Told by the folder or by a flag; a merge needs no template."""
    (folder / "model/config.json").write_text('{"model_type": "gpt_oss"}', encoding="utf-8")
    (finding,) = check(GOOD)
    assert (finding.level, finding.name) == (Level.WARN, "external_plugins")
    plugin = folder / "harmony_template.py"
    plugin.touch()
    assert check(GOOD, "--external_plugins", str(plugin)) == []
    assert check("adapters: [lora]\nmerge_lora: true\nmodel: model\n") == []
    assert [one.name for one in check("adapters: [lora]\nmodel_type: gpt_oss\n")] == [
        "external_plugins"
    ]


@pytest.mark.usefixtures("folder")
def test_resuming_is_no_fault() -> None:
    """RESUME=1 with the checkpoint that lib.sh adds: neither the output folder that exists nor the
    adapter that the run began with is spoken of."""
    checkpoint = Path("out/checkpoint-2")
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text("{}")
    recipe = f"{GOOD}output_dir: out\nadd_version: false\nadapters: [lora]\n"
    assert any("earlier run" in str(finding) for finding in check(recipe))
    assert check(recipe, "--resume_from_checkpoint", str(checkpoint), RESUME="1") == []
    assert check(recipe, "--resume_from_checkpoint", str(checkpoint)) != []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("place", [".swanlab/.netrc", "home/.netrc", "home/config.yaml"])
def test_swanlab_finds_its_key_where_it_looks(place: str) -> None:
    """In this folder or its own, a login or a configuration; no key stops the run before the model
    is loaded."""
    recipe = f"{GOOD}report_to: [swanlab]\n"
    missing = [
        finding for finding in check(recipe, SWANLAB_ROOT="home") if finding.name == "report_to"
    ]
    assert "SwanLab's cloud needs a key" in str(missing[0])
    Path(place).parent.mkdir()
    Path(place).write_text("api_key: x\n")
    assert check(recipe, SWANLAB_ROOT="home") == []
