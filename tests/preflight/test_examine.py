"""preflight names what is wrong with a recipe, flag by flag; no input breaks it."""

import json
import socket
from pathlib import Path

import pytest
import yaml
from helpers.preflight_recipes import FOUR, GOOD, NO_GPU, ONE, VERBS, make_good_files, preflight
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.findings import Level
from swiftkit.recipe.arguments import arguments_of
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.recipe import RecipeFinding

START = (
    "model: model\ndataset: [train.jsonl]\nlearning_rate: 1e-4\nuse_cpu: true\ncheck_model: false\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a complete model, an adapter and a data file."""
    files = ("config.json", "model.safetensors", "tokenizer.json")
    for path in (tmp_path / "lora/adapter_config.json", *(tmp_path / "model" / x for x in files)):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(text: str, *flags: str, **environment: str) -> list[RecipeFinding]:
    Path("recipe.yaml").write_text(text, encoding="utf-8")
    return preflight(Path("recipe.yaml"), flags, environment, ONE)


@pytest.mark.usefixtures("folder")
def test_a_good_recipe_has_no_findings() -> None:
    """Also with samples cut off a data set, flags on top, and several values."""
    assert check(START) == []
    flags = "--dataset train.jsonl#500 train.jsonl --adapters=lora --max_steps -1"
    assert check(START, *flags.split()) == []
    assert check("model: ./model\nadapters: [a=lora, b=lora]\n") == []


@pytest.mark.parametrize(
    ("base", "flags"),
    [
        ("sft", "--save_total_limit -1"),
        ("sft", "--lr_scheduler_type cosine_with_min_lr --report_to none"),
        ("sft", "--deepspeed ds.json"),
        ("sft", "--attn_impl kernels-community/vllm-flash-attn3"),
        ("sft", "--init_weights pissa_niter_16 --device_map cuda:0 --ddp_backend cuda:nccl"),
        ("sft", "--modules_to_save lm_head --target_modules q_proj"),
        ("sft", "--dataset swift/self-cognition#50 swift/unknown self-cognition"),
        ("sft", "--model Qwen/Qwen3-8B --dataset AI-ModelScope/alpaca-gpt4-data-zh"),
        ("sft", "--dataset bom.jsonl list.json lines.json pretty.json rows.csv nan.jsonl text.txt"),
        ("sft", "--task_type seq_cls --num_labels 2 --dataset label.jsonl"),
        ("sft", "--resume_from_checkpoint run/checkpoint-3"),
        ("sft", "--early_stop_interval 3 --split_dataset_ratio 0.1"),
        ("grpo", "--use_vllm true --vllm_mode server --vllm_server_host h --reward_funcs accuracy"),
        ("grpo", "--use_gym_env true --reward_weights 1 1"),
        ("export", "--quant_method gptq --quant_bits 4 --load_data_args true"),
        ("infer", "--adapters adapted"),
        ("infer", "--adapter lora"),
        ("sft", "--cached_dataset model#100"),
        ("sft", "--save_total_limit 0 --load_data_args true"),
        ("app", "--base_url http://h/v1 --model served"),
    ],
)
def test_preflight_accepts_what_swift_accepts(folder: Path, base: str, flags: str) -> None:
    """Nothing stops: each of these was tried with ms-swift 4.6, or read in its source."""
    make_good_files(folder)
    rows = (folder / "train.jsonl").read_text(encoding="utf-8")
    for name, text in {
        "ds.json": '{"zero_optimization": {"stage": 2}}',
        "swift/__init__.py": "",
        "Qwen/notes.md": "",
        "AI-ModelScope/notes.md": "",
        "bom.jsonl": f"\ufeff{rows}",
        "list.json": f"[{rows}, {rows}]",
        "lines.json": rows * 2,
        "pretty.json": rows.replace("{", "{\n"),
        "rows.csv": 'query,response\na,"b\nc"\n',
        "nan.jsonl": rows.replace("{", '{"score": NaN, ', 1),
        "text.txt": "text\n",
        "label.jsonl": '{"messages": [{"role": "user", "content": "q"}], "label": 1}\n',
        "adapted/reft": "",
        "model/model.safetensors.index.json": json.dumps(
            {"weight_map": {"model.layers.0.self_attn.q_proj.weight": "model.safetensors"}}
        ),
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    machine = Machine(ONE.gpus, {**ONE.versions, "gptqmodel": "1"})
    Path("recipe.yaml").write_text(GOOD.get(base, "lang: en\n"), encoding="utf-8")
    verb = VERBS.get(base, base)
    findings = preflight(Path("recipe.yaml"), flags.split(), {}, machine, verb)
    assert [str(finding) for finding in findings if finding.level is Level.FAIL] == []


@pytest.mark.usefixtures("folder")
def test_a_gym_server_needs_no_reward() -> None:
    """swift asks the rollout server whether it gives the reward."""
    text = "rlhf_type: grpo\nuse_vllm: true\nvllm_mode: server\nvllm_server_host: h\n"
    rules = {finding.rule for finding in check(text + START)}
    assert "no_reward" not in rules
    rules = {finding.rule for finding in check(text + START + "use_gym_env: false\n")}
    assert "no_reward" in rules


@pytest.mark.usefixtures("folder")
def test_a_mistyped_path_beside_models_and_data_is_no_hub_id(folder: Path) -> None:
    """A name of two parts is a path where its first folder holds such files."""
    (folder / "runs/sft/checkpoint-5").mkdir(parents=True)
    (folder / "runs/sft/checkpoint-5/adapter_config.json").touch()
    (finding,) = check("adapters: runs/stf\nmodel: ./model\n")
    assert finding.rule == "missing_adapter"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "flag", "message"),
    [
        ("model: ./none", "model", "no such path: {folder}/none"),
        ("model: model/none", "model", "no such path: {folder}/model/none"),
        ("model: none", "model", "no such path: {folder}/none"),
        ("model: train.jsonl", "model", "is a file"),
        ("model: lora", "model", "is an adapter"),
        ("reward_model: /none", "reward_model", "no such path: /none"),
        ("adapters: [model]", "adapters", "is a whole model"),
        ("adapters: ./gone", "adapters", "no such path"),
        ("dataset: none.jsonl#5", "dataset", "no such path: {folder}/none.jsonl"),
        ("dataset: train.jsonl#many", "dataset", "not a number of samples"),
        ("val_dataset: [train.jsonl, x.csv]", "val_dataset", "no such path: {folder}/x.csv"),
        ("external_plugins: [reward.py]", "external_plugins", "no such path: {folder}/reward.py"),
        ("external_plugins: [lora]", "external_plugins", "not a .py file"),
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
def test_a_wrong_setting_is_named_with_its_path(
    folder: Path, text: str, flag: str, message: str
) -> None:
    """Each finding names the flag and the absolute path, and ends with a fix."""
    findings = [finding for finding in check(text) if finding.name == flag]
    assert any(message.format(folder=folder) in str(finding) for finding in findings), findings
    assert all(finding.fix for finding in findings)


@pytest.mark.usefixtures("folder")
def test_an_adapter_name_that_may_be_a_hub_id_stops_nothing() -> None:
    """output/ is not there, so it may be the name of an organisation."""
    findings = check("adapters: output/../lora/x")
    adapters = [finding for finding in findings if finding.name == "adapters"]
    assert not any(finding.level is Level.FAIL for finding in adapters)


@pytest.mark.usefixtures("folder")
def test_flags_replace_the_values_of_the_file() -> None:
    """A later flag replaces the file's value, and an earlier flag, as in swift's launcher."""
    text = "model: ./none\ndataset: none.jsonl\nlearning_rate: 1e-4\n"
    flags = "--model ./nor-this --model model --dataset train.jsonl"
    assert check(text, *flags.split()) == []
    findings = check(START, "stray", "--seed", "1")
    assert [finding.name for finding in findings] == ["stray"]


def test_an_empty_data_file_is_named(folder: Path) -> None:
    """swift would fail much later, with a division by zero."""
    (folder / "train.jsonl").write_text("\n \n", encoding="utf-8")
    (finding,) = check(START)
    assert "is empty" in finding.message


@pytest.mark.parametrize("target", ["nowhere", "link"])
def test_an_output_behind_a_link_to_nowhere_stops(folder: Path, target: str) -> None:
    """swift could not make the folder, after the model was loaded; a link to itself is one too."""
    (folder / "link").symlink_to(target)
    for output in ("link", "link/x"):
        found = [str(finding) for finding in check(START, "--output_dir", output)]
        assert any("link is a link to nowhere" in line for line in found), found


@pytest.mark.usefixtures("folder")
def test_a_hub_id_is_only_doubted_offline(folder: Path) -> None:
    """A name on a hub may be right; offline and not in the cache it is a warning. ENV in the file
    counts too."""
    text = "model: Qwen/Qwen3-8B\ncheck_model: false\nlearning_rate: 1e-4\n"
    text += "dataset: [swift/self-cognition#100, 'hf::org/data:sub']\n"
    assert check(text) == []
    levels = [finding.level for finding in check(text, HF_HUB_OFFLINE="1", HF_HOME=str(folder))]
    assert levels == [Level.WARN] * 3
    assert len(check("ENV: {HF_HUB_OFFLINE: 1}\n" + text, HF_HOME=str(folder))) == 3
    (folder / "hub/models--Qwen--Qwen3-8B").mkdir(parents=True)
    assert len(check(text, HF_HUB_OFFLINE="1", HF_HOME=str(folder))) == 2


@pytest.mark.parametrize("in_yaml", [True, False])
@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_port_in_use_is_named_with_a_free_one(
    tmp_path: Path, address: str, in_yaml: bool
) -> None:
    """swift would silently move to the next port."""
    recipe = tmp_path / "deploy.yaml"
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        recipe.write_text(f"model: org/name\nmax_batch_size: 8\nport: {port if in_yaml else 1}\n")
        (finding,) = preflight(recipe, [] if in_yaml else [f"--port={port}"], {})
    assert f"port: {port} is in use" in str(finding)
    assert "--port " in finding.fix


def test_a_port_that_is_not_a_number_is_named(tmp_path: Path) -> None:
    """A typing mistake is found before swift is imported."""
    recipe = tmp_path / "deploy.yaml"
    recipe.write_text("model: org/name\nport: 80OO\n")
    assert preflight(recipe, [], {})[0].rule == "wrong_type"


def test_an_export_into_an_old_folder_stops(tmp_path: Path) -> None:
    """swift would fail after ten seconds or, told that the folder may exist, keep the old
    weights."""
    recipe = tmp_path / "export.yaml"
    recipe.write_text(f"adapters: org/name\nmerge_lora: true\noutput_dir: {tmp_path}\n")
    assert "exists already" in str(preflight(recipe, [], {})[0])
    assert preflight(recipe, ["--output_dir", str(tmp_path / "new")], {}) == []


def test_gpt_oss_without_its_plugin_is_a_warning(folder: Path) -> None:
    """The folder or a flag says that it is gpt-oss; a merge needs no template."""
    (folder / "model/config.json").write_text('{"model_type": "gpt_oss"}', encoding="utf-8")
    (finding,) = check(START)
    assert (finding.level, finding.name) == (Level.WARN, "external_plugins")
    plugin = folder / "harmony_template.py"
    plugin.touch()
    assert check(START, "--external_plugins", str(plugin)) == []
    assert check("adapters: [lora]\nmerge_lora: true\nmodel: model\n") == []
    (finding,) = check("adapters: [lora]\nmodel_type: gpt_oss\n")
    assert finding.name == "external_plugins"


@pytest.mark.usefixtures("folder")
def test_a_dict_in_the_file_is_json_as_swift_writes_it() -> None:
    """A mapping is no broken JSON."""
    assert check(START + "lr_scheduler_kwargs: {min_lr: 1.0e-6}\n") == []


@pytest.mark.usefixtures("folder")
def test_resuming_has_no_findings() -> None:
    """RESUME=1 with the checkpoint that the launcher adds: neither the output folder that exists
    nor the adapter that the run began with is a finding."""
    checkpoint = Path("out/checkpoint-2")
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text("{}")
    text = f"{START}output_dir: out\nadd_version: false\nadapters: [lora]\n"
    assert any("earlier run" in str(finding) for finding in check(text))
    assert check(text, "--resume_from_checkpoint", str(checkpoint), RESUME="1") == []
    assert check(text, "--resume_from_checkpoint", str(checkpoint)) != []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("place", [".swanlab/.netrc", "home/.netrc", "home/config.yaml"])
def test_swanlab_without_a_key_stops(place: str) -> None:
    """In this folder or its own, a login or a configuration; no key stops the run before the model
    is loaded."""
    text = f"{START}report_to: [swanlab]\n"
    assert "swanlab_key" in {finding.rule for finding in check(text, SWANLAB_ROOT="home")}
    Path(place).parent.mkdir()
    Path(place).write_text("api_key: x\n")
    assert check(text, SWANLAB_ROOT="home") == []


VALUES = st.one_of(
    st.text(max_size=12),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.sampled_from("-1 0 ~nobody/x / . ~ train.jsonl model {} 1e400 nan all".split()),
    st.sampled_from(["a" * 5000, "\x00", "²"]),
    st.lists(st.text(max_size=4), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(base=st.sampled_from(sorted(GOOD)), drawn=st.data())
def test_preflight_of_any_setting_never_raises(
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
    machine = drawn.draw(st.sampled_from([ONE, FOUR, NO_GPU, Machine()]))
    findings = preflight(recipe, [], {}, machine, verb)
    assert all("\n" not in str(finding) for finding in findings)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.binary(max_size=300), base=st.sampled_from(sorted(GOOD)))
def test_preflight_of_any_file_never_raises(
    rows: bytes, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in a data file, in config.json or in the YAML itself."""
    make_good_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    wrapped = b'{"messages": [{"role": ' + rows + b'}], "id": 3}\n'
    odd = b'{"messages": [3, {"role": [1]}, null], "label": {}}\n'
    (tmp_path / "rows.jsonl").write_bytes(rows + b"\n" + wrapped + odd)
    (tmp_path / "model/config.json").write_bytes(rows)
    recipe = tmp_path / "recipe.yaml"
    for flags in (["--dataset", "rows.jsonl"], ["--val_dataset", "rows.jsonl"]):
        recipe.write_text(GOOD[base], encoding="utf-8")
        preflight(recipe, flags, {}, ONE, VERBS.get(base, base))
        recipe.write_bytes(rows)
        preflight(recipe, flags, {}, ONE)
