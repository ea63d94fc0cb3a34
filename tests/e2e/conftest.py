"""The one demo run that the end-to-end tests share."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one whole demo run; do not write into it. SWIFTKIT_DEMO_DIR may name a finished one instead."""
    if given := os.environ.get("SWIFTKIT_DEMO_DIR"):
        return Path(given).resolve()
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        ["bash", "scripts/demo.sh"],
        cwd=ROOT,
        env=os.environ | {"DEMO_DIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
