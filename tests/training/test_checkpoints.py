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


@pytest.mark.parametrize("name", [FILES[0], FILES[4]])
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
