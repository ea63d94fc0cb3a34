"""scripts/test_everything.sh with stand-ins for pip and pytest: a line for each part, and the exit
status."""

import shutil
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import Stage

# pip lacks what NO_PACKAGE says; pytest passes, skips or fails by the name of its test file.
PYTHON = """#!/usr/bin/env bash
case "$*" in
    *"-m pip"*"${NO_PACKAGE:-nothing of that name}"*) echo "No matching distribution"; exit 1 ;;
    *"-m pip"*) echo "pip ${*: -1}" >>"$STAGE/calls" ;;
    *"-m pytest"*"${FAILS:-nothing of that name}"*) echo "1 failed in 0.1s"; exit 1 ;;
    *"-m pytest"*test_recipe_clusters*)
        echo "SKIPPED [1] tests/x.py:64: JOBSET_CRD names no copy"
        echo "=== 3 passed, 1 skipped, 6 deselected in 5.25s ===" ;;
    *"-m pytest"*)
        echo "pytest ${*:5} ${SWIFTKIT_VLLM_VENV##*/}" >>"$STAGE/calls"
        echo "=== 2 passed in 0.1s ===" ;;
    *) exec "$REAL_PYTHON" "$@" ;;
esac
"""


@pytest.fixture
def project(stage: Stage, tmp_path: Path) -> Stage:
    """A copy of what the script needs; its setups and its demo do nothing."""
    for name in ("scripts/test_everything.sh", "recipes/lib.sh", "recipes/usage.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("setup", "demo", "setup_mcp", "setup_vllm"):
        (tmp_path / f"scripts/{name}.sh").write_text(f"[[ ${{NO_SCRIPT-}} != {name} ]]\n")
    stage.program("python", PYTHON)
    proxy = tmp_path / ".venv_litellm/bin/litellm"  # one that is there is not made again
    proxy.parent.mkdir(parents=True)
    proxy.write_text("")
    proxy.chmod(0o755)
    stage.environment |= {"PYTHONPATH": str(ROOT), "SWIFTKIT_VLLM_VENV": f"{tmp_path}/.venv_vllm"}
    stage.environment["SWIFTKIT_LITELLM_VENV"] = f"{tmp_path}/.venv_litellm"
    return stage


def run(project: Stage, *parts: str, **environment: str) -> tuple[int, list[str]]:
    """The exit status, and the lines on stdout without repeated spaces."""
    script = project.folder / "scripts/test_everything.sh"
    done = project.run(script, *parts, **environment)
    return done.returncode, [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_everything_runs_all_parts(project: Stage) -> None:
    """With what each installs; a test that was skipped is named with its reason."""
    status, lines = run(project)
    assert (status, lines) == (
        0,
        [
            "demo 2 passed",
            "jobset 3 passed; not run: JOBSET_CRD names no copy",
            "litellm 2 passed",
            "mcp 2 passed",
            "vllm 2 passed",
        ],
    )
    calls = (project.folder / "calls").read_text().splitlines()
    assert [call for call in calls if call.startswith("pip")] == [
        "pip kubeflow-trainer-api==2.3.0",
        "pip litellm",
        "pip litellm",
    ]
    both = "tests/e2e/test_openai_server.py tests/e2e/test_eval_endpoints.py"
    assert calls[-1] == f"pytest {both} -k vllm .venv_vllm"


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"NO_PACKAGE": "litellm"}, "litellm nothing; not run: litellm cannot be installed"),
        ({"NO_SCRIPT": "setup_mcp"}, "mcp nothing; not run: the environment of the MCP servers"),
        ({"NO_SCRIPT": "setup_vllm"}, "vllm nothing; not run: vLLM's environment cannot be made"),
    ],
)
def test_everything_without_a_package_says_why_and_goes_on(
    project: Stage, environment: dict[str, str], line: str
) -> None:
    """A registry that lacks something is no failure."""
    status, lines = run(project, **environment)
    assert status == 0
    assert any(said.startswith(line) for said in lines)
    assert len(lines) == 5


def test_everything_with_a_failed_part_shows_the_log_and_goes_on(project: Stage) -> None:
    """The exit status is 1 then."""
    status, lines = run(project, FAILS="test_checkpoints")
    assert status == 1
    assert lines[0] == "demo failed (exit status 1); the end of runs/everything/demo.log:"
    assert lines[1] == "1 failed in 0.1s"
    assert lines[-1].startswith("vllm 2 passed")


def test_everything_runs_one_part_on_the_screen(project: Stage) -> None:
    """With its own exit status; a part that is not there is named."""
    assert run(project, "demo", FAILS="test_checkpoints") == (1, ["1 failed in 0.1s"])
    assert run(project, "nothing") == (2, [])
    assert not (project.folder / "runs").exists()
