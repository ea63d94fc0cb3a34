"""The command `swiftkit preflight`, and the corrected form of a whole swift command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.preflight_recipes import GOOD, make_good_files

from swiftkit.errors import UsageError
from swiftkit.preflight.command import corrected, split_command
from swiftkit.preflight.examine import examine


def run_preflight(
    folder: Path, *words: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "swiftkit", "preflight", *words],
        cwd=folder,
        env=(environment or dict(os.environ)) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_preflight_is_silent_when_good_and_exits_with_2_when_not(tmp_path: Path) -> None:
    """Findings go to stderr, with --json also to stdout; flags are passed through as they are."""
    make_good_files(tmp_path)
    recipe = f"{GOOD['sft']}use_cpu: true\nfp16: false\n"
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    good = run_preflight(tmp_path, "recipe.yaml", "--num_train_epochs", "2", "--loss_scale=all")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bad = run_preflight(tmp_path, "recipe.yaml", "--model", "./a b", "--json")
    assert bad.returncode == 2
    assert f"no such path: {tmp_path}/a b" in bad.stderr
    finding = json.loads(bad.stdout)[0]
    assert finding["name"] == "model"
    assert finding.keys() == {"level", "name", "message", "fix", "where", "rule", "changes"}


def test_preflight_imports_nothing_heavy() -> None:
    """No torch, no transformers, no swift: the modules that a whole preflight loads, listed by the
    interpreter."""
    command = "-X importtime -m swiftkit preflight recipes/tiny/lora_sft.yaml".split()
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    imported = set()
    for line in done.stderr.splitlines():
        imported.add(line.rpartition("|")[2].strip().partition(".")[0])
    assert "yaml" in imported
    heavy = "torch transformers swift datasets numpy scipy rich openai aiohttp"
    assert not imported & set(heavy.split())


def test_corrected_command_keeps_all_data() -> None:
    """Two old names of one flag, and a count of rows."""
    words = (
        "swift sft --model m/m --dataset a/b --custom_train_dataset_path c.jsonl --max_samples 9"
    )
    command = split_command(Path(words.split()[0]), words.split()[1:])
    recipe, findings = examine(None, command.flags, {}, verb=command.verb)
    assert "--dataset 'a/b#9' 'c.jsonl#9'" in corrected(recipe, findings, {})
    recipe, findings = examine(
        None, ["--model", "a/b", "--model_id_or_path", "c/d"], {}, verb="sft"
    )
    assert corrected(recipe, findings, {}) == "swift sft --model a/b"


def test_corrected_tutorial_command_breaks_none_of_its_rules(tmp_path: Path) -> None:
    """Its dead, renamed and contradictory flags are each named; the command that is printed instead
    has none of them."""
    command = (
        "swift sft --deepspeed zero3 --model gpt-oss-20b --dataset train.json --train_type lora"
        " --torch_dtype bfloat16 --num_train_epochs 35 --per_device_train_batch_size 1"
        " --per_device_eval_batch_size 1 --learning_rate 1e-4 --lora_rank 8 --lora_alpha 32"
        " --target_modules all-linear --gradient_accumulation_steps 16 --eval_steps 50"
        " --save_steps 50 --save_total_limit 2 --logging_steps 5 --max_length 8192"
        " --output_dir output --warmup_ratio 0.05 --dataloader_num_workers 4"
        " --use_liger_kernel true --load_from_cache_file false --loss_scale ignore_empty_think"
        " --save_strategy epoch --model_author me --model_name robot --report_to swanlab"
        " --swanlab_project swift-robot"
    ).split()
    (tmp_path / "train.json").write_text("[]", encoding="utf-8")
    environment = {"PATH": "/none", "HOME": str(tmp_path)}

    def flags_of(words: list[str]) -> set[str]:
        done = run_preflight(tmp_path, "--json", *words, environment=environment)
        assert done.returncode == 2
        return {finding["name"] for finding in json.loads(done.stdout)}

    mended = {
        "train_type",
        "eval_steps",
        "per_device_eval_batch_size",
        "save_steps",
        "model_author",
        "model_name",
        "loss_scale",
        "report_to",
    }
    assert mended | {"model", "use_liger_kernel"} <= flags_of(command)
    corrected = run_preflight(tmp_path, *command, environment=environment).stdout
    assert not mended & flags_of(corrected.split())
    assert "--tuner_type lora" in corrected
    assert "--swanlab_mode local" in corrected


@pytest.mark.parametrize(
    ("words", "file", "flags", "verb"),
    [
        ("a.yaml --x 1", "a.yaml", "--x 1", ""),
        ("sft --x 1", None, "--x 1", "sft"),
        ("swift sft a.yaml --x 1", "a.yaml", "--x 1", "sft"),
        ("swift rlhf --x", None, "--x", "rlhf"),
        ("swift", "swift", "", ""),
        ("N=4 M= swift sft --x 1", None, "--x 1", "sft"),
        ("env N=4 M= sft a.yaml", "a.yaml", "", "sft"),
        ("N=4 M= a.yaml --x", "a.yaml", "--x", ""),
        ("nohup N=4 M= swift sft --x 1", None, "--x 1", "sft"),
        ("time swift sft --x 1", None, "--x 1", "sft"),
        ("sudo -E N=4 M= .venv/bin/swift sft a.yaml --x", "a.yaml", "--x", "sft"),
        ("python -m swift.cli.sft --x 1", None, "--x 1", "sft"),
        ("/usr/bin/python3 -m swift.cli.main rlhf --x", None, "--x", "rlhf"),
        ("/opt/conda/bin/megatron sft --x 1", None, "--x 1", "megatron"),
        ("python ms-swift/swift/cli/_megatron/sft.py --x 1", None, "--x 1", "megatron"),
        ("a.yaml --system swift sft", "a.yaml", "--system swift sft", ""),
    ],
)
def test_split_command_finds_file_flags_and_verb(
    words: str, file: str | None, flags: str, verb: str
) -> None:
    """A recipe, or a command with or without the word swift, with or without variables."""
    first, *rest = words.split()
    path = Path(file) if file else None
    command = split_command(Path(first), rest)
    environment = {"N": "4", "M": ""} if "N=4" in words else {}
    assert command == (path, tuple(flags.split()), verb, environment)


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        ("torchrun --nproc_per_node 4 --master-port=29501", "NPROC_PER_NODE=4 MASTER_PORT=29501"),
        ("python -m torch.distributed.run --nproc-per-node gpu", "NPROC_PER_NODE=gpu"),
        ("X=1 torchrun --nnodes 2 --nproc_per_node 8", "X=1 NPROC_PER_NODE=8 NNODES=2"),
        ("torchrun --nnodes 2 --rdzv_endpoint a:1 --nproc_per_node 8", "NPROC_PER_NODE=8"),
        ("torchrun --nnodes 2 --node_rank $RANK --nproc_per_node 8", "NPROC_PER_NODE=8"),
        ("deepspeed --num_gpus=2", "NPROC_PER_NODE=2"),
        ("deepspeed", "NPROC_PER_NODE=auto"),
        ("accelerate launch --config_file a.yaml", "NPROC_PER_NODE=auto"),
        (
            "accelerate launch --num_processes 8 --num_machines 2 --machine_rank 1",
            "NPROC_PER_NODE=4 NNODES=2 NODE_RANK=1",
        ),
    ],
)
def test_split_command_knows_launchers_of_processes(words: str, environment: str) -> None:
    """What they are told stands in swift's variables; what finds its nodes itself is not judged."""
    first, *rest = [*words.split(), "/opt/ms-swift/swift/cli/sft.py", "--x", "1"]
    command = split_command(Path(first), rest)
    variables = dict(pair.split("=") for pair in environment.split())
    assert command == (None, ("--x", "1"), "sft", variables)


