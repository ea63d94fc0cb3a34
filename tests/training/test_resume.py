"""RESUME=1 takes the last checkpoint whose save came to its end, whatever a kill left behind."""

import json
import os
from pathlib import Path

import pytest
from helpers.small_checkpoints import make_checkpoint

from swiftkit.errors import UsageError
from swiftkit.training import provenance
from swiftkit.training.checkpoints import set_aside
from swiftkit.training.record_run import begin, end
from swiftkit.training.resume import Resumption, resume
from swiftkit.training.run_record import read_record, write_record

YAML = "model: m\noutput_dir: out\nadd_version: false\nmax_steps: 6\n"
FINISHED = Resumption(is_finished=True)
FROM_START = Resumption()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recipe."""
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(YAML)
    return tmp_path


@pytest.fixture
def out(folder: Path) -> Path:
    """Its output folder, with checkpoints 2 and 4."""
    for step in (2, 4):
        make_checkpoint(folder / f"out/checkpoint-{step}")
    return Path("out")


def resumed(*flags: str, verb: str = "sft", **environment: str) -> Resumption:
    return resume(verb, Path("recipe.yaml"), flags, environment)


def test_resume_takes_the_last_checkpoint(out: Path) -> None:
    """As the flag that swift is given."""
    assert resumed() == Resumption(out / "checkpoint-4")
    assert resumed().flags == ["--resume_from_checkpoint", "out/checkpoint-4"]
    assert FROM_START.flags == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_resume_takes_a_checkpoint_whose_log_holds_no_number(out: Path, number: str) -> None:
    """A grad_norm, as transformers writes and reads it."""
    state = out / "checkpoint-4/trainer_state.json"
    state.write_text(state.read_text().replace("1.0", number))
    assert resumed() == Resumption(out / "checkpoint-4")


def test_resume_sets_an_incomplete_checkpoint_aside(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a message, under a name that transformers does not count; nothing is deleted."""
    (out / "checkpoint-4/trainer_state.json").unlink()
    assert resumed() == Resumption(out / "checkpoint-2")
    assert "checkpoint-4 is not complete" in capsys.readouterr().err
    assert (out / "incomplete-checkpoint-4/optimizer.pt").exists()
    again = make_checkpoint(out / "checkpoint-4")
    assert set_aside(again).name == "incomplete-checkpoint-4-1"


