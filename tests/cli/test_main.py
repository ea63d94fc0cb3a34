"""The command line itself: help, exit statuses, and where settings come from."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers.paths import ROOT
from helpers.servers import message, serve
from helpers.tables import columns

from swiftkit import __version__
from swiftkit.cli.main import main


def help_lines(*command: str) -> list[str]:
    """Return the help of a command on a terminal of 80 columns."""
    result = CliRunner().invoke(main, [*command, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    return result.output.splitlines()


def test_version_is_the_packages() -> None:
    """`swiftkit --version` names the package's version."""
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_help_lists_one_whole_sentence_a_command() -> None:
    """None is cut off or wrapped, and each ends with a full stop."""
    lines = help_lines()
    commands = lines[lines.index("Commands:") + 1 :]
    names = [re.fullmatch(r"  ([a-z-]+)  +[A-Z][^.]*\.", line) for line in commands]
    assert [name and name[1] for name in names] == list(main.commands)
    assert max(map(columns, lines)) <= 80


@pytest.mark.parametrize("name", sorted(main.commands))
def test_help_of_a_command_has_an_example_and_explains_each_option(name: str) -> None:
    """Within 80 columns, which click keeps only in what it wraps itself."""
    lines = help_lines(name)
    assert max(map(columns, lines)) <= 80
    assert any(line.startswith(f"  swiftkit {name}") for line in lines)
    for option in main.commands[name].params:
        assert not isinstance(option, click.Option) or option.help


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
    ("arguments", "culprit"),
    [
        (["eval"], "'TASK'"),
        (["eval", "tool-call"], "'--data'"),
        (["eval", "tool-call", "--data", "x"], "'--base-url'"),
        (["eval", "no-such", "--data", "x", "--base-url", "h"], "'no-such'"),
        (["eval", "tool-call", "--data", "x", "--concurrency", "0"], "'--concurrency'"),
        (["nothing"], "'nothing'"),
        (["preflight"], "'RECIPE'"),
    ],
)
def test_wrong_usage_is_status_2(
    arguments: list[str], culprit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a message on stderr that names what is wrong."""
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert culprit in result.stderr
    assert result.stdout == ""


def test_error_with_hostile_text_is_harmless(tmp_path: Path) -> None:
    """A message quotes names of files and words of servers; none of it steers the terminal."""
    result = CliRunner().invoke(main, ["check", str(tmp_path / "\x1b[31m\u202e")])
    assert result.exit_code == 2
    assert "\\u001b[31m\\u202e" in result.stderr
    assert "\x1b" not in result.stderr


PATHS_TAKEN = [
    "convert @ -o out.jsonl",
    "convert raw.jsonl -o @",
    "convert raw.jsonl -o out.jsonl --rejects @",
    "check @",
    "check raw.jsonl --tokenizer @",
    "check raw.jsonl --against @",
    "show @ --model model",
    "show raw.jsonl --model @",
    "tools @ -o out.json",
    "tools api.json -o @",
    "preflight @",
    "eval tool-call --base-url http://127.0.0.1:9 --data @",
    "eval tool-call --base-url http://127.0.0.1:9 --data raw.jsonl --run @",
    "eval tool-call --base-url http://127.0.0.1:9 --data raw.jsonl --prompt @",
    "eval tool-call --base-url http://127.0.0.1:9 --data raw.jsonl --training-run @",
    "score @ --completions raw.jsonl",
    "score raw.jsonl --completions @",
    "grade @",
    "compare @ @",
    "curve @ @",
    "tau-bench @",
]


@pytest.mark.parametrize("command", PATHS_TAKEN)
@pytest.mark.parametrize("name", ["", "a" * 300, "b/" * 3000, "loop", "loop/in.jsonl"])
def test_path_that_no_file_can_have_is_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    """One message, no traceback; nothing is written."""
    monkeypatch.chdir(tmp_path)
    row = '{"messages": [{"role": "user", "content": "q"}], "expected_calls": "[]"}\n'
    Path("raw.jsonl").write_text(row, encoding="utf-8")
    Path("api.json").write_text('{"openapi": "3.0.0", "paths": {}}', encoding="utf-8")
    Path("model").mkdir()
    for file in ("config.json", "tokenizer.json"):
        Path("model", file).touch()
    Path("loop").symlink_to("loop")
    files = sorted(Path().rglob("*"))
    words = [name if word == "@" else word for word in command.split()]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, result.stdout) == (2, ""), result.exception
    assert len(result.stderr.splitlines()[-1]) > len("swiftkit: ")
    assert sorted(Path().rglob("*")) == files


def test_current_folder_is_no_recipe_but_may_be_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.` has no name of its own; a link to itself beside the data is no data."""
    monkeypatch.chdir(tmp_path)
    turns = '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]'
    Path("raw.jsonl").write_text(f'{{"messages": {turns}}}\n', encoding="utf-8")
    Path("loop").symlink_to("loop")
    for folder in (".", "..", "/"):
        result = CliRunner().invoke(main, ["preflight", folder])
        assert result.exit_code == 2, result.exception
        assert "cannot be read: Is a directory" in result.stderr
    result = CliRunner().invoke(main, ["convert", ".", "-o", "new/out.jsonl"])
    assert result.exit_code == 0, result.exception
    assert "left alone in the folder: loop" in result.stderr


def test_dotenv_that_is_no_utf8_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold other programs' settings; those of ours are found beside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    Path(".env").write_bytes(b"NAME=\xff\nOPENAI_BASE_URL=ftp://there\n")
    result = CliRunner().invoke(main, ["eval", "tool-call", "--data", ".env"])
    del os.environ["OPENAI_BASE_URL"]  # which the command has set
    assert result.exit_code == 2, result.exception
    assert "'ftp://there' is no web address" in result.stderr


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