@pytest.mark.parametrize(
    "words",
    [
        "python train.py --x 1",
        "swift web-ui --x 1",
        "bash a.sh --x 1",
        "nothing --x 1",
        "/bin/sh a.sh --x 1",
        "swift --x",
    ],
)
def test_split_command_of_another_program_is_refused(words: str) -> None:
    first, *rest = words.split()
    with pytest.raises(UsageError, match="no command of swift"):
        split_command(Path(first), rest)


def test_what_is_not_looked_at_is_said(tmp_path: Path) -> None:
    """Of Megatron's command the files are checked; a program that nobody knows is one line."""
    done = run_preflight(tmp_path, *"megatron sft --model ./none --no_such_flag 1".split())
    assert done.returncode == 2
    assert "no such path" in done.stderr
    assert "Megatron's are not known" in done.stderr
    done = run_preflight(tmp_path, *"torchrun train.py --x 1".split())
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_split_command_takes_one_quoted_text() -> None:
    """As it stands in a tutorial: lines that go on, quotes, and what a shell would do after it."""
    text = "# comment\nN=4 \\\nswift sft \\\n    --system 'a b' \\\n    --x 1 2>&1 | tee log"
    expected = (None, ("--system", "a b", "--x", "1"), "sft", {"N": "4"})
    assert split_command(Path(text), ()) == expected
    text = "cd a\nexport N=4 && nohup swift sft --system 'a b' --x 1 >log 2>&1 &\nswift infer --y"
    assert split_command(Path(text), ()) == expected
    text = "export M=\nN=4 sft --dataset a/b#500 'c;d' --x 2 > log # don't"
    flags = ("--dataset", "a/b#500", "c;d", "--x", "2")
    assert split_command(Path(text), ()) == (None, flags, "sft", {"N": "4", "M": ""})
    for odd in ("swift sft 'a", "# nothing", "my recipe.yaml", "a" * 5000 + " b"):
        assert split_command(Path(odd), ()).file == Path(odd)


def test_variables_before_a_command_count_and_are_printed_again(tmp_path: Path) -> None:
    """NPROC_PER_NODE is what the rules see; the corrected command begins with it."""
    make_good_files(tmp_path)
    words = "NPROC_PER_NODE=3 swift sft --model model --train_type lora --dataset train.jsonl"
    done = run_preflight(tmp_path, *words.split())
    assert done.returncode == 2
    assert "3 processes would train apart" in done.stderr
    assert done.stdout.startswith("NPROC_PER_NODE=3 swift sft --model model")
