"""Reading and writing JSON Lines: file:line in each error, and never a half file."""

import os
import stat
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from swiftkit.errors import DataError
from swiftkit.jsonl import Journal, decode_line, read_lines, read_objects, write_atomically


def test_lines_are_numbered_and_stripped(tmp_path: Path) -> None:
    """A byte order mark, CRLF, blank lines and a missing last line break are of no account."""
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n{"a":2}')
    assert list(read_lines(file)) == [(1, b'{"a":1}'), (4, b'{"a":2}')]
    assert [where for where, _ in read_objects(file)] == [f"{file}:1", f"{file}:4"]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (b'{"a": 1', "broken_json", "truncated"),
        (b'"\xff"', "broken_json", "utf-8"),
        (b"\x00", "broken_json", "malformed"),
        (b'"\\ud800"', "broken_json", "surrogate"),
        (b'{"a": "\\ud800"}', "broken_json", "surrogate"),
        (b"[" * 10_000, "too_deep", "nested"),
        (b"1e999", "broken_json", "range"),
    ],
)
def test_a_broken_line_says_where(line: bytes, code: str, said: str) -> None:
    """Any fault of a line is a DataError that begins with its place."""
    with pytest.raises(DataError, match=r"^f.jsonl:3: ") as caught:
        decode_line(line, "f.jsonl:3", msgspec.json.decode)
    assert caught.value.code == code
    assert said in caught.value.reason


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """The path and the system's reason."""
    with pytest.raises(DataError, match=r"none.jsonl: No such file"):
        list(read_lines(tmp_path / "none.jsonl"))


def test_write_atomically_keeps_the_old_file_until_the_end(tmp_path: Path) -> None:
    """A block that fails leaves what was there, and no draft."""
    file = tmp_path / "new" / "a.jsonl"
    with write_atomically(file) as out:
        out.write(b"old\n")
    with suppress(KeyboardInterrupt), write_atomically(file) as out:
        out.write(b"half")
        raise KeyboardInterrupt
    assert file.read_bytes() == b"old\n"
    assert list(file.parent.iterdir()) == [file]


def test_write_atomically_keeps_links_and_devices(tmp_path: Path) -> None:
    """A link stays a link to the new content; a device is written to, and not replaced by a file."""
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for path in (tmp_path / "link", Path(os.devnull)):
        with write_atomically(path) as out:
            out.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_sentence() -> None:
    """No traceback when nothing can be written."""
    with (
        pytest.raises(DataError, match=r"/dev/full: cannot be written: No space left"),
        write_atomically(Path("/dev/full")) as out,
    ):
        out.write(b"x")


def test_journal_cuts_off_half_a_line(tmp_path: Path) -> None:
    """What a kill left behind does not spoil the next record."""
    file = tmp_path / "journal.jsonl"
    file.write_bytes(b'{"a":1}\n{"a":')
    with Journal(file) as journal:
        journal.append({"a": 2})
    assert file.read_bytes() == b'{"a":1}\n{"a":2}\n'
