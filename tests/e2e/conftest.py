"""The demo runs that the end-to-end tests share: one of each model family, whichever process of pytest asks first."""

import os
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one whole demo run; do not write into it. SWIFTKIT_DEMO_DIR may name a finished one instead."""
    return _run("SWIFTKIT_DEMO_DIR", "qwen3", tmp_path_factory)


@pytest.fixture(scope="session")
def gpt_oss_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the tiny gpt-oss, or SWIFTKIT_GPT_OSS_DEMO_DIR."""
    return _run("SWIFTKIT_GPT_OSS_DEMO_DIR", "gpt-oss", tmp_path_factory)


def _run(finished: str, family: str, factory: pytest.TempPathFactory) -> Path:
    if given := os.environ.get(finished):
        return Path(given).resolve()
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"demo_{family}"
    failure = Path(f"{folder}.failed")
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            said = _demo(folder, family)
            if said:
                failure.write_text(said)
    assert not failure.exists(), failure.read_text()
    return folder


def _demo(folder: Path, family: str) -> str:
    """Run it; what it said, if it failed."""
    environment = os.environ | {"DEMO_DIR": str(folder), "MODEL_FAMILY": family}
    command = ["bash", "scripts/demo.sh"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return f"exit status {done.returncode}\n{done.stdout}{done.stderr}" if done.returncode else ""
