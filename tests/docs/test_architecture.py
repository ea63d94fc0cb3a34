"""docs/architecture.md draws the tree that is there."""

import re

import pytest
from helpers.paths import ROOT

PACKAGE = ROOT / "swiftkit"
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TREE = TEXT.partition("swiftkit/\n")[2].partition("```")[0]
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())


@pytest.mark.parametrize("room", ROOMS)
def test_tree_names_every_file_of_a_room_and_no_other(room: str) -> None:
    """A new file gets its line, a removed one loses it."""
    drawn = re.search(rf"^  {room}/ .*\n(?:   .*\n|(?=\n)$)*", TREE, re.MULTILINE)
    assert drawn, f"{room}/ has no lines in the tree"
    files = {path.stem for path in (PACKAGE / room).rglob("*.py")} - {"__init__"}
    assert files <= set(re.findall(r"\w+", drawn[0]))
    assert set(re.findall(r"(?<!/)\b(\w+)\.py", drawn[0])) <= files


def test_floors_are_those_that_import_linter_holds() -> None:
    table = re.findall(r"^\| \d \| (.*) \|$", TEXT, re.MULTILINE)
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("layers = [")[2]
    layers = re.findall(r'^    "(.*)",$', contract.partition("]")[0], re.MULTILINE)
    floors = [re.findall(r"(?<!\()\b\w+\b(?!\))", layer) for layer in layers]
    assert [re.findall(r"`(\w+)`", row) for row in table] == [floor for floor in floors if floor]
