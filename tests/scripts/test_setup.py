"""scripts/setup.sh with a stand-in for Python and pip: what it chooses, what it says, when it does
nothing.

The real installation takes minutes; `bash scripts/test.sh` begins with it.
"""

import shutil
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import Stage, wait_until

SIMULATORS = "pip -c constraints.txt --no-deps bfcl-eval"
TEMPLATES = "pip --no-deps --no-compile --upgrade --target VENV/chat_templates trl==1.16.0"
TOKENIZER = "pip --no-deps --no-compile --upgrade --target VENV/qwen_tokenizer dashscope==2.0.2"
# Makes a venv whose Python is itself; pip notes its arguments and creates `swift`, or does as PIP
# says.
PYTHON = """#!/usr/bin/env bash
case "$*" in
    -c*) echo "${VERSION:-3.12}" ;;
    *"-m venv"*)
        if [[ ${VENV-} == broken ]]; then echo "ensurepip is not available"; exit 1; fi
        if [[ ${VENV-} == killed ]]; then mkdir -p "${@: -1}/lib" && touch "${@: -1}/pyvenv.cfg" && kill -KILL $PPID; fi
        echo "venv" >>"$STAGE/calls"
        mkdir -p "${@: -1}/bin" && touch "${@: -1}/pyvenv.cfg" && cp "$0" "${@: -1}/bin/python" ;;
    *make.py*|*"-m swiftkit"*)
        if [[ $0 == */.venv/bin/python ]]; then echo "$*" >>"$STAGE/stages"; else exit 1; fi ;;
    *"-m pip"*)
        echo "pip ${*:5}" >>"$STAGE/calls"
        if [[ ${PIP-} == hangs ]]; then touch "$STAGE/hanging"; sleep 600; fi
        if [[ ${PIP-} == fails ]]; then echo "Connection refused (from versions: none)"; exit 1; fi
        if [[ "${PIP-}$*" == "no cpu build"*+cpu* ]]; then echo "No torch==9.8.7+cpu (from versions: 1.0)"; exit 1; fi
        if [[ "${PIP-}$*" == "no templates"*@(trl|dashscope)* ]]; then echo "No matching"; exit 1; fi
        touch "$(dirname "$0")/swift" && chmod +x "$(dirname "$0")/swift" ;;
esac
"""


@pytest.fixture
def project(stage: Stage, tmp_path: Path) -> Stage:
    """A copy of what setup.sh needs, with a space in its path."""
    root = tmp_path / "a project"
    for name in (
        "scripts/setup.sh",
        "scripts/environment.sh",
        "recipes/lib.sh",
        "recipes/usage.sh",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "constraints.txt").write_text("transformers==5\ntorch==9.8.7\n")
    shutil.rmtree(tmp_path / "venv")
    for name in ("python3.12", "python3.11", "python3.13", "python3"):
        stage.program(name, PYTHON)
    stage.gpus(0)
    stage.environment["SWIFTKIT_VENV"] = str(root / ".venv")
    return stage


def setup_script(project: Stage) -> Path:
    return project.folder / "a project" / "scripts" / "setup.sh"


def calls(project: Stage) -> list[str]:
    path = project.folder / "calls"
    if not path.exists():
        return []
    return path.read_text().replace(project.environment["SWIFTKIT_VENV"], "VENV").splitlines()


def test_setup_without_a_gpu_takes_torchs_cpu_build_first(project: Stage) -> None:
    """torch comes before anything that asks for it, in the version that constraints.txt pins."""
    result = project.run(setup_script(project))
    assert result.returncode == 0, result.stderr
    assert calls(project) == [
        "venv",
        "pip -c constraints.txt torch==9.8.7+cpu",
        "pip -c constraints.txt -e .[train,dev]",
        SIMULATORS,
        TEMPLATES,
        TOKENIZER,
    ]
    assert len(result.stderr.splitlines()) == 5  # one line a stage


