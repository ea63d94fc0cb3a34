"""Every recipe says what it is for and what it needs; the table of recipes/README.md is made of
that."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import Stage

RECIPES = ROOT / "recipes"
INDEX: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "recipe_index.py"))
header, scripts = INDEX["header"], INDEX["scripts"]()
YAMLS = [
    path for path in sorted(RECIPES.rglob("*.yaml")) if path.parent.name in ("recipes", "tiny")
]
# Those that a person starts; the others are read by them.
STARTED = [
    path
    for path in [*sorted(RECIPES.rglob("*.sh")), *sorted((ROOT / "scripts").glob("*.sh"))]
    if path.read_text(encoding="utf-8").startswith("#!")
]
# swift_arguments imports swift, which takes ten seconds
PROGRAMS = sorted(set((ROOT / "scripts").glob("*.py")) - {ROOT / "scripts/swift_arguments.py"})
NO_YAML = {"eval_checkpoints", "tool_call_pipeline"}  # they take those of the others
NO_SMALL = {"rollout"}  # vLLM sends weights by NCCL


@pytest.mark.parametrize("path", scripts, ids=lambda path: path.stem)
def test_a_script_says_what_it_needs_and_makes(path: Path) -> None:
    """Purpose, hardware, how to run it, one override, what comes out; and the small variant, which
    is there."""
    said = header(path)
    assert all(said.get(key) for key in ("What", "Hardware", "Run", "Override", "Makes")), said
    assert f"recipes/{path.name}" in said["Run"]
    assert f"recipes/{path.name}" in said["Override"]
    assert path.with_suffix(".yaml").exists() or path.stem in NO_YAML
    if path.stem not in NO_SMALL | NO_YAML:
        assert f"recipes/tiny/{path.stem}.yaml" in said["Small"]
        assert (RECIPES / "tiny" / f"{path.stem}.yaml").exists()


@pytest.mark.parametrize("path", STARTED, ids=lambda path: path.stem)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_the_comment_at_a_scripts_head(path: Path, flag: str, stage: Stage) -> None:
    """Whatever else is given or set; nothing is installed, made or started, and no environment is
    needed."""
    result = stage.run(path, flag, "x", SWIFTKIT_VENV="/not/there", PATH="/usr/bin:/bin")
    assert (result.returncode, result.stderr) == (0, "")
    comment = path.read_text(encoding="utf-8").splitlines()[1:]
    first, *others = result.stdout.splitlines()
    assert first == comment[0].removeprefix("# ")
    assert f"bash {path.relative_to(ROOT)}" in result.stdout
    assert [f"# {line}".rstrip() for line in others] == comment[1 : len(others) + 1]
    assert not comment[len(others) + 1].startswith("# ") or "shellcheck" in comment[len(others) + 1]
    assert [entry.name for entry in stage.folder.iterdir()] == ["venv"]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_help_of_a_program_is_its_docstring(path: Path, tmp_path: Path) -> None:
    """It writes nothing, though most write when they are started."""
    files = {file: file.stat().st_mtime_ns for file in (ROOT / "recipes/README.md", path)}
    done = subprocess.run(
        [sys.executable, path, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) in done.stdout
    assert files == {file: file.stat().st_mtime_ns for file in files}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: str(path.relative_to(RECIPES)))
def test_a_yaml_says_what_was_measured(path: Path) -> None:
    """Purpose, hardware, how to run it, one override; and a result with its date and machine, or
    that there is none."""
    said = header(path)
    assert all(said.get(key) for key in ("What", "Hardware", "Run", "Override", "Result")), said
    dated = re.search(r"\b20\d\d-\d\d-\d\d\b", said["Result"]) and re.search(
        r"cores|GPU|H\d00", said["Result"]
    )
    assert dated or "not measured" in said["Result"], said["Result"]


def test_the_table_is_what_the_headers_say() -> None:
    """recipes/README.md is not written by hand: .venv/bin/python scripts/recipe_index.py"""
    page = (RECIPES / "README.md").read_text(encoding="utf-8")
    assert page == INDEX["with_table"](page)
    for path in scripts:
        assert f"| `{path.name}` |" in page


@pytest.mark.parametrize(
    "text",
    [
        "# What:     a\n#           b | c\n# Hardware: h\n# more\n\nmodel: x\n",
        "#!/bin/bash\n# a\n# b | c\n# Hardware: h\nx=1\n",
    ],
)
def test_a_header_is_read_to_the_first_other_line(tmp_path: Path, text: str) -> None:
    """A text goes on in indented lines; a bar in it does not break the table."""
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    said = header(path)
    assert (said["What"], said["Hardware"]) == ("a b | c", "h")
    assert "\\|" in INDEX["first_sentence"](said["What"])
