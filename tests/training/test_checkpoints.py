"""The checkpoints of a training: which are whole, in which order."""

import os
from pathlib import Path

import pytest
from helpers.small_checkpoints import FILES, make_checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.training.checkpoints import checkpoints, fault_of


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True))
def test_fault_of_a_checkpoint_with_a_torn_file(
    tmp_path_factory: pytest.TempPathFactory, name: str, share: float
) -> None:
    """Wherever any of the files that training reads ends too early."""
    checkpoint = make_checkpoint(tmp_path_factory.mktemp("torn") / "checkpoint-4")
    assert fault_of(checkpoint) == ""
    file = checkpoint / name
    os.truncate(file, int(file.stat().st_size * share))
    assert fault_of(checkpoint)


@pytest.mark.parametrize("name", [FILES[0], FILES[-1]])
def test_fault_of_a_checkpoint_without_weights_or_state(tmp_path: Path, name: str) -> None:
    """No weights, or no state, which transformers writes last."""
    checkpoint = make_checkpoint(tmp_path / "checkpoint-4")
    (checkpoint / name).unlink()
    assert fault_of(checkpoint)


def test_fault_of_a_checkpoint_without_a_shard(tmp_path: Path) -> None:
    """The index names a file of weights that is not there."""
    checkpoint = make_checkpoint(tmp_path / "checkpoint-4")
    (checkpoint / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-1-of-2.safetensors"}}'
    )
    assert "model-1-of-2" in fault_of(checkpoint)


@pytest.mark.parametrize(
    ("lost", "processes", "fault"),
    [
        (["rng_state_0.pth"], 2, "rng_state_0.pth is missing"),
        (["rng_state_1.pth"], 2, "rng_state_1.pth is missing"),
        (["rng_state_1.pth"], 1, ""),
        (["rng_state_0.pth", "rng_state_1.pth"], 1, "rng_state.pth is missing"),
        (["optimizer.pt"], 1, "optimizer.pt is missing"),
        (["optimizer.pt", "rng_state_0.pth", "rng_state_1.pth"], 2, ""),
        ([], 2, ""),
        ([], 4, "rng_state_2.pth is missing"),
    ],
)
def test_fault_of_a_checkpoint_without_a_part_of_its_state(
    tmp_path: Path, lost: list[str], processes: int, fault: str
) -> None:
    """All of it is saved, or, with save_only_model, nothing."""
    checkpoint = make_checkpoint(tmp_path / "checkpoint-4")
    for name in lost:
        (checkpoint / name).unlink()
    said = fault_of(checkpoint, processes)
    assert said.partition(" or cut off")[0] == fault


def test_second_node_with_a_disk_of_its_own_has_its_own_states(tmp_path: Path) -> None:
    """Those of its processes, 2 and 3 of four."""
    checkpoint = make_checkpoint(tmp_path / "checkpoint-4")
    for number in (0, 1):
        state = checkpoint / f"rng_state_{number}.pth"
        state.rename(checkpoint / f"rng_state_{number + 2}.pth")
    assert fault_of(checkpoint, 2) == ""
    (checkpoint / "rng_state_3.pth").unlink()
    assert fault_of(checkpoint, 2).startswith("rng_state_3.pth is missing")


def test_fault_of_a_real_checkpoint_is_none(demo_checkpoint: Path) -> None:
    """One that ms-swift wrote."""
    assert fault_of(demo_checkpoint) == ""


@pytest.fixture
def demo_checkpoint() -> Path:
    folder = os.environ.get("SWIFTKIT_DEMO_DIR")
    if not folder:
        pytest.skip("SWIFTKIT_DEMO_DIR names no finished demo")
    return checkpoints(Path(folder) / "lora")[0]


def test_checkpoints_are_sorted_by_number(tmp_path: Path) -> None:
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
