"""scripts/bfcl.sh before it trains: whose folder it writes into."""

import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import Stage

FILES = [f"BFCL_v4_{name}.json" for name in ("simple_python", "multiple", "parallel")]


@pytest.fixture
def project(stage: Stage) -> Stage:
    """The scripts with a set-up that does nothing, and a folder of results that is in use."""
    for name in ("scripts", "recipes"):
        (stage.folder / name).mkdir(exist_ok=True)
    for name in ("scripts/bfcl.sh", "recipes/lib.sh", "recipes/usage.sh"):
        (stage.folder / name).write_text((ROOT / name).read_text())
    (stage.folder / "scripts/setup.sh").touch()
    (stage.folder / "my work").mkdir()
    (stage.folder / "my work/thesis.tex").touch()
    (stage.folder / "questions").mkdir()
    return stage


def bfcl(project: Stage) -> str:
    result = project.run(project.folder / "scripts/bfcl.sh", "questions", BFCL_DIR="my work")
    assert result.returncode == 2, result.stderr
    assert [path.name for path in (project.folder / "my work").iterdir()] == ["thesis.tex"]
    (line,) = result.stderr.splitlines()
    return line


def test_bfcl_without_its_questions_changes_nothing(project: Stage) -> None:
    """The first file that is missing is named."""
    assert f"there is no file {project.folder}/questions/{FILES[0]}" in bfcl(project)


def test_bfcl_writes_into_no_folder_that_is_in_use(project: Stage) -> None:
    """Not even into one of its own; the line that removes it can be pasted."""
    for name in FILES:
        (project.folder / "questions" / name).touch()
    assert bfcl(project).endswith("or: rm -r my\\ work")
