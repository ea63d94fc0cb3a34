"""A recipe's call of swift (arguments, the hardware's flags, environment), and its message where
there can be none."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.paths import ROOT
from helpers.recipe_stage import Stage

RECIPES = ["lora_sft", "grpo_tool_call", "grpo_multi_turn", "export_merge", "infer", "deploy"]
# they do more, and say what
SCRIPTS = {"lib", "usage", "deploy_vllm", "eval", "eval_checkpoints", "tool_call_pipeline"}
ONE_CALL = sorted({path.stem for path in (ROOT / "recipes").glob("*.sh")} - SCRIPTS)
ALIGNMENT = ["rm", "ppo", "dpo", "kto", "simpo", "orpo", "cpo", "gkd"]
LIGER = ["--use_liger_kernel", "true"]
CPU_FLAGS = ["--use_cpu", "true", "--fp16", "false", "--torch_dtype", "float32"]
YAMLS = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "recipes").rglob("*.yaml"))}


@pytest.mark.parametrize("recipe", RECIPES)
def test_own_yaml_is_the_first_argument(stage: Stage, recipe: str) -> None:
    """swift reads a YAML only there; on the recipe's own hardware it is the one beside the
    script."""
    stage.gpus(4)
    result = stage.run(recipe)
    assert result.returncode == 0, result.stderr
    assert stage.argv[1] == str(ROOT / "recipes" / f"{recipe}.yaml")


def test_only_a_first_argument_is_taken_for_a_yaml(stage: Stage) -> None:
    """A later .yaml belongs to the flag before it."""
    stage.gpus(4)
    stage.run("lora_sft", "--fsdp", "mine.yaml")
    assert stage.argv[1].endswith("lora_sft.yaml")
    assert stage.argv[-2:] == ["--fsdp", "mine.yaml"]


def test_recipe_on_four_gpus_gets_four_processes_and_zero3(stage: Stage) -> None:
    """Four processes on a free port, ZeRO-3; liger is left out because its kernels do not run
    here."""
    stage.gpus(4)
    stage.run("lora_sft")
    assert stage.argv[2:] == ["--deepspeed", "zero3"]
    assert stage.swift_environment["NPROC_PER_NODE"] == "4"
    assert 1024 < int(stage.swift_environment["MASTER_PORT"]) < 65536


@pytest.mark.parametrize("recipe", ["grpo_tool_call", "grpo_multi_turn"])
def test_vllm_generates_where_it_can(stage: Stage, recipe: str) -> None:
    """On GPUs, if it is there and can be imported; a word about it if not, for rollouts are slow
    then."""
    stage.gpus(4)
    zero2, vllm = ["--deepspeed", "zero2"], ["--use_vllm", "true", "--vllm_mode", "colocate"]
    module = stage.folder / "modules" / "vllm.py"
    module.parent.mkdir()
    for text, flags in (("", vllm), ("import nothing_of_that_name", [])):
        module.write_text(text)
        result = stage.run(recipe, PYTHONPATH=str(module.parent), PYTHONDONTWRITEBYTECODE="1")
        assert stage.argv[2:] == zero2 + flags
        assert ("vLLM is not installed" in result.stderr) == (not flags)
    stage.run(recipe, VLLM="false")
    assert stage.argv[2:] == zero2


@pytest.mark.parametrize(("active", "flags"), [("True", LIGER), ("False", [])])
def test_liger_is_used_where_its_kernels_run(
    stage: Stage, small_yaml: Path, active: str, flags: list[str]
) -> None:
    """Installed is not enough: triton must have an active driver."""
    stage.gpus(1)
    modules = stage.folder / "modules"
    (modules / "triton").mkdir(parents=True)
    (modules / "liger_kernel.py").touch()
    (modules / "triton/__init__.py").write_text("from triton import backends\n")
    (modules / "triton/backends.py").write_text(
        "from types import SimpleNamespace as Some\n"
        f"backends = {{'nvidia': Some(driver=Some(is_active=lambda: {active}))}}\n"
    )
    stage.run("lora_sft", small_yaml, PYTHONPATH=str(modules), PYTHONDONTWRITEBYTECODE="1")
    assert stage.argv[2:] == flags


def test_one_gpu_needs_no_torchrun_and_no_deepspeed(stage: Stage, small_yaml: Path) -> None:
    """With one process, sharding only costs."""
    stage.gpus(1)
    stage.run("lora_sft", small_yaml)
    assert stage.argv == ["sft", str(small_yaml)]
    assert not {"NPROC_PER_NODE", "MASTER_PORT"} & set(stage.swift_environment)


@pytest.mark.parametrize(
    ("recipe", "flags"),
    [
        ("lora_sft", CPU_FLAGS),
        ("grpo_tool_call", CPU_FLAGS),
        ("infer", ["--torch_dtype", "float32"]),
        ("deploy", ["--torch_dtype", "float32", "--port", "0"]),
        ("export_merge", []),
    ],
)
def test_recipe_on_a_cpu_gets_the_flags_that_its_verb_accepts(
    stage: Stage, small_yaml: Path, recipe: str, flags: list[str]
) -> None:
    """Each verb gets those of the CPU flags that it accepts."""
    stage.run(recipe, small_yaml, *(["--port", "0"] if recipe == "deploy" else []))
    assert stage.argv[2:] == flags


@pytest.mark.parametrize("line", ["torch_dtype: bfloat16", "{torch_dtype: bfloat16}"])
def test_dtype_of_the_users_yaml_is_kept_on_a_cpu(stage: Stage, line: str) -> None:
    """bfloat16 is twice as fast where the CPU has AMX or AVX512-BF16; a recipe's own YAML, which is
    made for GPUs, is not asked."""
    mine = stage.folder / "mine.yaml"
    mine.write_text(f"{line}\n")
    stage.run("lora_sft", mine)
    assert stage.argv[2:] == CPU_FLAGS[:-2]
    stage.run("infer", GPUS="0")
    assert stage.argv[-2:] == CPU_FLAGS[-2:]


def test_threads_sleep_while_they_wait_on_a_cpu(stage: Stage, small_yaml: Path) -> None:
    """Spinning threads cost a factor of 50 on a busy machine; the number of threads is at least
    one."""
    stage.run("lora_sft", small_yaml, NPROC_PER_NODE="1000")
    assert stage.swift_environment["OMP_WAIT_POLICY"] == "passive"
    assert stage.swift_environment["OMP_NUM_THREADS"] == "1"


def test_cuda_visible_devices_limits_the_gpus(stage: Stage) -> None:
    """CUDA_VISIBLE_DEVICES hides GPUs from swift, so also from the count."""
    stage.gpus(4)
    stage.run("lora_sft", CUDA_VISIBLE_DEVICES="1,3")
    assert stage.swift_environment["NPROC_PER_NODE"] == "2"
    assert stage.swift_environment["CUDA_VISIBLE_DEVICES"] == "1,3"


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_hidden_gpus_give_a_cpu_run(stage: Stage, small_yaml: Path, hidden: str) -> None:
    """Both spellings of 'no GPU' give a CPU run."""
    stage.gpus(4)
    stage.run("lora_sft", small_yaml, CUDA_VISIBLE_DEVICES=hidden)
    assert "--use_cpu" in stage.argv


def test_gpus_variable_wins_and_hides_the_rest(stage: Stage, small_yaml: Path) -> None:
    """GPUS=1 of four must not leave swift the other three to spread the model over."""
    stage.gpus(4)
    stage.run("lora_sft", small_yaml, GPUS="1")
    assert stage.swift_environment["CUDA_VISIBLE_DEVICES"] == "0"
    stage.run("lora_sft", small_yaml, GPUS="0")
    assert stage.swift_environment["CUDA_VISIBLE_DEVICES"] == ""
    assert "--use_cpu" in stage.argv


def test_users_processes_and_port_stay(stage: Stage, small_yaml: Path) -> None:
    """A variable that is set is not set again; on the CPU use_cpu makes the processes
    one training."""
    stage.run("lora_sft", small_yaml, NPROC_PER_NODE="2", MASTER_PORT="23456", OMP_NUM_THREADS="3")
    chosen = {
        name: stage.swift_environment[name]
        for name in ("NPROC_PER_NODE", "MASTER_PORT", "OMP_NUM_THREADS")
    }
    assert chosen == {"NPROC_PER_NODE": "2", "MASTER_PORT": "23456", "OMP_NUM_THREADS": "3"}
    assert "--use_cpu" in stage.argv


@pytest.mark.parametrize(("value", "flags"), [("zero2", ["--deepspeed", "zero2"]), ("none", [])])
def test_deepspeed_can_be_changed_or_left_out(stage: Stage, value: str, flags: list[str]) -> None:
    """Plain DDP or FSDP cannot be had by adding a flag, so an environment variable takes DeepSpeed
    away."""
    stage.gpus(4)
    stage.run("lora_sft", DEEPSPEED=value)
    assert stage.argv[2:] == flags


def test_local_model_is_not_asked_for_on_a_hub_again_and_again(
    stage: Stage, small_yaml: Path
) -> None:
    """Without internet ms-swift's retries take 22-25 s; what the user set stays."""
    stage.run("lora_sft", small_yaml)
    assert stage.swift_environment["API_HTTP_CLIENT_MAX_RETRIES"] == "1"
    stage.run("lora_sft", small_yaml, API_HTTP_CLIENT_MAX_RETRIES="5")
    assert stage.swift_environment["API_HTTP_CLIENT_MAX_RETRIES"] == "5"


