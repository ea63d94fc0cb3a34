"""What stands behind stdout and stderr: any encoding, a pipe, a terminal, nobody, a full disk."""

import json
import os
import pty
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from helpers.paths import ROOT

NAME = "é中😀"
TURNS = f'[{{"role": "user", "content": "{NAME}"}}, {{"role": "assistant", "content": "b"}}]'
GOLD = '"expected_calls": "[]", "tools": "[]"'
COMMANDS = {
    "check": f"check {NAME}.jsonl --sample 1",
    "convert": f"convert {NAME}.jsonl -o {NAME}.out.jsonl --json",
    "score": f"score gold.jsonl --completions {NAME}.answers.jsonl",
    "tools": f"tools tools.json -o {NAME}.json --json",
    "tau-bench": f"tau-bench {NAME}.tau.json",
    "doctor": "doctor",
    "preflight": f"preflight swift sft --model {NAME} --train_type lora --dataset {NAME}.jsonl",
    "help": "eval --help",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("streams")
    files = {
        f"{NAME}.jsonl": f'{{"messages": {TURNS}}}\n',
        "gold.jsonl": f'{{"id": "{NAME}", "messages": {TURNS[: TURNS.index(", {")]}], {GOLD}}}\n',
        f"{NAME}.answers.jsonl": f'{{"id": "{NAME}", "completion": "{NAME}"}}\n',
        "tools.json": f'[{{"name": "f", "description": "{NAME}", "inputSchema": {{}}}}]',
        f"{NAME}.tau.json": '[{"task_id": 0, "reward": 1.0, "trial": 0, "traj": []}]',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@cache
def usual(folder: Path, command: str) -> subprocess.CompletedProcess[bytes]:
    return run(folder, COMMANDS[command])


def run(folder: Path, command: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    words = [sys.executable, "-m", "swiftkit", *command.split()]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_prints_in_any_encoding(folder: Path, command: str) -> None:
    """With the same status as in UTF-8; what ASCII lacks is spelt out."""
    before = usual(folder, command)
    done = run(folder, COMMANDS[command], "ascii")
    assert b"Traceback" not in before.stderr + done.stderr
    assert (done.returncode, done.stdout.isascii()) == (before.returncode, True)
    assert len(done.stdout.splitlines()) == len(before.stdout.splitlines())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "gbk", "utf-8"])
def test_json_is_exact_in_any_encoding(folder: Path, encoding: str) -> None:
    """Also beyond the 65,536 characters that one \\uXXXX can name."""
    done = run(folder, f"{COMMANDS['check']} --json", encoding)
    assert json.loads(done.stdout.decode(encoding))["sample"][0]["turns"][0]["text"] == NAME


@pytest.mark.parametrize("command", COMMANDS)
def test_reader_that_has_gone_changes_no_status(folder: Path, command: str) -> None:
    """Of stdout as of stderr, as with `| head -1`."""
    before = usual(folder, command)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "swiftkit", *COMMANDS[command].split()]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        words, cwd=folder, env=environment, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr[:40]) == (before.returncode, before.stderr[:40])
    both = subprocess.run(
        words, cwd=folder, env=environment, stdout=writing, stderr=writing, check=False
    )
    os.close(writing)
    assert both.returncode == before.returncode


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_stream_that_is_closed_changes_no_status(folder: Path, closed: str) -> None:
    """As a service manager starts a program."""
    before = usual(folder, "check")
    command = f'exec "$0" -m swiftkit check "$1" --sample 1 {closed}'
    words = ["sh", "-c", command, sys.executable, f"{NAME}.jsonl"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == before.returncode


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "preflight"])
def test_stdout_on_a_full_disk_is_status_4(folder: Path, command: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "swiftkit", *COMMANDS[command].split()]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            words, cwd=folder, env=environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 4
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("swiftkit: cannot print: No space left on device")


def test_table_is_as_wide_as_the_terminal_and_whole_in_a_pipe(folder: Path) -> None:
    """COLUMNS counts on a terminal alone; in a pipe a cell stays in its line."""
    (folder / "long.jsonl").write_text(f'{{"messages": {TURNS.replace(NAME, "a " * 200)}}}\n' * 2)
    command = "check long.jsonl"
    piped = run(folder, command).stdout.decode().splitlines()
    assert max(map(len, piped)) > 100
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "61", "TERM": "xterm"}
    words = [sys.executable, "-m", "swiftkit", *command.split()]
    reading, writing = pty.openpty()
    with subprocess.Popen(words, cwd=folder, env=environment, stdout=writing) as process:
        os.close(writing)
        shown = b""
        try:
            while piece := os.read(reading, 4096):
                shown += piece
        except OSError:  # a terminal whose last writer has gone
            pass
    os.close(reading)
    assert process.returncode == 0
    table = [line for line in shown.decode().splitlines() if "duplicate" in line]
    assert table
    assert max(map(len, table)) <= 61
