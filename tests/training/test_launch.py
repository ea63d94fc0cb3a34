"""The launcher's own words, and what it puts between the YAML and the user's flags.

tests/recipes starts it as the recipes do, with a swift behind it.
"""

import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.fake_nvidia_smi import write_nvidia_smi

from swiftkit.errors import UsageError
from swiftkit.findings import Finding
from swiftkit.training.launch import launch, main, parse

ZERO3 = ["--deepspeed", "zero3"]
LIGER = ["--use_liger_kernel", "true"]
VLLM = ["--use_vllm", "true", "--vllm_mode", "colocate"]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The launcher's: a dry run on four GPUs, in a folder with two YAMLs."""
    monkeypatch.chdir(tmp_path)
    for name in ("own.yaml", "mine.yaml", "-x.yaml"):
        Path(name).write_text("model: m\n")
    environment = {"DRY_RUN": "1", "GPUS": "4", "PATH": "/nowhere"}
    monkeypatch.setattr(os, "environ", environment)
    at_ctrl_c = signal.getsignal(signal.SIGINT)
    yield environment
    signal.signal(signal.SIGINT, at_ctrl_c)


def no_findings(*_: object) -> list[Finding]:
    return []


def printed(capfd: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The words of the command that a dry run of the launch line prints, without variables."""
    assert launch(parse(words), no_findings) == 0
    line = shlex.split(capfd.readouterr().out)
    return line[line.index("swift") :]


def test_parse_ends_at_the_program() -> None:
    """What stands behind it is the user's, also what sounds like a flag of ours."""
    user = ["--gpus", "9", "--", "-h", "--help", "--vllm", "", "a b", "--script=x", "\udcff"]
    line = parse(["--gpus", "4", "--deepspeed", "zero2", "swift", "sft", "own.yaml", *user])
    assert (line.gpus, line.deepspeed, line.vllm) == (4, "zero2", False)
    assert line.command == ["swift", "sft", "own.yaml", *user]


@pytest.mark.usefixtures("environment")
def test_launch_puts_the_machines_flags_before_the_users(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """swift VERB FILE.yaml [machine] [yours]: swift takes the last of two equal flags."""
    recipe = ["--gpus", "4", "--deepspeed", "zero3", "swift", "sft", "own.yaml"]
    user = ["--dataset", "x.jsonl", "--deepspeed", "zero2"]
    command = printed(capfd, *recipe, *user)
    assert command == ["swift", "sft", "own.yaml", *ZERO3, *LIGER, *user]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(("typed", "taken"), [("mine.yaml", "mine.yaml"), ("-x.yaml", "./-x.yaml")])
def test_launch_takes_a_first_yaml_in_place_of_the_recipes(
    capfd: pytest.CaptureFixture[str], typed: str, taken: str
) -> None:
    """A later one belongs to the flag before it."""
    assert printed(capfd, "swift", "infer", "own.yaml", typed) == ["swift", "infer", taken]
    later = ["--fsdp", typed]
    assert printed(capfd, "swift", "infer", "own.yaml", *later)[2:] == ["own.yaml", *later]


@pytest.mark.parametrize("name", ["no.yaml", "x" * 300 + ".yaml", ".yaml/"])
@pytest.mark.usefixtures("environment")
def test_launch_without_the_file_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        launch(parse(["swift", "sft", name]), no_findings)


def test_launch_lets_vllm_generate_where_the_recipe_says_so(
    environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """On GPUs, and not against the user's word."""
    recipe = ["--deepspeed", "none", "--vllm", "swift", "rlhf", "own.yaml"]
    assert printed(capfd, *recipe)[3:] == VLLM
    environment["VLLM"] = "false"
    assert printed(capfd, *recipe)[3:] == []
    environment |= {"VLLM": "", "GPUS": "0"}
    assert not set(VLLM) & set(printed(capfd, *recipe)[3:]) - {"true"}


def test_launch_sets_the_recipes_variables_on_a_cpu(
    environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Beside a GPU they would do harm; what the user has set stays."""
    recipe = ["--on-cpu", "A=1=2", "--on-cpu", "B=x", "swift", "deploy", "own.yaml"]
    launch(parse(recipe), no_findings)
    assert "A=1=2" not in capfd.readouterr().out
    environment |= {"GPUS": "0", "B": "mine"}
    launch(parse(recipe), no_findings)
    words = capfd.readouterr().out.split()
    assert {"A=1=2", "B=mine"} <= set(words)
    assert environment["A"] == "1=2"


def test_launch_as_is_adds_nothing(
    environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Ray mode reads its YAML alone."""
    command = ["megatron", "rlhf", "--use_ray", "true", "--config", "no.yaml"]
    assert main(["--programs", "/a b", "--as-is", *command], no_findings) == 0
    assert shlex.split(capfd.readouterr().out) == ["/a b/megatron", *command[1:]]
    del environment["DRY_RUN"]
    assert main(["--script", "x/y.sh", "--as-is", *command], no_findings) == 2
    assert capfd.readouterr().err.startswith("y.sh: ms-swift is not installed")


@pytest.mark.parametrize(
    ("variables", "is_said"),
    [({}, True), ({"GPUS": "0"}, False), ({"CUDA_VISIBLE_DEVICES": ""}, False)],
)
def test_launch_says_why_it_sees_no_gpu(
    environment: dict[str, str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    variables: dict[str, str],
    is_said: bool,
) -> None:
    """One line, unless the CPU was asked for; the training goes on there."""
    del environment["GPUS"]
    write_nvidia_smi(tmp_path, before="echo driver mismatch; exit 18")
    environment |= {"PATH": str(tmp_path)} | variables
    assert launch(parse(["--gpus", "4", "swift", "sft", "own.yaml", "mine.yaml"]), no_findings) == 0
    output = capfd.readouterr()
    said = "no GPU is seen, so the CPU is used: nvidia-smi failed with status 18: driver mismatch"
    assert (said in output.err) is is_said
    assert "--use_cpu true" in output.out


def test_recipe_for_gpus_says_why_it_sees_none(
    environment: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """In place of a word about the CPU, which it is not for."""
    del environment["GPUS"], environment["DRY_RUN"]
    write_nvidia_smi(tmp_path, before="echo driver mismatch; exit 18")
    environment["PATH"] = str(tmp_path)
    assert main(["--gpus", "4", "swift", "sft", "own.yaml"], no_findings) == 2
    said = capfd.readouterr().err
    assert "this machine shows none (nvidia-smi failed with status 18: driver mismatch)" in said
    assert "the CPU is used" not in said
