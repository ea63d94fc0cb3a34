"""The GPUs that a run would see, as a fake nvidia-smi shows them; SwanLab's key."""

from pathlib import Path

import psutil
import pytest
from helpers.fake_nvidia_smi import H200, write_nvidia_smi

from swiftkit.recipe import machine
from swiftkit.recipe.machine import Gpu, Machine, has_swanlab_key, read_gpus, visible_gpus
from swiftkit.sandbox.family import has_ended


def test_read_gpus_gives_name_memory_capability_and_driver(tmp_path: Path) -> None:
    """Memory comes in bytes; what nvidia-smi does not know is 0."""
    write_nvidia_smi(tmp_path, [H200, "NVIDIA GB10, [N/A], [N/A], 12.1, 580.1"])
    gpus, problem = read_gpus({"PATH": str(tmp_path)})
    assert gpus == (
        Gpu("NVIDIA H200", 143771 << 20, 143000 << 20, 9.0, "570.1"),
        Gpu("NVIDIA GB10", 0, 0, 12.1, "580.1"),
    )
    assert problem == ""


@pytest.mark.parametrize(
    "line",
    [
        "NVIDIA H200, [Unknown Error], 143000, 9.0, 570.1",
        "NVIDIA H200, 143771, ERR!, 9.0, 570.1",
        "NVIDIA H200, 143771, 143000, nan, 570.1",
        "[GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]",
        "ERR!, 1, 1, 9.0, 570.1",
        ", , , , ",
    ],
)
def test_read_gpus_counts_a_broken_one_and_says_so(tmp_path: Path, line: str) -> None:
    """So that the numbers of the others stay; who hides it hears no more of it."""
    write_nvidia_smi(tmp_path, [H200, line, H200])
    environment = {"PATH": str(tmp_path)}
    here = Machine.here(environment)
    assert len(here.gpus) == 3
    (said,) = here.gpu_faults
    assert said.startswith("nvidia-smi says of GPU 1: ")
    without = Machine.here(environment | {"CUDA_VISIBLE_DEVICES": "0,2"})
    assert (len(without.gpus), without.gpu_faults) == (2, [])


@pytest.mark.parametrize(
    "line",
    [
        "Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.",
        "WARNING: infoROM is corrupted at gpu 0000:00:1E.0",
        "NVIDIA H200, 143771, 14",
    ],
)
def test_read_gpus_says_what_stands_beside_the_table(tmp_path: Path, line: str) -> None:
    """It is no GPU; nothing of it is left out in silence."""
    write_nvidia_smi(tmp_path, [H200, line, H200])
    here = Machine.here({"PATH": str(tmp_path)})
    assert len(here.gpus) == 2
    (said,) = here.gpu_faults
    assert line in said


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("echo lost >&2; exit 9", "failed with status 9: lost"),
        ("printf '\\377, 1, 1, 9.0, 1'; exit 1", "failed with status 1"),
        ("echo No devices were found; exit", "says: No devices were found"),
    ],
)
def test_read_gpus_says_what_a_broken_driver_says(tmp_path: Path, before: str, said: str) -> None:
    """An error, or a message in place of a table."""
    write_nvidia_smi(tmp_path, before=before)
    gpus, problem = read_gpus({"PATH": str(tmp_path)})
    assert gpus == ()
    assert said in problem


def test_read_gpus_of_an_nvidia_smi_that_hangs_or_cannot_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call has a time limit, after which nothing of it runs on: neither a shell nor what it has
    started, in its group or out of it."""
    pids = tmp_path / "pids"
    start = f"/bin/sleep 60 & echo $! >>{pids}; setsid /bin/sleep 60 & echo $! >>{pids}"
    program = write_nvidia_smi(tmp_path, before=f"{start}; echo $$ >>{pids}; wait")
    monkeypatch.setattr(machine, "_SECONDS", 1.0)
    assert read_gpus({"PATH": str(tmp_path)}) == ((), "nvidia-smi gave no answer within 1 s")
    started = list(map(int, pids.read_text().split()))
    assert len(started) == 3
    running = [process for process in psutil.process_iter() if not has_ended(process)]
    assert not {process.pid for process in running}.intersection(started)
    program.write_bytes(b"\x7fELF no program")
    assert "cannot be run" in read_gpus({"PATH": str(tmp_path)})[1]


@pytest.mark.parametrize(
    ("device", "said"), [("nvidia0", "no nvidia-smi"), ("davinci0", "Ascend"), ("kfd", "AMD")]
)
def test_read_gpus_without_nvidia_smi_names_the_accelerator(
    tmp_path: Path, device: str, said: str
) -> None:
    """An image without tools, or hardware that the launcher does not read."""
    (tmp_path / device).touch()
    gpus, problem = read_gpus({"PATH": "/nowhere"}, devices=tmp_path)
    assert gpus == ()
    assert said in problem
    assert read_gpus({"PATH": "/nowhere"}, devices=tmp_path / "none") == ((), "")


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
        ("7,0", []),
        ("0,0", []),
        ("0-1", ["A"]),
        ("all", []),
        ("NoDevFiles", []),
        ("GPU-5f3c,GPU-5f3c", []),
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


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("0,2", ""),
        ("1,-1,2", ""),
        ("", "shows none of this machine's 3 GPUs"),
        ("5", "shows none of this machine's 3 GPUs"),
        ("all", "shows none of this machine's 3 GPUs"),
        ("0,0", "names a GPU twice"),
        ("0-1", "is no list of this machine's GPUs"),
        ("0,7", "is no list of this machine's GPUs"),
    ],
)
def test_problem_of_a_wrong_list_of_gpus_names_the_variable(
    tmp_path: Path, listed: str, said: str
) -> None:
    write_nvidia_smi(tmp_path, [f"{name}, 1024, 1024, 9.0, 570" for name in "ABC"])
    here = Machine.here({"PATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": listed})
    assert said in here.gpu_problem
    assert ("CUDA_VISIBLE_DEVICES" in here.gpu_problem) is bool(said)


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