def test_preflight_sees_everything_and_stops_the_run(stage: Stage, small_yaml: Path) -> None:
    """It gets the verb, the YAML, the hardware's flags and the user's; its refusal is the recipe's
    exit status."""
    result = stage.run("lora_sft", small_yaml, "--system", "a b", "", PREFLIGHT="fails")
    assert (result.returncode, result.stderr) == (2, "fail  model: is not there\n")
    seen = (stage.folder / "preflight").read_text().split("\0")
    assert seen == ["sft", "0", str(small_yaml), *CPU_FLAGS, "--system", "a b", ""]
    assert not stage.swift_was_called


def test_preflight_sees_no_gpu_that_gpus_has_hidden(stage: Stage, small_yaml: Path) -> None:
    """It estimates memory, and counts processes, by the GPUs that the run gets."""
    stage.gpus(4)
    stage.run("lora_sft", small_yaml, GPUS="2")
    assert (stage.folder / "preflight").read_text().split("\0")[1] == "2"


def test_help_is_swifts_own(stage: Stage, small_yaml: Path) -> None:
    """Nothing is checked or recorded: swift prints its arguments."""
    assert stage.run("lora_sft", small_yaml, "--help", PREFLIGHT="fails").returncode == 0
    assert stage.argv == ["sft", str(small_yaml), "--help"]
    assert not (stage.folder / "out").exists()


