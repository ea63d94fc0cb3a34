"""Fixtures of the tests of records."""

from pathlib import Path

import pytest
from helpers.recorded_runs import write_recipe


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a recipe."""
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path)
    return tmp_path
