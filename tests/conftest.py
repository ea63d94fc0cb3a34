"""Fixtures of the tests that run the shell scripts."""

import os
import sys
from pathlib import Path

import pytest
from helpers.recipe_stage import FAKE_PYTHON, FAKE_SWIFT, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    keep = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    made = Stage(tmp_path)
    made.environment = keep | {
        "PATH": f"{tmp_path}/venv/bin:/usr/local/bin:/usr/bin:/bin",
        "SWIFTKIT_VENV": f"{tmp_path}/venv",
        "STAGE": str(tmp_path),
        "REAL_PYTHON": sys.executable,
    }
    made.program("python", FAKE_PYTHON)
    made.program("swift", FAKE_SWIFT)
    made.gpus(0)
    return made


@pytest.fixture
def small_yaml(tmp_path: Path) -> Path:
    """A YAML of the caller's own: recipes ask no GPU for it."""
    path = tmp_path / "small.yaml"
    path.write_text(f"model: nowhere\ndataset:\n  - rows.jsonl\noutput_dir: {tmp_path}/out\n")
    return path