def test_what_tests_alone_need_and_cannot_be_had_is_said(project: Stage) -> None:
    """The environment is complete without them."""
    result = project.run(setup_script(project), PIP="no templates")
    assert result.returncode == 0
    assert result.stderr.count("will be skipped") == 2
    assert project.run(setup_script(project)).stderr == ""


def test_gpu_machine_takes_the_ordinary_build_and_the_gpu_extra(project: Stage) -> None:
    """CUDA comes with PyPI's torch; DeepSpeed and liger belong to a GPU."""
    project.gpus(1)
    project.run(setup_script(project))
    assert calls(project)[1:] == [
        "pip -c constraints.txt torch==9.8.7",
        "pip -c constraints.txt -e .[train,gpu,dev]",
        SIMULATORS,
        TEMPLATES,
        TOKENIZER,
    ]


def test_without_a_cpu_build_it_says_how_large_the_other_is(project: Stage) -> None:
    """Gigabytes are announced, with the way to avoid them."""
    result = project.run(setup_script(project), PIP="no cpu build")
    assert result.returncode == 0
    assert "gigabytes" in result.stderr
    assert "TORCH_INDEX_URL" in result.stderr
    assert "pip -c constraints.txt torch==9.8.7" in calls(project)


def test_torch_index_is_for_torch_alone(project: Stage) -> None:
    """The rest still comes from the configured index."""
    project.run(setup_script(project), TORCH_INDEX_URL="file:///wheels")
    assert calls(project)[1:] == [
        "pip -c constraints.txt --index-url file:///wheels torch==9.8.7",
        "pip -c constraints.txt -e .[train,dev]",
        SIMULATORS,
        TEMPLATES,
        TOKENIZER,
    ]


def test_setup_that_is_current_installs_nothing(project: Stage) -> None:
    """Every script begins with setup, so where nothing has changed no Python is started."""
    project.run(setup_script(project))
    before = calls(project)
    result = project.run(setup_script(project))
    assert (result.returncode, result.stderr, calls(project)) == (0, "", before)


def test_changed_constraints_install_again(project: Stage) -> None:
    """Into the same environment: pip knows what to change."""
    project.run(setup_script(project))
    (project.folder / "a project" / "constraints.txt").write_text("torch==9.9.0\n")
    project.run(setup_script(project))
    assert calls(project)[6:] == [
        "pip -c constraints.txt torch==9.9.0+cpu",
        "pip -c constraints.txt -e .[train,dev]",
        SIMULATORS,
        TEMPLATES,
        TOKENIZER,
    ]


def test_interrupted_setup_starts_over(project: Stage) -> None:
    """A half-copied package looks installed to pip, so the environment is made anew; no pip is left
    running."""
    process = project.start([setup_script(project)], PIP="hangs")
    wait_until((project.folder / "hanging").exists)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    # the lock is free: nobody holds it any more
    assert project.run(setup_script(project)).returncode == 0
    assert calls(project).count("venv") == 2


def test_setup_that_was_killed_while_it_made_the_environment_starts_over(project: Stage) -> None:
    """Before anything is installed: what is there is its own all the same."""
    assert project.run(setup_script(project), VENV="killed").returncode == -9
    result = project.run(setup_script(project))
    assert result.returncode == 0, result.stderr
    assert not (project.folder / "a project/.venv/lib").exists()


def test_setup_that_fails_shows_the_log_and_the_command(project: Stage) -> None:
    """The end of pip's log, where all of it is, and what to type."""
    result = project.run(setup_script(project), PIP="fails", SWIFTKIT_VENV="there")
    assert result.returncode == 1
    assert "Connection refused" in result.stderr
    assert "gigabytes" not in result.stderr  # another failure than a missing build
    assert calls(project)[1:] == ["pip -c constraints.txt torch==9.8.7+cpu"]
    repeat = project.folder / "repeat.sh"
    repeat.write_text(result.stderr.rpartition("; to repeat: ")[2])
    del project.environment["SWIFTKIT_VENV"]
    assert "SWIFTKIT_VENV=" in repeat.read_text()
    assert project.run(repeat).returncode == 0
    assert (project.folder / "there/bin/swift").exists()


