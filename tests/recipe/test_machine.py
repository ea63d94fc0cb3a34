"""The GPUs that a run would see, as a fake nvidia-smi shows them; SwanLab's key."""

from pathlib import Path

import pytest
from helpers.fake_nvidia_smi import H200, write_nvidia_smi

from swiftkit.recipe import machine
from swiftkit.recipe.machine import Gpu, all_gpus, has_swanlab_key, visible_gpus


def test_all_gpus_reads_name_memory_capability_and_driver(tmp_path: Path) -> None:
    """Memory comes in bytes; what nvidia-smi does not know is 0."""
    write_nvidia_smi(tmp_path, [H200, "NVIDIA GB10, [N/A], [N/A], 12.1, 580.1"])
    assert all_gpus({"PATH": str(tmp_path)}) == (
        Gpu("NVIDIA H200", 143771 << 20, 143000 << 20, 9.0, "570.1"),
        Gpu("NVIDIA GB10", 0, 0, 12.1, "580.1"),
    )


@pytest.mark.parametrize(
    "before", ["exit 9", "printf '\\377, 1, 1, 9.0, 1'; exit 1", "echo No devices were found; exit"]
)
def test_all_gpus_of_a_broken_driver_are_none(tmp_path: Path, before: str) -> None:
    """An error, or a message in place of a table."""
    write_nvidia_smi(tmp_path, before=before)
    assert all_gpus({"PATH": str(tmp_path)}) == ()
    assert all_gpus({"PATH": str(tmp_path / "nowhere")}) == ()


def test_all_gpus_of_an_nvidia_smi_that_hangs_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call has a time limit."""
    write_nvidia_smi(tmp_path, before="exec /bin/sleep 60")
    monkeypatch.setattr(machine, "_SECONDS", 0.2)
    assert all_gpus({"PATH": str(tmp_path)}) == ()


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        (None, ["A", "B", "C"]),
        ("", []),
        ("-1", []),
        ("2,0", ["C", "A"]),
        (" 1 , 2 ", ["B", "C"]),
        ("1,-1,2", ["B"]),
        ("0,7", ["A"]),
        ("GPU-5f3c,GPU-1b2a", ["A", "B"]),
        ("MIG-1,MIG-2,MIG-3,MIG-4", ["A", "B", "C", "A"]),
    ],
)
def test_visible_gpus_are_those_of_cuda_visible_devices(
    tmp_path: Path, listed: str | None, names: list[str]
) -> None:
    """In its order; as many as a run may use."""
    write_nvidia_smi(tmp_path, [f"{name}, 1024, 1024, 9.0, 570" for name in "ABC"])
    environment = {"PATH": str(tmp_path)}
    if listed is not None:
        environment["CUDA_VISIBLE_DEVICES"] = listed
    assert [gpu.name for gpu in visible_gpus(environment)] == names


def test_visible_gpus_without_nvidia_smi_are_none(tmp_path: Path) -> None:
    """CUDA_VISIBLE_DEVICES makes none."""
    assert visible_gpus({"PATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": "0,1"}) == ()


def test_has_swanlab_key_looks_where_swanlab_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment, this folder, the home folder or the one that SWANLAB_SAVE_DIR names."""
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home / ".swanlab", here):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    assert not has_swanlab_key({})
    assert has_swanlab_key({"SWANLAB_API_KEY": "key"})
    (home / ".swanlab/config.yaml").write_text("mode: local", encoding="utf-8")
    assert not has_swanlab_key({})
    (home / ".swanlab/config.yaml").write_text("api_key: secret", encoding="utf-8")
    assert has_swanlab_key({})
    assert not has_swanlab_key({"SWANLAB_SAVE_DIR": str(here)})
    (here / ".swanlab").mkdir()
    (here / ".swanlab/.netrc").touch()
    assert has_swanlab_key({"SWANLAB_SAVE_DIR": str(tmp_path)})