def test_dry_run_without_gpu_shows_the_recipes_hardware(stage: Stage) -> None:
    """On a laptop one can read what a GPU machine would run; the note about it is not on stdout."""
    result = stage.run("lora_sft", "--model", "/not/here", DRY_RUN="1")
    words = shlex.split(result.stdout)
    assert "NPROC_PER_NODE=4" in words
    assert words[-6:] == [
        "--deepspeed",
        "zero3",
        "--use_liger_kernel",
        "true",
        "--model",
        "/not/here",
    ]
    assert "here are 0" in result.stderr


def test_dry_run_pasted_into_a_shell_is_the_same_call(stage: Stage, small_yaml: Path) -> None:
    """The words and the variables that swift gets, also those that the user has set."""
    stage.gpus(2)
    typed = {"MASTER_ADDR": "two words; touch pwned", "NNODES": "2", "NODE_RANK": "0"}
    flags = ["--system", "it's", "two\nlines", "", "$(touch pwned)", "\x1b[2J", "中文", "~", "!!"]
    printed = stage.run("lora_sft", small_yaml, *flags, DRY_RUN="1", **typed).stdout
    assert len(printed.splitlines()) == 1
    assert stage.run("lora_sft", small_yaml, *flags, **typed).returncode == 0
    words, variables = stage.argv, stage.swift_environment
    own = {"SWIFTKIT_RUN_JSON", "SWIFTKIT_FAMILY", "_", "SHLVL", "PWD", "OLDPWD"}  # of one start
    subprocess.run(
        ["bash", "-c", printed], cwd=stage.folder, env=stage.environment, check=True, timeout=60
    )
    assert [word for word in stage.argv if word not in LIGER] == words
    pasted = stage.swift_environment
    added = {name for name in variables.keys() - stage.environment.keys() if name not in own}
    assert {name: pasted[name] for name in added} == {name: variables[name] for name in added}
    assert not (stage.folder / "pwned").exists()