def test_old_python_is_one_line(project: Stage) -> None:
    """What was found, what is needed, what to do."""
    result = project.run(setup_script(project), VERSION="3.9")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    for part in ("Python 3.11 or newer is needed", "python3 is 3.9", "PYTHON=/path/to/python3.12"):
        assert part in line
    assert calls(project) == []


def test_named_python_is_the_only_candidate(project: Stage) -> None:
    """PYTHON may hold spaces, and no other is taken in its place."""
    assert (
        "no Python was found" in project.run(setup_script(project), PYTHON="/not/a python").stderr
    )
    named = project.program("my python", PYTHON)
    assert project.run(setup_script(project), PYTHON=str(named)).returncode == 0


def test_missing_venv_module_is_explained(project: Stage) -> None:
    """Debian's python3 comes without it."""
    result = project.run(setup_script(project), VENV="broken")
    assert result.returncode == 2
    assert "apt install python3-venv" in result.stderr


def test_a_folder_that_is_no_environment_is_never_cleared(project: Stage) -> None:
    """SWIFTKIT_VENV pointed at somebody's work by mistake."""
    precious = project.folder / "work"
    precious.mkdir()
    (precious / "thesis.tex").touch()
    result = project.run(setup_script(project), SWIFTKIT_VENV=str(precious))
    assert result.returncode == 2
    assert "is not a virtual environment" in result.stderr
    assert (precious / "thesis.tex").exists()


@pytest.mark.parametrize("python", ["", "python3"])
def test_an_environment_of_somebody_else_is_left_alone(project: Stage, python: str) -> None:
    """It is neither cleared nor installed into, whether another Python is asked for or not."""
    foreign = project.folder / "their venv"
    (foreign / "bin").mkdir(parents=True)
    for name in ("pyvenv.cfg", "bin/python"):
        (foreign / name).write_text("theirs")
    (foreign / "bin/python").chmod(0o755)
    variables = {"PYTHON": python} if python else {}
    result = project.run(setup_script(project), SWIFTKIT_VENV=str(foreign), **variables)
    assert result.returncode == 2
    assert "their venv is an environment that this script has not made" in result.stderr
    assert "SWIFTKIT_VENV" in result.stderr
    assert calls(project) == []
    assert sorted(path.name for path in foreign.rglob("*")) == ["bin", "python", "pyvenv.cfg"]


def test_an_environment_of_our_own_is_made_anew_for_another_python(project: Stage) -> None:
    """After that Python has shown, somewhere else, that it can make one: the old one works."""
    assert project.run(setup_script(project)).returncode == 0
    (project.folder / "a project/pyproject.toml").write_text("[project]\nname = 'changed'\n")
    broken = project.run(setup_script(project), PYTHON="python3", VENV="broken")
    assert broken.returncode == 2
    assert (project.folder / "a project/.venv/bin/swift").exists()
    assert calls(project).count("venv") == 1
    assert project.run(setup_script(project), PYTHON="python3").returncode == 0
    assert calls(project).count("venv") == 3


@pytest.mark.parametrize("mark", [".stamp", ".installing", ".made_by_swiftkit"])
def test_a_file_of_somebodys_stays_beside_a_mark_of_ours(project: Stage, mark: str) -> None:
    """A name is no proof that a folder is an environment."""
    precious = project.folder / "work"
    precious.mkdir()
    for name in (mark, "thesis.tex"):
        (precious / name).touch()
    for mode in ("", "broken"):
        result = project.run(setup_script(project), SWIFTKIT_VENV=str(precious), VENV=mode)
        assert result.returncode == 2, result.stderr
        assert sorted(path.name for path in precious.iterdir()) == [mark, "thesis.tex"]
    assert calls(project) == []


