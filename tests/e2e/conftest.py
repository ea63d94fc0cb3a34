"""What the end-to-end tests share: a demo run of each model family, whichever process of pytest
asks first, and a swift whose imports are behind it.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from helpers.paths import ROOT
from helpers.real_swift import QUIET, warm_call


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one whole demo run; do not write into it. SWIFTKIT_DEMO_DIR may name a finished
    one instead."""
    return _run("SWIFTKIT_DEMO_DIR", tmp_path_factory, {"MODEL_FAMILY": "qwen3"})


@pytest.fixture(scope="session")
def gpt_oss_demo(tmp_path_factory: pytest.TempPathFactory, warm: dict[str, str]) -> Path:
    """The same with the tiny gpt-oss, trained shorter: it calls tools, often wrongly. Or
    SWIFTKIT_GPT_OSS_DEMO_DIR."""
    return _run(
        "SWIFTKIT_GPT_OSS_DEMO_DIR",
        tmp_path_factory,
        warm | {"MODEL_FAMILY": "gpt-oss", "MAX_STEPS": "160"},
    )


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the recipes' `swift` has its imports behind it. The demo, and what is
    stopped in the middle, run without.
    """
    folder = tmp_path_factory.mktemp("warm")
    (folder / "bin").mkdir()
    real = Path(os.environ.get("SWIFTKIT_VENV", ROOT / ".venv"))
    # for scripts/setup.sh, which leaves an environment of its own with a stamp alone
    for name in (".stamp", ".made_by_swiftkit", "bin/swiftkit"):
        (folder / name).symlink_to(real / name)
    for name, command in (("python", [sys.executable]), ("swift", warm_call())):
        (folder / "bin" / name).write_text(
            f'#!/usr/bin/env bash\nexec {shlex.join(command)} "$@"\n'
        )
        (folder / "bin" / name).chmod(0o755)
    return os.environ | QUIET | {"SWIFTKIT_VENV": str(folder)}


@pytest.fixture
def warm_recipes(warm: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of a test run in it."""
    for name, value in warm.items():
        monkeypatch.setenv(name, value)


def _run(finished: str, factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    if given := os.environ.get(finished):
        return Path(given).resolve()
    base = factory.getbasetemp()
    folder = (
        base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    ) / f"demo_{environment['MODEL_FAMILY']}"
    failure = Path(f"{folder}.failed")
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            said = _demo(os.environ | environment | {"DEMO_DIR": str(folder)})
            if said:
                failure.write_text(said)
    assert not failure.exists(), failure.read_text()
    return folder


def _demo(environment: dict[str, str]) -> str:
    """Run it; what it said, if it failed."""
    command = ["bash", "scripts/demo.sh"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return f"exit status {done.returncode}\n{done.stdout}{done.stderr}" if done.returncode else ""
