"""Files that hold no rows are named for what they are, with a way to save them as rows."""

import bz2
import io
import json
import lzma
import pickle
import re
import shlex
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from helpers.paths import SHARED_CASES
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.files.foreign import check_content
from swiftkit.files.inputs import read_chunks

ROWS = [{"instruction": f"Question {number}", "output": "北京, ok"} for number in range(3)]


def records(file: Path) -> list[Any]:
    return [
        msgspec.json.decode(record) for chunk in read_chunks([file]) for _, record in chunk.records
    ]


def table(separator: str) -> bytes:
    rows = [f'{row["instruction"]}{separator}"{row["output"]}"' for row in ROWS]
    return "\n".join([f"instruction{separator}output", *rows]).encode()


def zipped(*names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return sink.getvalue()


def tarred() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("rows.jsonl"), io.BytesIO())
    return sink.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html><body>Not found</body></html>"
FOREIGN: dict[str, tuple[bytes, str]] = {
    "tabs.jsonl": (table("\t"), r"a table with tabs \(instruction, output\): give .* \.tsv"),
    "commas.jsonl": (table(","), r"a CSV table \(instruction, output\): give .* \.csv"),
    "commas.json": (table(","), "a CSV table"),
    "semicolons.txt": (table(";"), "a CSV table .*: save it with commas"),
    "tabs.csv": (table("\t"), r"not separated by commas.*give it the ending \.tsv"),
    "commas.tsv": (b"instruction,output\nq,a", r"not separated by tabs.*give it the ending \.csv"),
    "json.csv": (json.dumps(ROWS[0]).encode(), r"JSON, not a table: give .* \.jsonl"),
    "json.tsv": (json.dumps(ROWS).encode(), "JSON, not a table"),
    "rows.yaml": (b"---\n" + yaml.safe_dump(ROWS).encode(), "is YAML: python -c"),
    "mapping.json": (b"version: 1\nrows: []\n", "is YAML"),
    "stream.jsonl": (b'event: delta\ndata: {"id": 1}\n\ndata: [DONE]\n', "server-sent events"),
    "repr.jsonl": ("\n".join(map(repr, ROWS)).encode(), "Python's text of dicts"),
    "repr.json": (repr(ROWS).encode(), "Python's text of dicts"),
    "page.jsonl": (PAGE, "an HTML page"),
    "page.parquet": (PAGE, "an HTML page"),
    "denied.json": (b"<?xml version='1.0'?><Error/>", "is XML"),
    "pointer.jsonl": (POINTER, "a Git LFS pointer.*git lfs pull"),
    "pointer.parquet": (POINTER, "a Git LFS pointer"),
    "pointer.arrow": (POINTER, "a Git LFS pointer"),
    "sheet.xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel sheet"),
    "weights.bin": (zipped("archive/data.pkl"), "a model's weights"),
    "arrays.npz": (zipped("a.npy"), "arrays of NumPy"),
    "rows.zip": (zipped("rows.jsonl"), "a ZIP archive"),
    "old.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel sheet"),
    "rows.pkl": (pickle.dumps(ROWS), "a pickle of Python: loading it runs code"),
    "old.pkl": (pickle.dumps(ROWS, 2), "a pickle of Python"),
    "array.npy": (b"\x93NUMPY\x01\x00v\x00{'descr'", "an array of NumPy"),
    "rows.tar": (tarred(), "a tar archive"),
    "model.safetensors": ((2).to_bytes(8, "little") + b'{"a":{}}', "safetensors"),
    "model.gguf": (b"GGUF\x03\0\0\0", "GGUF"),
    "rows.h5": (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    "rows.avro": (b"Obj\x01\x04\x16", "an Avro file"),
    "rows.jsonl.bz2": (bz2.compress(b"{}"), "compressed with bzip2: unpack it"),
    "rows.jsonl.xz": (lzma.compress(b"{}"), "compressed with xz: unpack it"),
    "paper.jsonl": (b"%PDF-1.7\n", "a PDF"),
    "zeros.jsonl": (bytes(5000), "is no text"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_named_with_its_fix(tmp_path: Path, name: str) -> None:
    """In one sentence, instead of a reject for each of its lines."""
    content, said = FOREIGN[name]
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        records(file)
    assert caught.value.code in ("unreadable_file", "broken_csv")
    assert str(caught.value).startswith(str(file))


def sqlite(file: Path) -> None:
    base = sqlite3.connect(file)
    base.execute("create table rows (instruction text, output text)")
    base.executemany("insert into rows values (:instruction, :output)", ROWS)
    base.commit()
    base.close()


WRITTEN: dict[str, Callable[[Path], Any]] = {
    "rows.pkl": lambda file: file.write_bytes(pickle.dumps(ROWS)),
    "rows.yaml": lambda file: file.write_text(yaml.safe_dump(ROWS, allow_unicode=True), "utf-8"),
    "rows.sqlite": sqlite,
    "lines.jsonl": lambda file: file.write_text("\n".join(map(repr, ROWS)), "utf-8"),
    "list.json": lambda file: file.write_text(repr(ROWS), "utf-8"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_line_that_is_advised_makes_the_rows(tmp_path: Path, name: str) -> None:
    """It runs as it stands; of a database one has to name the table and its columns."""
    file = tmp_path / name
    WRITTEN[name](file)
    with pytest.raises(DataError) as caught:
        records(file)
    command = re.search(r"python -c .* > rows\.jsonl", str(caught.value))
    assert command
    line = command[0].replace("TABLE", "rows")
    for column in ("instruction", "output") * 2:
        line = line.replace("COLUMN", column, 1)
    line = line.replace("python", shlex.quote(sys.executable), 1)
    subprocess.run(line, shell=True, check=True, cwd=tmp_path)  # noqa: S602 - the line we advise
    assert records(tmp_path / "rows.jsonl") == ROWS


def test_a_path_with_quotes_stays_out_of_the_line(tmp_path: Path) -> None:
    """A file's name is hostile: the line is for a shell."""
    file = tmp_path / "a'$(touch x)\".yaml"
    file.write_bytes(yaml.safe_dump(ROWS).encode())
    with pytest.raises(DataError) as caught:
        records(file)
    assert "open('FILE', 'rb')" in str(caught.value)


def arrow(rows: list[dict[str, Any]], as_file: bool) -> bytes:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` or `train` brings it")
    ipc = pytest.importorskip("pyarrow.ipc")
    content = pyarrow.Table.from_pylist(rows)
    sink = io.BytesIO()
    with (ipc.new_file if as_file else ipc.new_stream)(sink, content.schema) as writer:
        writer.write_table(content, max_chunksize=400)
    return sink.getvalue()


@pytest.mark.parametrize("ending", [".arrow", ".feather"])
@pytest.mark.parametrize("as_file", [True, False])
def test_arrow_files_are_read(tmp_path: Path, as_file: bool, ending: str) -> None:
    """A file as Feather has it, or a stream as `datasets` keeps it; in pieces, all bytes seen."""
    rows = [{"a": str(number), "b": [{"c": number}, None]} for number in range(1000)]
    file = tmp_path / f"rows{ending}"
    file.write_bytes(arrow(rows, as_file))
    seen: list[int] = []
    places = []
    for chunk in read_chunks([file], seen.append, 1000):
        places += [(place, msgspec.json.decode(record)) for place, record in chunk.records]
    assert places == list(enumerate(rows, 1))
    assert file.stat().st_size * 0.8 <= sum(seen) <= file.stat().st_size
    other = tmp_path / "rows.jsonl"
    other.write_bytes(file.read_bytes())
    with pytest.raises(
        DataError, match=r"an Arrow (file|stream): give the file the ending \.arrow"
    ):
        records(other)


@pytest.mark.parametrize("cut", [4, 700, -30])
@pytest.mark.parametrize("as_file", [True, False])
def test_half_an_arrow_file_stops_the_run(tmp_path: Path, as_file: bool, cut: int) -> None:
    """As half a Parquet file does."""
    file = tmp_path / "half.arrow"
    file.write_bytes(arrow([{"a": "x" * 300}] * 1000, as_file)[:cut])
    with pytest.raises(DataError, match="cannot be read") as caught:
        records(file)
    assert caught.value.code == "unreadable_file"


def test_the_shared_cases_are_read() -> None:
    """types.feather and tab.tsv of the shared cases."""
    feather, tsv = SHARED_CASES / "data" / "types.feather", SHARED_CASES / "data" / "tab.tsv"
    if not feather.exists():
        pytest.skip("the shared cases are not here")
    pytest.importorskip("pyarrow", reason="the extra `parquet` or `train` brings it")
    assert len(records(feather)) == 3
    assert records(tsv) == [{"instruction": "a", "output": "b"}]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.dictionaries(st.text(max_size=6), values, min_size=1), min_size=1, max_size=8),
    st.lists(st.text(max_size=30), max_size=3),
    st.booleans(),
)
def test_json_is_never_foreign(rows: list[Any], junk: list[str], ascii_only: bool) -> None:
    """Whatever its texts hold, and whichever lines between the rows are broken."""
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows] + junk
    for text in ("\n".join(lines), json.dumps(rows), json.dumps(rows, indent=1)):
        head = text.encode("utf-8", "replace")
        if head.count(0) > 50:
            continue
        check_content(Path("raw.jsonl"), "raw.jsonl", head, ".jsonl")


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300), st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".parquet"]))
def test_no_bytes_break_the_look_at_them(head: bytes, kind: str) -> None:
    """There is a verdict, or none."""
    with suppress(DataError):
        check_content(Path("raw"), "raw", head, kind)
