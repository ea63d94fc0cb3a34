"""Settings in `.env`, in whatever form editors, shells and other programs have left the file."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT

from swiftkit.cli.dotenv import read_dotenv

KEY = "OPENAI_API_KEY"
LINES = {
    f"{KEY}=abc # a note": "abc",
    f"{KEY}=abc\t# a note": "abc",
    f"{KEY}=abc#def": "abc#def",
    f"{KEY}='abc # def'  # a note": "abc # def",
    f'{KEY}="abc # def"': "abc # def",
    f'{KEY}="a\\"b\\\\c\\n"': 'a"b\\c\\n',
    f"{KEY}= # nothing": "",
    f"{KEY}=": "",
    f"{KEY}=''": "",
    f"{KEY}=it's": "it's",
    f"  export  {KEY} = abc  ": "abc",
    f"export\t{KEY}=abc\r": "abc",
    f"{KEY}=$HOME/${{A}}": "$HOME/${A}",
    f"{KEY}=a=b==": "a=b==",
    f"# {KEY}=abc": None,
    f"{KEY}": None,
    f"MY_{KEY}=abc": None,
    "PATH=/none": None,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "SWIFTKIT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(KEY, "")  # so that what the test sets goes with it
    monkeypatch.delenv(KEY)
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_line_is_read_as_a_shell_reads_it(folder: Path, line: str) -> None:
    (folder / ".env").write_bytes(f"A=1\n{line}\nB='it\n".encode())
    read_dotenv()
    assert os.environ.get(KEY) == LINES[line]


@pytest.mark.parametrize(
    "raw",
    [
        f"\ufeff{KEY}=abc\n".encode(),
        f"{KEY}=abc\r\n# 注释\r\n".encode("utf-16"),
        f"\ufeff{KEY}=abc\n".encode("utf-16-be"),
        f"{KEY}=abc\n".encode("utf-16-le"),
        f"{KEY}=abc\n".encode("utf-16-be"),
        f"# 密钥 的说明\n{KEY}=abc # 注释\n".encode("gbk"),
        f"# clé\n{KEY}=abc\n".encode("latin-1"),
        f"A=\x00\n{KEY}=abc\n".encode(),
        f"# a\x85b\n{KEY}=abc\rB=1".encode(),
    ],
)
def test_encoding_of_the_file_does_not_matter(folder: Path, raw: bytes) -> None:
    (folder / ".env").write_bytes(raw)
    read_dotenv()
    assert os.environ[KEY] == "abc"


def test_the_environment_wins_and_the_last_line_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a shell; that a name stands there twice is said, without its value."""
    (folder / ".env").write_text(f"{KEY}=first\n{KEY}=last\n", encoding="utf-8")
    read_dotenv()
    assert os.environ[KEY] == "last"
    assert capsys.readouterr().err == f"note: .env sets {KEY} more than once; the last one counts\n"
    monkeypatch.setenv(KEY, "mine")
    read_dotenv()
    assert os.environ[KEY] == "mine"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("'secret", "the quote does not end"),
        ('"secret" more', "something follows it"),
        ("sec\0ret", "zero byte"),
    ],
)
def test_line_that_cannot_be_used_is_named_without_its_value(
    folder: Path, capsys: pytest.CaptureFixture[str], value: str, problem: str
) -> None:
    (folder / ".env").write_text(f"\n{KEY}={value}\n", encoding="utf-8")
    read_dotenv()
    said = capsys.readouterr().err
    assert KEY not in os.environ
    assert said.startswith(f"note: .env:2: {KEY} is left out: ")
    assert problem in said
    assert "sec" not in said


def test_what_is_no_file_is_not_waited_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder .env is a virtual environment; the others are named."""
    (folder / ".env").mkdir()
    read_dotenv()
    assert capsys.readouterr().err == ""
    (folder / ".env").rmdir()
    (folder / ".env").write_bytes(b"#" * (1 << 20) + f"\n{KEY}=abc".encode())
    read_dotenv()
    assert "larger than 1 MiB" in capsys.readouterr().err
    (folder / ".env").unlink()
    os.mkfifo(folder / ".env")
    assert stat.S_ISFIFO((folder / ".env").stat().st_mode)
    command = [sys.executable, "-m", "swiftkit", "tau-bench", "nowhere"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("note: .env is not read: no file, but a pipe")
    assert KEY not in os.environ
