"""scripts/setup_mcp.sh with stand-ins for Python, pip and npm: what it would install, and when it
does nothing."""

import shutil
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import Stage

# Makes a venv whose Python is itself; pip and npm note what they were asked for.
PYTHON = """#!/usr/bin/env bash
case "$*" in
    *"-m venv"*) mkdir -p "${@: -1}/bin" && touch "${@: -1}/pyvenv.cfg" && cp "$0" "${@: -1}/bin/python" ;;
    *"-m pip"*)
        echo "pip ${*: -2}" >>"$STAGE/calls"
        if [[ ${PIP-} == fails ]]; then echo "No matching distribution"; exit 1; fi ;;
esac
"""
NPM = '#!/usr/bin/env bash\necho "npm ${*: -1}" >>"$STAGE/calls"\n'


@pytest.fixture
def project(stage: Stage, tmp_path: Path) -> Stage:
    """A copy of what the script needs, with a space in its path."""
    root = tmp_path / "a project"
    for name in (
        "scripts/setup_mcp.sh",
        "scripts/environment.sh",
        "recipes/lib.sh",
        "recipes/usage.sh",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    stage.environment["PYTHON"] = str(stage.program("python3.12", PYTHON))
    for name in ("node", "npm"):
        stage.program(name, NPM)
    return stage


def test_setup_mcp_installs_once(project: Stage) -> None:
    """Servers with what they need, documents alone; the second run does nothing."""
    script = project.folder / "a project" / "scripts" / "setup_mcp.sh"
    result = project.run(script)
    assert result.returncode == 0, result.stderr
    calls = (project.folder / "calls").read_text().splitlines()
    assert [call.partition("==")[0] for call in calls] == [
        "pip mcp-server-time",
        "pip mlserver",
        "npm @figma/rest-api-spec@0.43.0",
    ]
    assert project.run(script).stderr == ""
    assert len((project.folder / "calls").read_text().splitlines()) == len(calls)


def test_setup_mcp_that_fails_says_why(project: Stage) -> None:
    project.environment["PIP"] = "fails"
    result = project.run(project.folder / "a project" / "scripts" / "setup_mcp.sh")
    assert result.returncode == 1
    assert "No matching distribution" in result.stderr