def test_dry_run_needs_only_a_python(stage: Stage) -> None:
    """A fresh clone can show what it would run, before gigabytes are installed."""
    (stage.folder / "bare").mkdir()
    for name in ("bash", "dirname"):
        (stage.folder / "bare" / name).symlink_to(f"/usr/bin/{name}")
    python = stage.folder / "bare" / "python3"
    python.write_text('#!/usr/bin/bash\nexec "$REAL_PYTHON" -S "$@"\n')
    python.chmod(0o755)
    shutil.copytree(ROOT / "recipes", stage.folder / "clone/recipes")
    recipe = stage.folder / "clone/recipes/lora_sft.sh"
    bare = {"SWIFTKIT_VENV": "", "PATH": str(stage.folder / "bare"), "PYTHONPATH": str(ROOT)}
    result = stage.run(recipe, DRY_RUN="1", **bare)
    assert (result.returncode, " swift sft " in result.stdout) == (0, True), result.stderr
    result = stage.run(recipe, GPUS="4", **bare)
    assert (result.returncode, "bash scripts/setup.sh" in result.stderr) == (2, True)


@pytest.mark.parametrize("recipe", ["lora_sft", "eval", "tool_call_pipeline"])
@pytest.mark.parametrize("dry_run", ["", "1"])
def test_wrong_environment_is_one_line(stage: Stage, recipe: str, dry_run: str) -> None:
    """No other Python takes the place of the one that SWIFTKIT_VENV names."""
    (stage.folder / "no venv").mkdir()
    for name in ("no venv", "/not/there", "venv/bin/python"):
        words = ["model", "data.jsonl", "run"] if recipe == "eval" else []
        result = stage.run(recipe, *words, SWIFTKIT_VENV=name, DRY_RUN=dry_run)
        assert (result.returncode, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert f"SWIFTKIT_VENV={stage.folder / name} is no virtual environment" in line
        assert "scripts/setup.sh" in line
    assert sorted(path.name for path in stage.folder.iterdir()) == ["no venv", "venv"]


@pytest.mark.parametrize("recipe", ["lora_sft", "grpo_tool_call", "full_sft", "pt", *ALIGNMENT])
def test_without_gpu_a_recipe_says_what_it_needs(stage: Stage, recipe: str) -> None:
    """In a few lines, before preflight: the hardware, where model and data are named, and the small
    variant's command."""
    result = stage.run(recipe, "--dataset", "mine.jsonl")
    assert result.returncode == 2
    assert not stage.swift_was_called
    assert not (stage.folder / "preflight").exists()
    for part in (
        "4 GPUs",
        f"recipes/{recipe}.yaml",
        f"bash recipes/{recipe}.sh recipes/tiny/{recipe}.yaml",
    ):
        assert part in result.stderr
    assert len(result.stderr.splitlines()) < 9
    assert (ROOT / "recipes" / "tiny" / f"{recipe}.yaml").exists()


def test_missing_swift_is_one_line_with_the_fix(stage: Stage, small_yaml: Path) -> None:
    """No traceback where nothing is installed yet."""
    (stage.folder / "venv" / "bin" / "swift").unlink()
    result = stage.run("lora_sft", small_yaml)
    assert result.returncode == 2
    assert (
        result.stderr
        == "lora_sft.sh: ms-swift is not installed; install it: bash scripts/setup.sh\n"
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["no.yaml"], {}, "there is no file no.yaml"),
        ([], {"GPUS": "four"}, "GPUS=four is not a number"),
    ],
)
def test_wrong_usage_is_one_line(
    stage: Stage, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    """Exit status 2 and one line."""
    result = stage.run("lora_sft", *arguments, **environment)
    assert (result.returncode, result.stderr) == (2, f"lora_sft.sh: {message}\n")


def test_swifts_exit_status_is_the_recipes(stage: Stage, small_yaml: Path) -> None:
    """A script that calls a recipe sees how the training ended."""
    stage.program("swift", "#!/usr/bin/env bash\nexit 7\n")
    assert stage.run("lora_sft", small_yaml).returncode == 7


@pytest.mark.parametrize("path", YAMLS.values(), ids=YAMLS)
def test_yaml_can_survive_swifts_launcher(path: Path) -> None:
    """Numbers in a list crash it, and null becomes the word 'None'."""
    text = path.read_text()
    for key, value in yaml.safe_load(text).items():
        assert value is not None, key
        if path.parent.name == "ray":  # read by swift's Ray mode, without the launcher
            continue
        assert not isinstance(value, list) or all(isinstance(item, str) for item in value), key


@pytest.mark.parametrize("recipe", ONE_CALL)
def test_recipe_is_a_header_and_one_call(recipe: str) -> None:
    """A person reads it at a glance: a header (test_recipe_headers.py), then a handful of lines."""
    text = (ROOT / "recipes" / f"{recipe}.sh").read_text()
    code = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(code) <= 5
    assert re.match(rf'launch .*swift \w+ "\$here/{recipe}.yaml" "\$@"$', code[-1])


def test_modules_in_the_working_folder_are_not_imported(stage: Stage, small_yaml: Path) -> None:
    """A clone of ms-swift has a folder `swift`, a person's folder a `random.py`, another's worse."""
    for name in ("argparse", "psutil", "random", "yaml"):
        (stage.folder / f"{name}.py").write_text("open('pwned', 'w')\n")
    assert stage.run("lora_sft", small_yaml).returncode == 0
    assert not (stage.folder / "pwned").exists()


def test_every_recipe_tells_another_shell_to_go() -> None:
    """Debian's sh knows no `source`, and says so in a riddle."""
    if shutil.which("dash") is None:
        pytest.skip("dash is not installed")
    for path in sorted((ROOT / "recipes").glob("*.sh")):
        if path.stem in ("lib", "usage", "deploy_vllm"):  # the last asks [[ first
            continue
        command = ["dash", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        line = f"{path.name}: this is a script for bash: bash {path}\n"
        assert (done.returncode, done.stderr) == (2, line)


def test_environment_without_swiftkit_is_one_line(stage: Stage, small_yaml: Path) -> None:
    """Its Python would name a module that nobody has heard of."""
    bare = stage.folder / "bare"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--clear", bare], check=True, timeout=60
    )
    result = stage.run("lora_sft", small_yaml, SWIFTKIT_VENV="bare")
    (line,) = result.stderr.splitlines()
    assert (result.returncode, f"the environment {bare} has no swiftkit" in line) == (2, True)


def test_refused_recipe_says_where_its_paths_are_seen_from(stage: Stage, small_yaml: Path) -> None:
    """Its own YAML's; another file is as its writer meant it."""
    stage.gpus(4)
    line = f"paths of its YAML are seen from the project's root: cd {ROOT}"
    assert line in stage.run("lora_sft", PREFLIGHT="fails").stderr
    assert line not in stage.run("lora_sft", small_yaml, PREFLIGHT="fails").stderr


def test_audit_is_named_by_a_dry_run_and_needs_a_reward(stage: Stage) -> None:
    """The line that is printed can be pasted as before; another stage has nothing to audit."""
    stage.gpus(4)
    plain = stage.run("grpo_tool_call", DRY_RUN="1")
    audited = stage.run("grpo_tool_call", DRY_RUN="1", AUDIT="1")
    ports = re.compile(r"MASTER_PORT=\d+")  # a free one each time
    assert ports.sub("", audited.stdout) == ports.sub("", plain.stdout)
    assert "swiftkit audit" in audited.stderr
    assert "swiftkit audit" not in plain.stderr
    assert "swiftkit audit" not in stage.run("lora_sft", DRY_RUN="1", AUDIT="1").stderr
    assert "swiftkit audit" not in stage.run("grpo_tool_call", DRY_RUN="1", AUDIT="0").stderr
