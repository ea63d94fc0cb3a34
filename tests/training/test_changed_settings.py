"""RESUME=1 stops where the run would go on otherwise than it began; RESUME=force goes on."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.recorded_runs import begin_run, write_recipe
from helpers.small_checkpoints import make_checkpoint

from swiftkit.errors import UsageError
from swiftkit.training import run_record
from swiftkit.training.record_run import end
from swiftkit.training.resume import resume

OUT = Path("out dir")


@pytest.fixture(autouse=True)
def stopped_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with a checkpoint of step 2, which a SIGKILL has ended."""
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path)
    begin_run("--deepspeed", "zero2", NPROC_PER_NODE="2")
    make_checkpoint(OUT / "checkpoint-2")


def resumed(*flags: str, **environment: str) -> Path | None:
    variables = {"NPROC_PER_NODE": "2"} | environment
    return resume(
        "sft", Path("recipe.yaml"), ["--deepspeed", "zero2", *flags], variables
    ).checkpoint


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--max_steps", "9"],
        ["--save_steps", "1", "--logging_steps", "1", "--report_to", "none"],
        ["--use_cpu", "true", "--use_liger_kernel", "false"],
        ["--dataset", "moved.jsonl"],
        ["--dataset", "./rows.jsonl"],
        ["--seed", "07", "--lora_rank", "8", "--data_seed", "42"],
        ["--packing", "no", "--gradient_checkpointing", "false", "--load_from_cache_file", "true"],
    ],
)
def test_resume_goes_on_where_nothing_is_trained_otherwise(flags: list[str]) -> None:
    """Another spelling of a path or a number, swift's own value, a file that was moved, a longer
    run, other saves and kernels."""
    Path("moved.jsonl").write_bytes(Path("rows.jsonl").read_bytes())
    assert resumed(*flags) == OUT / "checkpoint-2"


@pytest.mark.parametrize(
    ("flags", "environment", "difference"),
    [
        (["--learning_rate", "5e-5"], {}, "learning_rate was not set, is 5e-5"),
        (["--lora_rank", "16"], {}, "lora_rank was not set, is 16"),
        (["--dataset", "rows.jsonl#1"], {}, "dataset was rows.jsonl, is rows.jsonl#1"),
        (["--deepspeed", "zero3"], {}, "deepspeed was zero2, is zero3"),
        (["--torch_dtype", "float16"], {}, "torch_dtype was not set, is float16"),
        (["--dataloader_drop_last", "true"], {}, "dataloader_drop_last was not set, is true"),
        (["--resume_only_model", "true"], {}, "resume_only_model was not set, is true"),
        ([], {"NPROC_PER_NODE": "4"}, "2 processes trained, 4 would now"),
        ([], {"NNODES": "2"}, "2 processes trained, 4 would now"),
    ],
)
def test_resume_stops_at_other_settings_and_names_them(
    flags: list[str],
    environment: dict[str, str],
    difference: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UsageError) as caught:
        resumed(*flags, **environment)
    assert difference in str(caught.value)
    assert "RESUME=force" in str(caught.value)
    assert resumed(*flags, **environment, RESUME="force") == OUT / "checkpoint-2"
    assert difference in capsys.readouterr().err


