"""Which checkpoint RESUME=1 takes: the last one whose save came to its end, whatever a kill left
behind."""

import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.training import resume
from swiftkit.training.checkpoints import checkpoints, fault_of, set_aside

FILES = (
    "adapter_model.safetensors",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state_1.pth",
    "trainer_state.json",
)
YAML = "model: m\noutput_dir: out\nadd_version: false\nmax_steps: 6\n"


def safetensors(size: int = 64) -> bytes:
    header = json.dumps(
        {"a": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}
    ).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


def make(checkpoint: Path, max_steps: int = 6) -> Path:
    """A small whole one, of the files' own formats."""
    checkpoint.mkdir(parents=True)
    (checkpoint / FILES[0]).write_bytes(safetensors())
    for name in FILES[1:4]:
        with zipfile.ZipFile(checkpoint / name, "w") as archive:
            archive.writestr("data.pkl", bytes(100))
    step = int(checkpoint.name.rpartition("-")[2])
    state = {
        "global_step": step,
        "max_steps": max_steps,
        "num_train_epochs": 1,
        "log_history": [{"loss": 1.0}],
    }
    (checkpoint / FILES[4]).write_text(json.dumps(state))
    return checkpoint


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe, and an output folder with checkpoints 2 and 4."""
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(YAML)
    for step in (2, 4):
        make(Path("out") / f"checkpoint-{step}")
    return Path("out")


def resumed(
    capsys: pytest.CaptureFixture[str], *flags: str, verb: str = "sft"
) -> tuple[int, str, str]:
    """The exit status, the checkpoint, and what was said."""
    status = resume.main([verb, "recipe.yaml", *flags])
    said = capsys.readouterr()
    return status, said.out.strip(), said.err


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True))
def test_a_torn_file_is_seen(
    tmp_path_factory: pytest.TempPathFactory, name: str, share: float
) -> None:
    """Wherever any of the files that training reads ends too early."""
    checkpoint = make(tmp_path_factory.mktemp("torn") / "checkpoint-4")
    assert fault_of(checkpoint) == ""
    file = checkpoint / name
    os.truncate(file, int(file.stat().st_size * share))
    assert fault_of(checkpoint)


@pytest.mark.parametrize("name", [FILES[0], FILES[4]])
def test_what_is_missing_is_seen(tmp_path: Path, name: str) -> None:
    """No weights, or no state, which transformers writes last."""
    checkpoint = make(tmp_path / "checkpoint-4")
    (checkpoint / name).unlink()
    assert fault_of(checkpoint)


def test_a_missing_shard_is_seen(tmp_path: Path) -> None:
    """The index names a file of weights that is not there."""
    checkpoint = make(tmp_path / "checkpoint-4")
    (checkpoint / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-1-of-2.safetensors"}}'
    )
    assert "model-1-of-2" in fault_of(checkpoint)


def test_real_checkpoint_is_whole(demo_checkpoint: Path) -> None:
    """One that ms-swift wrote."""
    assert fault_of(demo_checkpoint) == ""


@pytest.fixture
def demo_checkpoint() -> Path:
    folder = os.environ.get("SWIFTKIT_DEMO_DIR")
    if not folder:
        pytest.skip("SWIFTKIT_DEMO_DIR names no finished demo")
    return checkpoints(Path(folder) / "lora")[0]


def test_order_is_by_number(tmp_path: Path) -> None:
    """10 comes after 9; other names are no checkpoints."""
    for name in (
        "checkpoint-9",
        "checkpoint-10",
        "checkpoint-x",
        "incomplete-checkpoint-11",
        "checkpoint-²",
    ):
        (tmp_path / name).mkdir()
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-10", "checkpoint-9"]


def test_resumes_from_the_last(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its path is the only thing on stdout."""
    assert resumed(capsys)[:2] == (0, f"{out}/checkpoint-4")


def test_incomplete_one_is_set_aside(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a message, under a name that transformers does not count; nothing is deleted."""
    (out / "checkpoint-4/trainer_state.json").unlink()
    status, checkpoint, said = resumed(capsys)
    assert (status, checkpoint) == (0, f"{out}/checkpoint-2")
    assert "checkpoint-4 is not complete" in said
    assert (out / "incomplete-checkpoint-4/optimizer.pt").exists()
    assert set_aside(make(out / "checkpoint-4")).name == "incomplete-checkpoint-4-1"


@pytest.mark.parametrize(("name", "value"), [("DRY_RUN", "1"), ("NODE_RANK", "1")])
def test_others_only_look(
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    """A dry run and the other nodes choose the same, and change nothing."""
    monkeypatch.setenv(name, value)
    (out / "checkpoint-4/trainer_state.json").unlink()
    assert resumed(capsys)[1] == f"{out}/checkpoint-2"
    assert (out / "checkpoint-4").exists()


@pytest.mark.usefixtures("out")
def test_nothing_to_resume(capsys: pytest.CaptureFixture[str]) -> None:
    """It says so, and starts from the beginning."""
    status, checkpoint, said = resumed(capsys, "--output_dir", "elsewhere")
    assert (status, checkpoint) == (0, "")
    assert "starts from the beginning" in said


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize(
    ("flags", "status"),
    [
        (["--max_steps", "4"], 3),
        (["--max_steps", "5"], 0),
        (["--max_steps", "-1", "--num_train_epochs", "2"], 0),
    ],
)
def test_end_of_the_run(capsys: pytest.CaptureFixture[str], flags: list[str], status: int) -> None:
    """A run that was killed after its last save is finished: swift would train one step more. A
    longer one is not."""
    assert resumed(capsys, *flags)[0] == status


def test_end_by_epochs(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without max_steps the checkpoint itself tells where the end is; the link that the kill left
    behind is moved."""
    make(out / "checkpoint-6")
    (out / "last-checkpoint").symlink_to("checkpoint-4")
    assert resumed(capsys, "--max_steps", "-1", "--num_train_epochs", "1")[0] == 3
    assert (out / "last-checkpoint").readlink() == Path("checkpoint-6")


@pytest.mark.usefixtures("out")
def test_ppo_starts_anew(capsys: pytest.CaptureFixture[str]) -> None:
    """Swift's PPO ignores the flag, so it is not given, and that is said."""
    status, checkpoint, said = resumed(capsys, "--rlhf_type", "ppo", verb="rlhf")
    assert (status, checkpoint) == (0, "")
    assert "PPO" in said


def test_versions(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With add_version the checkpoints stand in a folder of the run's own."""
    make(out / "v0-20260101-120000" / "checkpoint-5")
    for step in (2, 4):
        set_aside(out / f"checkpoint-{step}")
    assert resumed(capsys)[1] == f"{out}/v0-20260101-120000/checkpoint-5"
