"""The shell is tested in its own language: every .bats file of this folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BATS = shutil.which("bats", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


@pytest.mark.skipif(BATS is None, reason="bats is not installed: bash scripts/setup.sh")
@pytest.mark.parametrize("file", sorted(HERE.glob("*.bats")), ids=lambda path: path.stem)
def test_bats(file: Path) -> None:
    """Its TAP output is shown where a test in it fails."""
    environment = os.environ | {"REAL_PYTHON": sys.executable}
    command = [str(BATS), "--tap", str(file)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nok 1 " in done.stdout