def test_data_of_a_resumed_run_is_read_once(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison and the record need the same digests; a changed file is read again."""
    monkeypatch.setattr(provenance, "_LARGE", 1)
    Path("recipe.yaml").write_text(f"{YAML}dataset: [rows.jsonl]\n")
    said = []
    for rows in ("{}\n", "{}\n{}\n"):
        Path("rows.jsonl").write_text(rows)
        begin(["swift", "sft", "recipe.yaml"], {})
        (out / "checkpoint-4/trainer_state.json").touch()  # is of this run
        assert resumed() == Resumption(out / "checkpoint-4")
        begin(["swift", "sft", "recipe.yaml"], {})
        said.append(capsys.readouterr().err.count("swiftkit: reading "))
    assert said == [1, 1]


@pytest.mark.parametrize(("name", "value"), [("DRY_RUN", "1"), ("NODE_RANK", "1")])
def test_resume_of_a_dry_run_and_of_other_nodes_changes_nothing(
    out: Path, name: str, value: str
) -> None:
    """They choose the same checkpoint."""
    (out / "checkpoint-4/trainer_state.json").unlink()
    (out / "last-checkpoint").symlink_to("checkpoint-4")
    assert resumed(**{name: value}) == Resumption(out / "checkpoint-2")
    assert (out / "checkpoint-4").exists()
    assert (out / "last-checkpoint").readlink() == Path("checkpoint-4")


@pytest.mark.usefixtures("out")
def test_resume_without_a_checkpoint_starts_from_the_beginning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It says so."""
    assert resumed("--output_dir", "elsewhere") == FROM_START
    assert "elsewhere holds no checkpoint" in capsys.readouterr().err


def test_resume_leaves_the_users_checkpoint_alone(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flag that is given needs no help."""
    assert resumed("--resume_from_checkpoint", str(out / "checkpoint-2")) == FROM_START
    assert "RESUME is not needed" in capsys.readouterr().err


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize(
    ("flags", "is_finished"),
    [
        (["--max_steps", "4"], True),
        (["--max_steps", "5"], False),
        (["--max_steps", "-1", "--num_train_epochs", "2"], False),
    ],
)
def test_resume_at_the_last_step_is_finished(flags: list[str], is_finished: bool) -> None:
    """A run that was killed after its last save: swift would train one step more. A longer one is
    not."""
    assert resumed(*flags).is_finished == is_finished


def test_resume_at_the_last_epoch_is_finished(out: Path) -> None:
    """Without max_steps the checkpoint itself tells where the end is; the link that the kill left
    behind is moved."""
    make_checkpoint(out / "checkpoint-6")
    (out / "last-checkpoint").symlink_to("checkpoint-4")
    assert resumed("--max_steps", "-1", "--num_train_epochs", "1") == FINISHED
    assert (out / "last-checkpoint").readlink() == Path("checkpoint-6")


@pytest.mark.usefixtures("out")
def test_resume_of_ppo_starts_from_the_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    """Swift's PPO ignores the flag, so it is not given, and that is said."""
    assert resumed("--rlhf_type", "ppo", verb="rlhf") == FROM_START
    assert "PPO" in capsys.readouterr().err


def test_resume_finds_checkpoints_of_a_version_folder(out: Path) -> None:
    """With add_version they stand in a folder of the run's own."""
    make_checkpoint(out / "v0-20260101-120000/checkpoint-5")
    for step in (2, 4):
        set_aside(out / f"checkpoint-{step}")
    assert resumed() == Resumption(out / "v0-20260101-120000/checkpoint-5")


@pytest.mark.usefixtures("folder")
def test_resume_of_a_finished_run_is_finished(capsys: pytest.CaptureFixture[str]) -> None:
    """Unless there is more to do than before; other hardware is no more to do."""
    record = begin(["swift", "sft", "recipe.yaml", "--use_cpu", "true"], {}, [])
    assert record
    end(record, 0)
    assert resumed("--deepspeed", "zero3") == FINISHED
    assert resumed("--max_steps", "8") == FROM_START
    assert "is finished" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_resume_leaves_checkpoints_of_an_earlier_run_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run that was killed before its first save does not go on from what stood in the folder
    before, whatever the clock of a shared disk says."""
    for step, seconds in ((2, 1e9), (4, 4e9)):
        checkpoint = make_checkpoint(Path(f"out/checkpoint-{step}"))
        os.utime(checkpoint / "trainer_state.json", (seconds, seconds))
    assert resumed() == Resumption(checkpoint)
    begin(["swift", "sft", "recipe.yaml"], {}, [])
    assert resumed() == FROM_START
    assert capsys.readouterr().err.count("older than the run") == 2
    own = make_checkpoint(Path("out/checkpoint-3"))
    os.utime(own / "trainer_state.json", (1e9, 1e9))
    assert resumed() == Resumption(own)
    begin(["swift", "sft", "recipe.yaml", *resumed().flags], {}, [])
    assert resumed() == Resumption(own)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("seconds", [1e9, 4e9])
def test_resume_by_the_record_of_an_older_swiftkit_compares_times(seconds: float) -> None:
    """It does not hold what lay there."""
    path = begin(["swift", "sft", "recipe.yaml"], {}, [])
    assert path
    record = read_record(path)
    assert record
    record.earlier = None
    write_record(path, record)
    checkpoint = make_checkpoint(Path("out/checkpoint-2"))
    os.utime(checkpoint / "trainer_state.json", (seconds, seconds))
    assert resumed() == (FROM_START if seconds == 1e9 else Resumption(checkpoint))


@pytest.mark.usefixtures("folder")
def test_resume_misses_the_state_of_one_of_several_processes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As many as the run had."""
    path = begin(["swift", "sft", "recipe.yaml"], {"NPROC_PER_NODE": "2"}, [])
    checkpoint = make_checkpoint(Path("out/checkpoint-2"))
    assert path
    assert resumed(NPROC_PER_NODE="2") == Resumption(checkpoint)
    (checkpoint / "rng_state_1.pth").unlink()
    assert resumed(NPROC_PER_NODE="2") == FROM_START
    assert "rng_state_1.pth is missing" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_resume_without_an_optimizer_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """save_only_model keeps the weights alone."""
    checkpoint = make_checkpoint(Path("out/checkpoint-2"))
    for name in ("optimizer.pt", "rng_state_0.pth", "rng_state_1.pth"):
        (checkpoint / name).unlink()
    assert resumed() == Resumption(checkpoint)
    assert "without its optimizer" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("flags", [[], ["--seed", "8"]])
def test_start_after_a_kill_before_the_first_checkpoint_keeps_the_first(flags: list[str]) -> None:
    """run.json tells of both, where they are of one run; of a start without RESUME it tells alone."""
    begin(["swift", "sft", "recipe.yaml"], {}, [])
    assert resumed() == FROM_START
    path = begin(["swift", "sft", "recipe.yaml", *flags], {"RESUME": "1"}, [])
    assert path
    record = read_record(path)
    assert record
    assert len(record.attempts) == (1 if flags else 2)
    assert record.attempts[-1].changed == []
    begin(["swift", "sft", "recipe.yaml", *flags], {}, [])
    record = read_record(path)
    assert record
    assert len(record.attempts) == 1


@pytest.mark.usefixtures("folder")
def test_resume_from_a_path_that_cannot_be_read_is_refused() -> None:
    """An unknown home: the message names what to correct."""
    with pytest.raises(UsageError, match="correct the path"):
        resumed("--output_dir", "~nobody-here/x")


@pytest.mark.parametrize("content", ["", "{", json.dumps({"attempts": 3})])
def test_resume_beside_a_damaged_record_goes_by_the_checkpoints(
    out: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    """run.json of another version, or cut off: that nothing is compared is said."""
    (out / "run.json").write_text(content)
    assert resumed() == Resumption(out / "checkpoint-4")
    assert "run.json cannot be read" in capsys.readouterr().err
