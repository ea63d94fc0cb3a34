"""Reading and writing JSON Lines: file:line in each error, and never a half file."""

import copy
import os
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.files.jsonl import (
    Journal,
    broken_record,
    decode_line,
    decode_record,
    put_first,
    read_lines,
    read_objects,
    write_atomically,
)


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
        (b"{'a': 1}", "broken_json", "Python's text"),
        (b'{"a": None}', "broken_json", "Python's text"),
        (b'{"a": 1},', "broken_json", "a comma behind the object"),
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


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"m": [{"role": "user", "content": "x", "content": "y"}]}', "content"),
        (b'{"a": {"b": 1}, "c": [], "a": {"b": 2}}', "a"),
        ('{"键": 1, "\\u952e": 2}'.encode(), "键"),
        (b'{"a": 1, "a": true}', "a"),
    ],
)
def test_two_values_of_one_key(line: bytes, lost: str) -> None:
    """JSON readers keep the last one in silence."""
    with pytest.raises(DataError, match=f"here: the key '{lost}' has two values") as caught:
        decode_record(line, "here")
    assert caught.value.code == "duplicate_key"


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": 1, "a": 1}',
        b'{"a:b": ":", "c": "\\u003a:", "d": {"a:b": 1e5}}',
        b'[{"a": 1}, {"a": 2}]',
        '"\\ud83d\\ude00: 北京"'.encode(),
        b"5",
    ],
)
def test_what_only_looks_like_two_values(line: bytes) -> None:
    """The same value twice, the same key in two objects, colons in texts."""
    assert decode_record(line, "here") == msgspec.json.decode(line)


def test_what_is_no_record_says_why_wherever_it_is_decoded() -> None:
    """Also when its text would pass as JSON, and after it was copied, as it is for a worker
    process."""
    record = copy.copy(broken_record(b"{}", DataError("three cells", "broken_csv", "quote them")))
    for decode in (
        decode_record,
        lambda line, where: decode_line(line, where, msgspec.json.decode),
    ):
        with pytest.raises(DataError, match=r"^row 3: three cells \(quote them\)$") as caught:
            decode(record, "row 3")
        assert caught.value.code == "broken_csv"


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
    """A link stays a link to the new content; a device is written to, and not replaced by a
    file."""
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


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (b'{"a":', b""),
        (b"\0" * 4096, b""),
        (b'{"a":3}', b'{"a":3}\n'),
        (b'{"a":"' + b"x" * (3 << 20), b""),
        (b"", b""),
    ],
)
@pytest.mark.parametrize("begin", [b"", b'{"a":1}\n'])
def test_journal_cuts_off_half_a_line(
    tmp_path: Path, begin: bytes, end: bytes, kept: bytes
) -> None:
    """What a kill or a power failure left behind does not spoil the next record; a whole record
    that lacks its line break alone is kept."""
    file = tmp_path / "journal.jsonl"
    file.write_bytes(begin + end)
    with Journal(file) as journal:
        journal.append({"a": 2})
    assert file.read_bytes() == begin + kept + b'{"a":2}\n'


@given(st.lists(st.tuples(st.binary(max_size=30), st.booleans()), max_size=20))
def test_put_first_moves_rows_and_loses_none(pieces: list[tuple[bytes, bool]]) -> None:
    """What is chosen stands first, everything keeps its order, nothing is lost."""
    starts = [sum(len(piece) for piece, _ in pieces[:index]) for index in range(len(pieces))]
    chosen = [
        (start, len(piece)) for start, (piece, first) in zip(starts, pieces, strict=True) if first
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(b"".join(piece for piece, _ in pieces))
        put_first(path, chosen)
        assert path.read_bytes() == b"".join(
            piece for piece, _ in sorted(pieces, key=lambda each: not each[1])
        )