@pytest.mark.parametrize("steps", ["2", "4"])
def test_resume_of_a_finished_run_names_what_is_otherwise(
    steps: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would not be trained with these settings or data."""
    if steps != "2":
        make_checkpoint(OUT / f"checkpoint-{steps}")
    end(OUT / "run.json", 0)
    flags = ["--max_steps", steps]
    with pytest.raises(UsageError, match="learning_rate was not set"):
        resumed(*flags, "--learning_rate", "5e-5")
    Path("rows.jsonl").write_text('{"messages": [2]}\n')
    with pytest.raises(UsageError, match="holds other data"):
        resumed(*flags)
    assert resumed(*flags, RESUME=" Force") is None
    assert "is finished" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["external_plugins", "deepspeed", "SWIFTKIT_TOOLS"])
def test_changed_code_of_the_users_own_stops(flag: str) -> None:
    """A reward or a tool that was mended in between is another training; its place does not count,
    nor does the code of swiftkit, whose commit is recorded."""
    own, variables = Path("my_code.py"), {"NPROC_PER_NODE": "2"}
    own.write_text("{}")
    flags = ["--external_plugins", str(ROOT / "swiftkit/swift_plugins/swanlab_run.py")]
    if flag == "SWIFTKIT_TOOLS":
        variables[flag] = str(own)
    elif flag == "deepspeed":
        flags += ["--deepspeed", str(own)]
    else:
        flags.append(str(own))
    record = begin_run(*flags, **variables)
    assert [file.flag for file in record.data] == ["dataset", flag]
    (OUT / "checkpoint-2/trainer_state.json").touch()

    def goes_on() -> bool:
        return bool(resume("sft", Path("recipe.yaml"), flags, variables).checkpoint)

    assert goes_on()
    own.write_text("{ }")
    with pytest.raises(UsageError, match=r"my_code\.py holds other code"):
        goes_on()
    record.data = record.data[:1]  # by an older swiftkit
    run_record.write_record(OUT / run_record.RECORD, record)
    assert goes_on()


def test_forced_start_keeps_both_digests_and_cannot_be_repeated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """run.json tells what each start trained on; rerun.sh says why it refuses."""
    Path("rows.jsonl").write_text('{"messages": [2]}\n')
    with pytest.raises(UsageError, match=r"rows\.jsonl holds other data"):
        resumed()
    assert resumed(RESUME="force") == OUT / "checkpoint-2"
    flags = ("--deepspeed", "zero2", "--resume_from_checkpoint", str(OUT / "checkpoint-2"))
    record = begin_run(*flags, NPROC_PER_NODE="2")
    first, second = record.attempts
    (path,) = first.data
    assert first.data[path] != second.data[path]
    assert first.changed == []
    assert "holds other data" in second.changed[0]
    done = subprocess.run(
        ["bash", str(OUT / "rerun.sh")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "cannot be repeated" in done.stderr
    end(OUT / "run.json", 0)
    assert "rerun.sh" not in capsys.readouterr().err


def test_record_of_an_older_swiftkit_is_compared_too() -> None:
    """Its starts tell nothing of their data."""
    record = OUT / "run.json"
    content = json.loads(record.read_text())
    for attempt in content["attempts"]:
        del attempt["data"], attempt["changed"]
    record.write_text(json.dumps(content))
    assert resumed() == OUT / "checkpoint-2"


@pytest.mark.parametrize(
    ("status", "processes", "said"),
    [
        (137, 1, "it was killed by SIGKILL; most often the machine's memory was full"),
        (247, 2, "it was killed by SIGKILL; most often the machine's memory was full"),
        (1, 2, '"exitcode: -9", that process was killed by SIGKILL; most often the machine'),
        (1, 1, ""),
        (0, 2, ""),
    ],
)
def test_end_of_a_failed_training_says_how_it_goes_on(
    status: int, processes: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The likely reason of a SIGKILL, also of one process of several, which torchrun alone knows;
    and as the last line the way on."""
    begin_run("--deepspeed", "zero2", NPROC_PER_NODE=str(processes))
    end(OUT / "run.json", status)
    output = capsys.readouterr().err
    assert said in output
    assert ("memory was full" in output) is bool(said)
    assert ("with RESUME=1" in output.splitlines()[-1]) is (status != 0)


def test_way_on_of_ppo_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """ms-swift cannot go on with it."""
    begin_run("--rlhf_type", "ppo")
    end(OUT / "run.json", 1)
    last = capsys.readouterr().err.splitlines()[-1]
    assert "PPO cannot go on" in last
    assert "RESUME" not in last


def test_reason_that_is_known_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    run_record.note_failure(OUT / "run.json", "GPU memory")
    end(OUT / "run.json", 1)
    advice, way_on = capsys.readouterr().err.splitlines()[-2:]
    assert ("max_length" in advice, "RESUME=1" in way_on) == (True, True)


def write_model(header: str = "{}", config: str = "{}", size: int = 64) -> None:
    """A model's folder, as far as it is digested."""
    folder = Path("base")
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(config)
    content = len(header).to_bytes(8, "little") + header.encode() + bytes(size)
    (folder / "model.safetensors").write_bytes(content)


CHANGES: dict[str, tuple[list[str], Callable[[], object], str]] = {
    "system": (["--system", "sys.txt"], lambda: Path("sys.txt").write_text("b"), "sys.txt holds"),
    "info": (
        ["--custom_dataset_info", "info.json"],
        lambda: Path("info.json").write_text("[1]"),
        "info.json holds other code or settings",
    ),
    "rows": (
        ["--dataset", "rows"],
        lambda: Path("rows/deep/b.jsonl").write_text("{}"),
        "b.jsonl holds other data",
    ),
    "more": (
        ["--dataset", "rows"],
        lambda: Path("rows/c.jsonl").write_text("{}"),
        "dataset had 2 files, has 3",
    ),
    "config": (
        ["--model", "base"],
        lambda: write_model(config='{"a": 1}'),
        "base holds other weights or settings",
    ),
    "header": (["--model", "base"], lambda: write_model(header="[]"), "base holds other weights"),
    "size": (["--model", "base"], lambda: write_model(size=65), "base holds other weights"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_files_behind_the_same_names_stop(name: str) -> None:
    """A system prompt, a list of data sets, the files of a folder, the base model; a file that is
    only written again does not."""
    flags, change, difference = CHANGES[name]
    Path("rows/deep").mkdir(parents=True)
    for file in ("sys.txt", "info.json", "rows/a.jsonl", "rows/deep/b.jsonl"):
        Path(file).write_text("a")
    Path("rows/.cache").write_text("a")
    write_model()
    begin_run(*flags)
    (OUT / "checkpoint-2/trainer_state.json").touch()
    write_model()
    Path("sys.txt").touch()
    Path("rows/.cache").write_text("b")
    assert resume("sft", Path("recipe.yaml"), flags, {}).checkpoint
    change()
    with pytest.raises(UsageError, match=difference):
        resume("sft", Path("recipe.yaml"), flags, {})


def test_rerun_of_a_run_with_a_model_compares_files_alone() -> None:
    """sha256sum reads no folder."""
    write_model()
    begin_run("--model", "base")
    script = (OUT / "rerun.sh").read_text()
    assert "rows.jsonl" in script
    assert f"  {Path('base').absolute()}\n" not in script


@pytest.mark.parametrize(
    "name", ["MAX_PIXELS", "FPS", "SWIFTKIT_HARMONY_EFFORT", "SWIFTKIT_WIRE_FORMAT"]
)
def test_changed_variables_that_are_learnt_from_stop(name: str) -> None:
    """Also those of the recipe's ENV block; an unchanged block does not."""
    recipe = Path("recipe.yaml")
    flags = ["--deepspeed", "zero2"]
    with pytest.raises(UsageError, match=f"{name} was not set, is 7"):
        resumed(**{name: "7"})
    text = recipe.read_text()
    recipe.write_text(f"{text}ENV: {{{name}: 5, NPROC_PER_NODE: 2}}\n")
    begin_run(*flags)
    (OUT / "checkpoint-2/trainer_state.json").touch()
    assert resume("sft", recipe, flags, {}).checkpoint
    recipe.write_text(f"{text}ENV: {{{name}: 6, NPROC_PER_NODE: 4}}\n")
    with pytest.raises(UsageError, match=rf"2 processes trained, 4 would now; {name} was 5, is 6"):
        resume("sft", recipe, flags, {})


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        (["--packing"], ["--packing"], True),
        (["--packing"], ["--packing", "true"], True),
        ([], ["--packing"], False),
        (["--system", ""], ["--system", ""], True),
        ([], ["--system", ""], False),
        (["--target_modules", "q_proj", "v_proj"], ["--target_modules", "v_proj", "q_proj"], True),
        (["--target_modules", "q_proj"], ["--target_modules", "v_proj"], False),
        (
            ["--lr_scheduler_kwargs", '{"a": 1, "b": 2}'],
            ["--lr_scheduler_kwargs", '{"b":2,"a":1}'],
            True,
        ),
        (["--lr_scheduler_kwargs", '{"a": 1}'], ["--lr_scheduler_kwargs", '{"a": 2}'], False),
        (
            ["--dataset", "AI-ModelScope/OpenHermes-2.5:default#500"],
            ["--dataset", "other/Blossom-v2.1:x#500"],
            False,
        ),
        (["--dataset", "/old/a.jsonl#5"], ["--dataset", "/new/b.jsonl#5"], True),
    ],
)
def test_settings_are_compared_by_what_swift_makes_of_them(
    before: list[str], after: list[str], is_same: bool
) -> None:
    begin_run(*before)
    (OUT / "checkpoint-2/trainer_state.json").touch()

    def go_on() -> Path | None:
        return resume("sft", Path("recipe.yaml"), after, {}).checkpoint

    if is_same:
        assert go_on()
        return
    with pytest.raises(UsageError, match="began otherwise") as caught:
        go_on()
    assert "is not set" not in str(caught.value)
