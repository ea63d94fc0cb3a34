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
    assert "--dataset 'a/b#9' 'c.jsonl#9'" in corrected(recipe, findings, command)
    recipe, findings = examine(
        None, ["--model", "a/b", "--model_id_or_path", "c/d"], {}, verb="sft"
    )
    assert corrected(recipe, findings, command) == "swift sft --model a/b"


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
    assert command[:4] == (path, tuple(flags.split()), verb, environment)


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
    assert command[:4] == (None, ("--x", "1"), "sft", variables)


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
    assert split_command(Path(text), ())[:4] == expected
    text = "cd a\nexport N=4 && nohup swift sft --system 'a b' --x 1 >log 2>&1 &\nswift infer --y"
    assert split_command(Path(text), ())[:4] == expected
    text = "export M=\nN=4 sft --dataset a/b#500 'c;d' --x 2 > log # don't"
    flags = ("--dataset", "a/b#500", "c;d", "--x", "2")
    assert split_command(Path(text), ())[:4] == (None, flags, "sft", {"N": "4", "M": ""})
    text = 'swift sft --system "a\\\nb \\$c \\d"\\\n --x e\\ f'
    assert split_command(Path(text), ()).flags == ("--system", "ab $c \\d", "--x", "e f")
    for odd in ("# nothing", "my recipe.yaml", "a" * 5000 + " b"):
        assert split_command(Path(odd), ()).file == Path(odd)


def test_variables_before_a_command_count_and_are_printed_again(tmp_path: Path) -> None:
    """NPROC_PER_NODE is what the rules see; the corrected command begins with it."""
    make_good_files(tmp_path)
    words = "NPROC_PER_NODE=3 swift sft --model model --train_type lora --dataset train.jsonl"
    done = run_preflight(tmp_path, *words.split())
    assert done.returncode == 2
    assert "3 processes would train apart" in done.stderr
    assert done.stdout.startswith("NPROC_PER_NODE=3 swift sft --model model")


GOOD_FLAGS = (
    "--model model --model_type qwen3 --template qwen3 --use_cpu true --fp16 false"
    " --save_total_limit 2 --check_model false"
)


def checked(folder: Path, text: str) -> tuple[list[str], list[str]]:
    """Return the names of what stops, and the lines of the corrected command."""
    make_good_files(folder)
    done = run_preflight(folder, text)
    fails = [line for line in done.stderr.splitlines() if line.startswith("fail")]
    return fails, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("before", "words", "kept"),
    [
        ("export DATA=train.jsonl", "--dataset $DATA", "--dataset $DATA"),
        ("DATA=none.jsonl; DATA=train.jsonl", "--dataset ${DATA}#9", "--dataset ${DATA}#9"),
        ("D=.", '--dataset "$D"/train.jsonl', '--dataset "$D"/train.jsonl'),
        ("", "--dataset $DATA --output_dir runs/$USER", "--dataset $DATA --output_dir runs/$USER"),
        ("", '--output_dir "out/$(date +%s)"', '--output_dir "out/$(date +%s)"'),
        ("", "--output_dir out/`date +%s`", "--output_dir out/`date +%s`"),
        ("", "--gradient_accumulation_steps=$(expr 16 / $n)", "_steps $(expr 16 / $n)"),
        ("", "--max_length $((1024 * 2))", "--max_length $((1024 * 2))"),
        ("", "--dataset *.jsonl ~/x/$Y", "--dataset *.jsonl ~/x/$Y"),
        ("", "--system 'costs $5' --output_dir a\\ b", "--system 'costs $5' --output_dir a\\ b"),
    ],
)
def test_corrected_command_keeps_what_a_shell_would_change(
    tmp_path: Path, before: str, words: str, kept: str
) -> None:
    """As it was written, behind the assignments of the text; what those do not tell is not judged."""
    data = "" if "--dataset" in words else "--dataset train.jsonl"
    text = f"{before}\nswift sft {GOOD_FLAGS} {data} {words} --train_type lora"
    fails, lines = checked(tmp_path, text)
    assert [line.partition(":")[0] for line in fails] == ["fail  --train_type"]
    assert lines[:-1] == [line for line in before.split("; ") if line]
    assert kept in lines[-1]
    assert lines[-1].endswith(" --tuner_type lora")
    echo = lines[-1].replace("swift sft", "printf '%s\\n'")
    wanted = f"printf '%s\\n' {words}"
    variables = {"PATH": os.environ["PATH"], "USER": "me", "Y": "y", "n": "2", "HOME": "/h"}
    said = [
        subprocess.run(
            ["sh", "-c", f"{before}\n{line}"],
            cwd=tmp_path, env=variables, capture_output=True, text=True, check=True,
        ).stdout.replace("=", "\n")
        for line in (wanted, echo)
    ]  # fmt: skip
    assert said[0] in said[1]


def test_corrected_command_keeps_assignments_and_takes_nothing_from_this_machine(
    tmp_path: Path,
) -> None:
    """A command for two nodes, checked where there is no GPU."""
    start = "NNODES=2 NODE_RANK=$RANK MASTER_ADDR=$MASTER_ADDR NPROC_PER_NODE=8 nohup swift sft"
    _, lines = checked(tmp_path, f"{start} --model model --dataset train.jsonl --train_type lora")
    assert lines == [f"{start} --model model --dataset train.jsonl --tuner_type lora"]


def test_no_corrected_command_where_only_a_shell_knows_the_new_word(tmp_path: Path) -> None:
    text = "swift sft --model model --dataset $DATA --max_samples 9 --train_type lora"
    _, lines = checked(tmp_path, text)
    assert lines == ["# no corrected command: $DATA#9 is known to your shell alone"]


@pytest.mark.parametrize(
    "text",
    [
        "!swift sft {}",
        "%%bash\n$ swift sft {}",
        "(swift sft {})",
        "for m in a b; do swift sft {}; done",
        "if true; then swift sft {}; fi",
        "swift sft $ARGS {}",
        "N=2\nswift sft {} --num_train_epochs $N",
        "swift sft {} --num_train_epochs $N",
    ],
)
def test_command_with_the_marks_of_its_place_is_read(tmp_path: Path, text: str) -> None:
    """A notebook, a terminal's prompt, a loop, words that a shell knows."""
    fails, lines = checked(tmp_path, text.format(f"{GOOD_FLAGS} --dataset train.jsonl"))
    assert (fails, lines) == ([], [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("swift sft --system 'a", "is not closed: 'a"),
        ("swift sft \\ \n --model m", "line 1: a blank stands behind the last backslash"),
        ("swift sft --help", "--help only prints"),
        ("swift sft --model $(pwd", "is not closed: $(pwd"),
    ],
)
def test_text_that_no_shell_would_take_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """In one line, with what is wrong."""
    done = run_preflight(tmp_path, text)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert reason in done.stderr
