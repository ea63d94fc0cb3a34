"""The demo runs that the end-to-end tests share: one of each model family, which no two processes of pytest repeat."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one demo go to one process (scripts/test.sh --dist loadgroup)."""
    for item in items:
        for name in ("demo", "gpt_oss_demo"):
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))


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
    folder = factory.mktemp("demo")
    done = subprocess.run(
        ["bash", "scripts/demo.sh"],
        cwd=ROOT,
        env=os.environ | {"DEMO_DIR": str(folder), "MODEL_FAMILY": family},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
