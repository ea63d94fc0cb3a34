"""run.json and rerun.sh: all that is needed to repeat a run, and no secret."""

import hashlib
import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml

from swiftkit.training import record_run as run_record
from swiftkit.training import resume
from swiftkit.training.record_run import begin, end, variables_of
from swiftkit.training.run_record import RunRecord, SwanLab, note, read_record

ROWS = '{"messages": []}\n\n{"messages": [1]}'
YAML = "model: m\ndataset: [rows.jsonl]\noutput_dir: out dir\nadd_version: false\nseed: 7\nmax_steps: 4\n"
HOSTILE = [
    "--system",
    "two  spaces",
    "",
    "it's",
    'a "b"',
    "中文 é",
    "*",
    "a\nb",
    "\\",
    "$(touch pwned)",
    "`touch pwned`",
]
SECRET = "Zq7-very-secret-value"  # noqa: S105


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text(ROWS)
    Path("recipe.yaml").write_text(YAML)
    return tmp_path


def begun(*flags: str, **environment: str) -> RunRecord:
    path = begin(["env", "OMP_NUM_THREADS=2", "swift", "sft", "recipe.yaml", *flags], environment)
    assert path is not None
    record = read_record(path)
    assert record is not None
    return record


@pytest.mark.usefixtures("folder")
def test_what_is_recorded() -> None:
    """Command, settings, data with digest and rows, seeds, packages, commit, environment, time; no
    end yet."""
    record = begun("--max_steps", "9", CUDA_VISIBLE_DEVICES="0", EDITOR="vi")
    assert record.command == ["swift", "sft", "recipe.yaml", "--max_steps", "9"]
    assert record.settings["max_steps"] == ["9"]
    assert record.environment == {"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "2"}
    (data,) = record.data
    assert (data.sha256, data.rows) == (hashlib.sha256(ROWS.encode()).hexdigest(), 2)
    assert record.seeds["seed"] == "7"
    assert f"msgspec=={msgspec.__version__}" in record.packages
    assert record.git is None or len(record.git.commit) == 40
    assert [(attempt.ended, attempt.exit_status) for attempt in record.attempts] == [(None, None)]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("a.json", '[{"a": 1}, {"a": 2}]'),
        ("a.csv", 'a\n"1\n2"\n3\n'),
        ("a.jsonl", "{}\n" * 5),
        ("a.parquet", "no"),
    ],
)
def test_rows_are_counted_by_the_files_kind(name: str, rows: str) -> None:
    """A list's items, a table's rows, a file's lines; nothing is said of what cannot be read."""
    Path(name).write_text(rows)
    assert begun("--dataset", name).data[0].rows == {".json": 2, ".csv": 2, ".jsonl": 5}.get(
        Path(name).suffix
    )


