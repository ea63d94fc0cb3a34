"""The command line itself: help, exit statuses, and where settings come from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.paths import ROOT
from helpers.servers import message, serve

from swiftkit import __version__
from swiftkit.cli.main import main


def test_version() -> None:
    """`swiftkit --version` names the package's version."""
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_explains_itself(command: str) -> None:
    """Each command has a help text with an example or its exit statuses."""
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


def test_help_imports_nothing_heavy() -> None:
    """`swiftkit --help` answers at once because it imports click and little else."""
    command = [sys.executable, "-X", "importtime", "-m", "swiftkit", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()
    }
    assert not imported & {
        "scipy",
        "numpy",
        "aiohttp",
        "rich",
        "openai",
        "asyncio",
        "yaml",
        "torch",
        "swift",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval"],
        ["eval", "tool-call"],
        ["eval", "no-such", "--data", "x", "--base-url", "h"],
        ["nothing"],
        ["preflight"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a message on stderr that names what is wrong."""
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stderr


def test_settings_come_from_the_environment_then_dotenv(tmp_path: Path) -> None:
    """The address and the key may stand in .env; the environment wins; other names in .env are left
    alone."""
    row = '{"id": "a", "messages": [{"role": "user", "content": "q"}], "expected_calls": "[]"}\n'
    (tmp_path / "rows.jsonl").write_text(row, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    command = [sys.executable, "-m", "swiftkit", "eval", "tool-call", "--data", "rows.jsonl"]
    with serve(lambda _: message("no tool")) as server:
        dotenv = (
            f"# ours\nexport OPENAI_BASE_URL='{server.url}'\nOPENAI_API_KEY=from-file\nPATH=/none\n"
        )
        (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        for key in ({}, {"OPENAI_API_KEY": "from-environment"}):
            environment = clean | {"PYTHONPATH": str(ROOT)} | key
            subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
        keys = [headers["Authorization"] for headers in server.headers]
    assert keys == ["Bearer from-file"] * 2 + ["Bearer from-environment"] * 2
    runs = list((tmp_path / "runs" / "eval").iterdir())
    assert len(runs) == 2
    assert all(run.name.startswith("tool-call-") for run in runs)