def test_a_venv_that_fails_leaves_what_was_there_before(project: Stage) -> None:
    """An empty folder, a link to one, a link that leads nowhere."""
    (project.folder / "empty").mkdir()
    (project.folder / "link").symlink_to("empty")
    (project.folder / "dangling").symlink_to("nowhere")
    for name in ("empty", "link", "dangling", "new"):
        result = project.run(setup_script(project), SWIFTKIT_VENV=name, VENV="broken")
        assert result.returncode == 2, result.stderr
    assert list((project.folder / "empty").iterdir()) == []
    assert (project.folder / "link").is_symlink()
    assert (project.folder / "dangling").is_symlink()
    assert not (project.folder / "new").exists()


def test_the_environment_of_another_checkout_is_left_alone(project: Stage) -> None:
    """It is up to date, but what runs in it is the other's code; one that has moved is its own."""
    assert project.run(setup_script(project)).returncode == 0
    shutil.copytree(project.folder / "a project", project.folder / "second", symlinks=True)
    shutil.rmtree(project.folder / "second/.venv")
    result = project.run(project.folder / "second/scripts/setup.sh")
    assert result.returncode == 2
    assert f"was made by {setup_script(project)} and runs that code" in result.stderr
    assert calls(project).count("venv") == 1
    (project.folder / "a project").rename(project.folder / "moved")
    moved = project.run(
        project.folder / "moved/scripts/setup.sh",
        SWIFTKIT_VENV=str(project.folder / "moved/.venv"),
    )
    assert moved.returncode == 0, moved.stderr
    assert calls(project).count("venv") == 3


def test_a_relative_environment_is_seen_from_where_one_stands(project: Stage) -> None:
    """As the recipes see it; an empty name is none, and `cd` has no search path."""
    result = project.run(setup_script(project), SWIFTKIT_VENV="mine", CDPATH="/usr:/")
    assert result.returncode == 0, result.stderr
    assert (project.folder / "mine/bin/swift").exists()
    result = project.run(setup_script(project), SWIFTKIT_VENV="", PYTHON="python3")
    assert result.returncode == 2
    assert "SWIFTKIT_VENV is set and empty" in result.stderr
    assert calls(project).count("venv") == 1


@pytest.mark.parametrize("variables", [{"GPUS": "0"}, {"CUDA_VISIBLE_DEVICES": ""}])
def test_a_run_without_gpus_keeps_their_environment(
    project: Stage, variables: dict[str, str]
) -> None:
    """Also where it has to be brought up to date: only a machine's first set-up chooses."""
    project.gpus(1)
    project.run(setup_script(project))
    before = calls(project)
    assert project.run(setup_script(project), **variables).returncode == 0
    assert calls(project) == before
    (project.folder / "a project/constraints.txt").write_text("torch==9.9.0\n")
    assert project.run(setup_script(project), DRY_RUN="1").returncode == 0
    assert calls(project) == before
    project.run(setup_script(project), **variables)
    assert calls(project)[len(before)] == "pip -c constraints.txt torch==9.9.0"


def test_two_at_once_install_once(project: Stage) -> None:
    """The second waits for the first, then finds everything done."""
    first, second = (project.start([setup_script(project)]) for _ in range(2))
    for process in (first, second):
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert calls(project).count("venv") == 1


def test_demo_runs_in_the_environment_that_setup_has_just_made(project: Stage) -> None:
    """On a fresh clone there is none when the demo begins; the system's Python lacks all that the
    stages need."""
    root = project.folder / "a project"
    shutil.copy(ROOT / "scripts" / "demo.sh", root / "scripts" / "demo.sh")
    result = project.run(root / "scripts" / "demo.sh", "data")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("torch, its build for the CPU") == 1
    assert "make.py" in (project.folder / "stages").read_text()