@pytest.mark.usefixtures("folder")
def test_no_secret_is_written() -> None:
    """Neither from the environment, the YAML, its ENV block, nor a flag; rerun.sh asks for what it
    needs."""
    Path("recipe.yaml").write_text(f"{YAML}hub_token: {SECRET}1\nENV:\n  HF_TOKEN: {SECRET}2\n")
    begun(
        "--swanlab_token",
        f"{SECRET}3",
        SWANLAB_API_KEY=f"{SECRET}4",
        HF_ENDPOINT=f"https://u:{SECRET}5@h",
    )
    begin(
        [
            "env",
            f"OTHER_KEY={SECRET}6",
            "swift",
            "sft",
            "recipe.yaml",
            "--swanlab_token",
            f"{SECRET}3",
        ],
        {},
    )
    for file in Path("out dir").iterdir():
        assert SECRET not in file.read_text(), file
    assert yaml.safe_load(Path("out dir/recipe.yaml").read_text())["seed"] == 7
    done = subprocess.run(
        ["bash", "out dir/rerun.sh"],
        env=os.environ | {"DRY_RUN": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode
    assert "SWANLAB_TOKEN: its value is not kept" in done.stderr
    given = os.environ | {"DRY_RUN": "1", "SWANLAB_TOKEN": "t t", "HUB_TOKEN": "h"}
    said = subprocess.run(
        ["bash", "out dir/rerun.sh"], env=given, capture_output=True, text=True, check=True
    ).stdout
    words = shlex.split(said)
    assert (words[words.index("--swanlab_token") + 1], words[words.index("--hub_token") + 1]) == (
        "t t",
        "h",
    )


def test_rerun_repeats_the_command(folder: Path) -> None:
    """Word for word, whatever they hold, from anywhere, into a folder beside the first; yours come
    last."""
    begun(*HOSTILE)
    script = folder / "out dir/rerun.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    done = subprocess.run(
        [script, "--x"],
        cwd="/",
        env=os.environ | {"DRY_RUN": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    script_text = f"words=({done.stdout.strip()})\nprintf '%s\\0' \"${{words[@]}}\""
    words = subprocess.run(
        ["bash", "-c", script_text], capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]
    there = folder / "out dir"
    assert words == [
        "env",
        "swift",
        "sft",
        f"{there}/recipe.yaml",
        *HOSTILE,
        "--output_dir",
        f"{there}_rerun",
        "--x",
    ]
    assert not (folder / "pwned").exists()


def test_rerun_runs_with_the_same_environment(folder: Path) -> None:
    """The script is run: its command gets the recorded variables, and a record of its own."""
    swift = folder / "swift"
    swift.write_text(
        '#!/usr/bin/env bash\nprintf "%s\\n" "$OMP_NUM_THREADS" "$@" >"$HOME/called"\n'
    )
    swift.chmod(0o755)
    begin(
        ["env", "OMP_NUM_THREADS=2", str(swift), "sft", "recipe.yaml"],
        {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    subprocess.run(["bash", "out dir/rerun.sh"], env=environment, check=True, capture_output=True)
    called = (folder / "called").read_text().splitlines()
    assert called == [
        "2",
        "sft",
        f"{folder}/out dir/recipe.yaml",
        "--output_dir",
        f"{folder}/out dir_rerun",
    ]
    record = read_record(folder / "out dir_rerun/run.json")
    assert record is not None
    assert record.attempts[0].exit_status == 0


@pytest.mark.usefixtures("folder")
def test_rerun_refuses_other_data() -> None:
    """A file that has changed would make it another run."""
    begun()
    with Path("rows.jsonl").open("a") as file:
        file.write("\n{}")
    done = subprocess.run(["bash", "out dir/rerun.sh"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "rows.jsonl" in done.stdout
    assert "the data has changed" in done.stderr


@pytest.mark.usefixtures("folder")
def test_only_the_first_node_writes() -> None:
    """Several nodes share one folder."""
    assert begin(["env", "NODE_RANK=1", "swift", "sft", "recipe.yaml"], {}) is None
    assert not Path("out dir").exists()
    assert begin(["env", "NODE_RANK=0", "NNODES=2", "swift", "sft", "recipe.yaml"], {})
    assert "${NODE_RANK:?" in Path("out dir/rerun.sh").read_text()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "flags",
    [["--output_dir", "rows.jsonl/x"], ["--output_dir", "~nobody-here/x"], ["--x", "\udcff"]],
)
def test_a_record_that_cannot_be_written_stops_nothing(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that cannot be made, an unknown home, a name that is no UTF-8: it is said, and the
    training begins."""
    assert begin(["env", "swift", "sft", "recipe.yaml", *flags], {}) is None
    assert "no run.json" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_resumed_run_keeps_its_history(capsys: pytest.CaptureFixture[str]) -> None:
    """Its attempts, its SwanLab run, which the training is told to go on in; rerun.sh still begins
    at the beginning."""
    begun()
    path = Path("out dir/run.json").absolute()
    note(path, SwanLab("id1", "local", "p", "", "n", "/logs/run-1", ""))
    end(path, 137)
    assert "/logs/run-1" in capsys.readouterr().err
    assert "SWANLAB_RUN_ID" not in variables_of(path)
    record = begun("--resume_from_checkpoint", "out dir/checkpoint-2")
    assert [attempt.exit_status for attempt in record.attempts] == [137, None]
    assert record.attempts[1].resumed_from == "out dir/checkpoint-2"
    assert variables_of(path) == {
        run_record.VARIABLE: str(path),
        "SWANLAB_RUN_ID": "id1",
        "SWANLAB_RESUME": "allow",
    }
    assert "resume_from_checkpoint" not in Path("out dir/rerun.sh").read_text()
    assert len(begun().attempts) == 1  # a new run into the same folder


@pytest.mark.usefixtures("folder")
def test_finished_run_is_not_trained_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Unless there is more to do than before; other hardware is no more to do."""
    begun("--use_cpu", "true")
    end(Path("out dir/run.json"), 0)
    assert resume.main(["sft", "recipe.yaml", "--deepspeed", "zero3"]) == 3
    assert resume.main(["sft", "recipe.yaml", "--max_steps", "8"]) == 0
    assert "is finished" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_checkpoints_of_an_earlier_run_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that was killed before its first save does not go on from what stood in the folder
    before."""
    checkpoint = Path("out dir/checkpoint-2")
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": 2, "max_steps": 4}))
    (checkpoint / "adapter_model.bin").write_bytes(b"PK\x05\x06" + bytes(18))
    os.utime(checkpoint / "trainer_state.json", (1e9, 1e9))
    assert resume.main(["sft", "recipe.yaml"]) == 0
    assert capsys.readouterr().out == f"{checkpoint}\n"
    begun()
    assert resume.main(["sft", "recipe.yaml"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "older than the run" in said.err


def test_record_of_another_version_is_no_record(tmp_path: Path) -> None:
    """A damaged file stops nothing."""
    path = tmp_path / "run.json"
    path.write_text('{"attempts": 3}')
    assert read_record(path) is None
    end(path, 0)
    assert path.read_text() == '{"attempts": 3}'


def test_nothing_heavy_is_imported() -> None:
    """The record is made while the user waits."""
    heavy = "{'torch', 'swift', 'numpy', 'swanlab'}"
    code = f"import sys, swiftkit.training.record_run; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
