"""run.json: all that is needed to repeat a run, and no secret."""

import hashlib
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml
from helpers.recorded_runs import ROWS, YAML, begin_run

from swiftkit.training.record_run import begin, end, variables_for_swift
from swiftkit.training.run_record import VARIABLE, SwanLab, SwiftCommand, note, read_record

SECRET = "Zq7-very-secret-value"  # noqa: S105


@pytest.mark.usefixtures("folder")
def test_begin_records_all_that_a_run_is_made_of() -> None:
    """Command, settings, data with digest and rows, seeds, packages, commit, GPUs, environment,
    time; no end yet."""
    supervisors = {"SWIFTKIT_FAMILY": "1-2", "SWIFTKIT_SUPERVISED": "1"}
    record = begin_run("--max_steps", "9", CUDA_VISIBLE_DEVICES="0", EDITOR="vi", **supervisors)
    assert record.command == ["swift", "sft", "recipe.yaml", "--max_steps", "9"]
    assert record.settings["max_steps"] == ["9"]
    assert record.environment == {"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "2"}
    (data,) = record.data
    assert (data.sha256, data.rows) == (hashlib.sha256(ROWS.encode()).hexdigest(), 2)
    assert record.seeds["seed"] == "7"
    assert f"msgspec=={msgspec.__version__}" in record.packages
    assert record.git is None or len(record.git.commit) == 40
    (gpu,) = record.gpus
    assert (gpu.name, gpu.driver, gpu.memory) == ("NVIDIA H100 80GB HBM3", "570.86.15", "81559 MiB")
    assert [(attempt.ended, attempt.exit_status) for attempt in record.attempts] == [(None, None)]


def test_end_offers_a_command_that_can_be_pasted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder `out dir` has a name that a shell would split."""
    begin_run()
    end(folder / "out dir/run.json", 0)
    offered = capsys.readouterr().err.partition("the same run again: ")[2].splitlines()[0]
    assert shlex.split(offered) == ["bash", str(folder / "out dir/rerun.sh")]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.json", '[{"a": 1}, {"a": 2}]', 2),
        ("a.csv", 'a\n"1\n2"\n3\n', 2),
        ("a.jsonl", "{}\n" * 5, 5),
        ("a.parquet", "no", None),
    ],
)
def test_begin_counts_rows_by_the_files_kind(name: str, content: str, rows: int | None) -> None:
    """A list's items, a table's rows, a file's lines; nothing is said of what cannot be read."""
    Path(name).write_text(content)
    assert begin_run("--dataset", name).data[0].rows == rows


@pytest.mark.usefixtures("folder")
def test_begin_writes_no_secret() -> None:
    """Neither from the environment, the YAML, its ENV block, a flag, nor an older rerun's env."""
    Path("recipe.yaml").write_text(f"{YAML}hub_token: {SECRET}1\nENV:\n  HF_TOKEN: {SECRET}2\n")
    token = ["--swanlab_token", f"{SECRET}3"]
    address = f"https://u:{SECRET}5@h"
    begin_run(*token, SWANLAB_API_KEY=f"{SECRET}4", HF_ENDPOINT=address)
    for file in Path("out dir").iterdir():
        assert SECRET not in file.read_text(), file
    begin(["env", f"OTHER_KEY={SECRET}6", "swift", "sft", "recipe.yaml", *token], {}, [])
    for file in Path("out dir").iterdir():
        assert SECRET not in file.read_text(), file
    assert yaml.safe_load(Path("out dir/recipe.yaml").read_text())["seed"] == 7


@pytest.mark.usefixtures("folder")
def test_begin_on_another_node_than_the_first_writes_nothing() -> None:
    """Several nodes share one folder."""
    words = ["swift", "sft", "recipe.yaml"]
    assert begin(words, {"NODE_RANK": "1"}, []) is None
    assert not Path("out dir").exists()
    assert begin(words, {"NODE_RANK": "0", "NNODES": "2"}, [])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "flags",
    [["--output_dir", "rows.jsonl/x"], ["--output_dir", "~nobody-here/x"], ["--x", "\udcff"]],
)
def test_begin_that_cannot_write_stops_nothing(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that cannot be made, an unknown home, a name that is no UTF-8: it is said."""
    assert begin(["swift", "sft", "recipe.yaml", *flags], {}, []) is None
    assert "no run.json" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_begin_of_a_resumed_run_keeps_its_history(capsys: pytest.CaptureFixture[str]) -> None:
    """Its attempts, its SwanLab run, which the training is told to go on in; rerun.sh still begins
    at the beginning."""
    begin_run()
    path = Path("out dir/run.json").absolute()
    note(path, SwanLab("id1", "local", "p", "", "n", "/logs/run-1", ""))
    end(path, 137)
    assert "/logs/run-1" in capsys.readouterr().err
    assert variables_for_swift(path, {}) == {VARIABLE: str(path)}
    record = begin_run("--resume_from_checkpoint", "out dir/checkpoint-2")
    assert [attempt.exit_status for attempt in record.attempts] == [137, None]
    assert record.attempts[1].resumed_from == "out dir/checkpoint-2"
    swanlab = {"SWANLAB_RUN_ID": "id1", "SWANLAB_RESUME": "allow"}
    assert variables_for_swift(path, {}) == {VARIABLE: str(path)} | swanlab
    chosen = {"SWANLAB_RUN_ID": "of the user's own choice"}
    assert variables_for_swift(path, chosen) == {VARIABLE: str(path)}
    assert "resume_from_checkpoint" not in Path("out dir/rerun.sh").read_text()
    assert len(begin_run().attempts) == 1  # a new run into the same folder


def test_read_record_of_another_version_is_none(tmp_path: Path) -> None:
    """A damaged file stops nothing, and stays."""
    path = tmp_path / "run.json"
    path.write_text('{"attempts": 3}')
    assert read_record(path) is None
    end(path, 0)
    assert path.read_text() == '{"attempts": 3}'


@pytest.mark.parametrize(
    ("words", "variables", "program"),
    [
        (["/a=b/swift"], {}, "/a=b/swift"),
        (["env", "swift"], {}, "swift"),  # as an older rerun.sh has it
        (["env", "A=1", "B=x=y", "swift"], {"A": "1", "B": "x=y"}, "swift"),
    ],
)
def test_swift_command_parse_reads_a_command(
    words: list[str], variables: dict[str, str], program: str
) -> None:
    """With env and variables in front, or without; the rest stays as it is."""
    command = SwiftCommand.parse([*words, "sft", "./-x.yaml", "--x=1", ""])
    assert command == (variables, program, "sft", "./-x.yaml", ["--x=1", ""])


def test_record_run_imports_nothing_heavy() -> None:
    """The record is made while the user waits."""
    heavy = "{'torch', 'swift', 'numpy', 'swanlab'}"
    code = f"import sys, swiftkit.training.record_run; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
