"""Reading input: every kind of file gives the same records and places, in pieces, and nothing ends
in silence."""

import bz2
import csv
import gzip
import io
import json
import sys
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError, SwiftkitError, UsageError
from swiftkit.files import inputs as sources
from swiftkit.files import jsonl
from swiftkit.files.inputs import (
    Chunk,
    Span,
    find_files,
    kind_of,
    left_alone,
    read_chunks,
    read_span,
    read_spans,
)
from swiftkit.files.jsonl import BOM, decode_record
from swiftkit.files.readers import json_items
from swiftkit.files.readers.json_items import json_records

ROWS = [
    {"instruction": f"Question {i}: [a], {{b}}", "output": 'An "answer".\n北京'} for i in range(3)
]
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()
LIST = json.dumps(ROWS).encode()


def zstd(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd as library
    else:
        library = pytest.importorskip("backports.zstd", reason="scripts/setup.sh installs it")
    packed: bytes = library.compress(data)
    return packed


def csv_of(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parquet_of(rows: list[dict[str, Any]] | Any) -> bytes:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` or `train` brings it")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.Table.from_pylist(rows) if isinstance(rows, list) else rows
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


def read(path: Path) -> list[tuple[int, Any]]:
    """(place, record) of each record; the code of what cannot be one in its place."""
    return [
        (place, decoded(record)) for chunk in read_chunks([path]) for place, record in chunk.records
    ]


def decoded(record: bytes) -> Any:
    try:
        return decode_record(record, "here")
    except DataError as error:
        return error.code


def written(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


FORMS: dict[str, Callable[[], bytes]] = {
    "rows.jsonl": lambda: LINES,
    "rows.JSONL": lambda: b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n") + b"\n",
    "list.json": lambda: LIST,
    "pretty.json": lambda: json.dumps(ROWS, indent=2, ensure_ascii=False).encode(),
    "blanks.json": lambda: b"\xef\xbb\xbf  \n" + LIST + b"\n\n",
    "lines.json": lambda: LINES,
    "one_after_the_other.json": lambda: "\n".join(
        json.dumps(row, indent=1) for row in ROWS
    ).encode(),
    "rows.jsonl.gz": lambda: gzip.compress(LINES),
    "two_members.json.gz": lambda: gzip.compress(LIST[:40]) + gzip.compress(LIST[40:]),
    "rows.jsonl.zst": lambda: zstd(LINES),
    "two_frames.json.zst": lambda: zstd(LIST[:40]) + zstd(LIST[40:]),
    "gzip_under_a_plain_name.jsonl": lambda: gzip.compress(LINES),
    "plain_under_a_gzip_name.jsonl.gz": lambda: LINES,
    "rows.csv": lambda: csv_of(ROWS),
    "rows.csv.gz": lambda: gzip.compress(b"\xef\xbb\xbf" + csv_of(ROWS)),
    "rows.parquet": lambda: parquet_of(ROWS),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_records(tmp_path: Path, name: str) -> None:
    """And the bytes that were seen add up to the size of the file."""
    file = written(tmp_path, name, FORMS[name]())
    records = read(file)
    assert [record for _, record in records] == ROWS
    # its answers take two lines each
    places = [2, 4, 6] if name.startswith("rows.csv") else [1, 2, 3]
    assert [place for place, _ in records] == places
    seen: list[int] = []
    list(read_chunks([file], seen.append))
    assert sum(seen) == file.stat().st_size


@pytest.mark.parametrize(
    "content", [LINES, LIST, gzip.compress(LINES), b"\n" + LINES, LIST.replace(b"}, ", b"},\n\n")]
)
def test_read_chunks_of_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Packed or not, JSON Lines or a list."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    places = [2, 3, 4] if content.startswith(b"\n") else [1, 2, 3]
    assert read(Path("-")) == list(zip(places, ROWS, strict=True))


def test_find_files_in_a_folder(tmp_path: Path) -> None:
    """All kinds of data files in it, by name; what else is there can be told."""
    for name in (
        "b.jsonl.gz",
        "a.csv",
        "C.PARQUET",
        "d.json.zst",
        "e.jsonl",
        "notes.txt",
        ".f.tmp",
        "g.xlsx",
    ):
        written(tmp_path, name, b"")
    (tmp_path / "possible_answer").mkdir()
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    files = find_files([tmp_path], [tmp_path / "e.jsonl"])
    assert [file.name for file in files] == ["C.PARQUET", "a.csv", "b.jsonl.gz", "d.json.zst"]
    assert [path.name for path in left_alone([tmp_path])] == [
        "g.xlsx",
        "gone.jsonl",
        "notes.txt",
        "possible_answer",
    ]
    with pytest.raises(
        UsageError, match=r"no data file in this folder itself \(.jsonl, .json, .csv, .parquet"
    ):
        find_files([tmp_path / "possible_answer"], [])
    outer = tmp_path / "dict"
    (outer / "train").mkdir(parents=True)
    written(outer, "dataset_dict.json", b"{}")
    written(outer / "train", "data.arrow", b"")
    with pytest.raises(UsageError, match="in its folders: give one, train"):
        find_files([outer], [])


def test_kind_of_a_path_is_its_ending() -> None:
    """The ending without the packing; what is unknown is read as JSON Lines."""
    names = ("a.jsonl", "a.b.json.gz", "a.CSV.ZST", "a.parquet", "a.txt", "gz", "-")
    kinds = [".jsonl", ".json", ".csv", ".parquet", ".txt", "", ".json"]
    assert [kind_of(Path(name)) for name in names] == kinds


def tar() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("rows.jsonl"), io.BytesIO())
    return sink.getvalue()


UNREADABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "half.jsonl.gz": (lambda: gzip.compress(LINES * 9)[:-9], "cannot be read"),
    "half.jsonl.zst": (lambda: zstd(LINES * 9)[:-1], "cannot be read"),
    "garbage_after.jsonl.gz": (lambda: gzip.compress(LINES) + b"garbage", "Not a gzipped file"),
    "garbage_after.jsonl.zst": (lambda: zstd(LINES) + b"garbage", "cannot be read"),
    "half.parquet": (lambda: parquet_of(ROWS)[:-30], "cannot be read"),
    "empty.parquet": (lambda: b"", "cannot be read"),
    "parquet.jsonl": (lambda: parquet_of(ROWS), "give the file the ending .parquet"),
    "sheet.csv": (lambda: b"PK\x03\x04...", "save the sheet as CSV"),
    "utf16.jsonl": (lambda: LINES.decode().encode("utf-16"), "UTF-16"),
    "rows.jsonl.bz2": (lambda: bz2.compress(LINES), "bzip2: unpack it"),
    "rows.tar.gz": (tar, "a tar archive: unpack it"),
    "two_names.csv": (lambda: b"a,b,a\n1,2,3\n", "two columns of one name"),
    "semicolons.csv": (lambda: b"instruction;output\nq;a\n", "not separated by commas"),
    "names.csv": (lambda: b'"instruction"x,output\nq,a\n', "the line of names"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_to_its_end_stops_the_run(tmp_path: Path, name: str) -> None:
    """How many rows are lost, nobody can say: so there is one sentence with the file's name, and no
    account."""
    content, said = UNREADABLE[name]
    with pytest.raises(DataError, match=said) as caught:
        read(written(tmp_path, name, content()))
    assert name in caught.value.reason
    assert caught.value.fix or ":" in caught.value.reason


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where such a file occurs, with the command that installs it."""
    packed = written(tmp_path, "rows.jsonl.zst", b"\x28\xb5\x2f\xfd...")
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    monkeypatch.setitem(sys.modules, "pyarrow.compute", None)
    with pytest.raises(SwiftkitError, match=r"pip install backports\.zstd"):
        read(packed)
    with pytest.raises(SwiftkitError, match=r"pip install 'swiftkit\[parquet\]'"):
        read(written(tmp_path, "rows.parquet", b"PAR1"))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('id:"\\{}[],', max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(json_values, max_size=12),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.sampled_from([1, 7, 64, 4096]),
)
@example([{"id": 1, "calls": [{"id": 2}, {"id": 3}]}] * 5, None, False, 64)
@example([{"id": 1, "text": '}, {"id": [\\'}] * 5, None, False, 64)
def test_any_list_is_cut_into_its_items(
    items: list[Any], indent: int | None, ascii_only: bool, block: int
) -> None:
    """Whatever the items hold and wherever the pieces that are read end."""
    text = json.dumps(items, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")
    expected = json.loads(text)
    cut = list(json_records(io.BufferedReader(io.BytesIO(text)), block))
    assert [place for place, _ in cut] == list(range(1, len(items) + 1))
    assert [json.loads(item) for _, item in cut] == expected


@pytest.mark.parametrize("size", [3, 3000])
@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        (b'{"a": NaN}', ["broken_json"]),
        (b'{"a": "\xff"}', ["broken_json"]),
        (b"{a: 1}", ["broken_json"]),
        (b'{"a": 1]', ["broken_json"]),
        (b'{"a": 1}}', [{"a": 1}, "broken_json"]),
        (b'{"a": "\\ud800"}', ["broken_json"]),
        (b'{"a": 1, "a": 2}', ["duplicate_key"]),
        (b"[" * 10_000 + b"]" * 10_000, ["too_deep"]),
        (b"tru, 1 2", ["broken_json", 1, 2]),
    ],
)
def test_a_fault_in_an_item_costs_that_item_alone(
    tmp_path: Path, fault: bytes, codes: list[Any], size: int
) -> None:
    """The items before and after it are read, also where all of them are cut at once."""
    good = [b'{"id": %d, "calls": [{"id": 1}, {"id": 2}]}' % number for number in range(size)]
    records = [
        record
        for _, record in read(
            written(tmp_path, "a.json", b"[" + b",".join([*good, fault, *good]) + b"]")
        )
    ]
    assert len(records) == 2 * size + len(codes)
    assert records[size:-size] == codes


@pytest.mark.parametrize(
    ("text", "records"),
    [
        (b'[{"a": 1}, {"a": 2}', [{"a": 1}, {"a": 2}, "broken_json"]),
        (b'[{"a": 1}, {"a": 2', [{"a": 1}, "broken_json"]),
        (b'[{"a": 1}, {"a": "2}, {"a": 3}]', [{"a": 1}, "broken_json"]),
        (b'[{"a": 1}, {"a": [2}, {"a": 3}]', [{"a": 1}, "broken_json", "broken_json"]),
        (b'[{"a": 1}', [{"a": 1}, "broken_json"]),
        (b"[", ["broken_json"]),
        (b"[]", []),
        (b'[{"a": 1}] {"a": 2}', [{"a": 1}, {"a": 2}, "broken_json"]),
        (b'{"a": 1}\n{"a": 2}\n{"a": 3', [{"a": 1}, {"a": 2}, "broken_json"]),
        (b'{\n"a": 1', ["broken_json"]),
        (b'{"a": NaN}\n{"a": 2}', ["broken_json", {"a": 2}]),
        (b"5", [5]),
        (b"", []),
    ],
)
def test_where_the_text_breaks_off_there_is_a_reject(
    tmp_path: Path, text: bytes, records: list[Any]
) -> None:
    """What could be told apart before it is kept."""
    assert [record for _, record in read(written(tmp_path, "a.json", text))] == records


def test_a_record_without_end_is_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; a line's end is found again, that of an item is not."""
    for module in (jsonl, json_items):
        monkeypatch.setattr(module, "RECORD_LIMIT", 1000)
    long = b'{"a": "' + b"x" * 5000 + b'"}'
    lines = written(
        tmp_path, "a.jsonl", b'{"a": 1}\n' + long + b'\n{"a": 2}\n' + b" " * 3000 + long
    )
    assert read(lines) == [
        (1, {"a": 1}),
        (2, "record_too_long"),
        (3, {"a": 2}),
        (4, "record_too_long"),
    ]
    items = io.BufferedReader(io.BytesIO(b'[{"a": 1},' + long + b'{"a": 2}]'))
    records = [(place, decoded(record)) for place, record in json_records(items, 100)]
    assert records == [(1, {"a": 1}), (2, "record_too_long")]


@pytest.mark.parametrize("name", ["big.jsonl", "big.json", "big.jsonl.gz", "big.csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    """A file of 48 MB is read in less than 12."""
    row = {"instruction": "x" * 1500, "output": "y" * 1500}
    content = {
        ".json": b"[" + b", ".join([json.dumps(row).encode()] * 16_000) + b"]",
        ".csv": csv_of([row] * 16_000),
    }.get(kind_of(Path(name)), (json.dumps(row).encode() + b"\n") * 16_000)
    file = written(tmp_path, name, gzip.compress(content, 1) if name.endswith(".gz") else content)
    assert len(content) > 48_000_000
    del content
    tracemalloc.start()
    count = sum(len(chunk.records) for chunk in read_chunks([file]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, peak < 12_000_000) == (16_000, True), peak


def padded(values: list[Any]) -> list[Any]:
    return [{"calls": [{"name": "f", "arguments": value}]} for value in values]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            padded([{"a": 1}, {"b": 2}, {}, {"a": 0, "b": 0}]),
            padded([{"a": 1}, {"b": 2}, {}, {"a": 0, "b": 0}]),
        ),
        (
            padded([{"a": {"x": "1"}}, {"a": {"y": [1, None]}}]),
            padded([{"a": {"x": "1"}}, {"a": {"y": [1, None]}}]),
        ),
        (padded([{"a": None, "b": 1}, None]), [*padded([{"b": 1}]), {"calls": [{"name": "f"}]}]),
        ([{"a": "1", "b": None}, {"b": ""}, {}], [{"a": "1"}, {"b": ""}, {}]),
        (
            [{"a": [None, {"b": None}]}, {"a": []}, {"a": [{"b": "c"}]}],
            [{"a": [None, {}]}, {"a": []}, {"a": [{"b": "c"}]}],
        ),
    ],
)
def test_parquet_adds_no_nulls(tmp_path: Path, rows: list[Any], expected: list[Any]) -> None:
    """The keys that Parquet gave to all objects of a column are those that each had, less its own
    nulls."""
    assert [
        record for _, record in read(written(tmp_path, "a.parquet", parquet_of(rows)))
    ] == expected


def test_parquet_values_become_json(tmp_path: Path) -> None:
    """What JSON has no word for becomes text or absent; an infinite number is refused."""
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` or `train` brings it")
    table = pyarrow.table(
        {
            "number": pyarrow.array([1.5, float("nan"), None]),
            "bytes": pyarrow.array([b"text", b"\xff\xd8", None]),
            "time": pyarrow.array([0, None, 1], pyarrow.timestamp("ns")),
            "map": pyarrow.array(
                [[("k", None)], [], None], pyarrow.map_(pyarrow.string(), pyarrow.int64())
            ),
            "category": pyarrow.array(["x", "y", None]).dictionary_encode(),
            "pair": pyarrow.array([[1, 2], None, [3, 4]], pyarrow.list_(pyarrow.int64(), 2)),
        }
    )
    assert [record for _, record in read(written(tmp_path, "a.parquet", parquet_of(table)))] == [
        {
            "number": 1.5,
            "bytes": "text",
            "time": "1970-01-01 00:00:00.000000000",
            "map": {"k": None},
            "category": "x",
            "pair": [1, 2],
        },
        {"map": {}, "category": "y"},
        {"time": "1970-01-01 00:00:00.000000001", "pair": [3, 4]},
    ]
    text = pyarrow.array([b"good", b"\xff"]).cast(pyarrow.binary()).view(pyarrow.string())
    bad = pyarrow.table({"text": text, "number": [1.0, 2.0]})
    assert read(written(tmp_path, "b.parquet", parquet_of(bad))) == [
        (1, {"text": "good", "number": 1.0}),
        (2, "not_utf8"),
    ]
    infinite = pyarrow.table({"number": [float("inf"), 2.0]})
    assert read(written(tmp_path, "c.parquet", parquet_of(infinite))) == [
        (1, "broken_json"),
        (2, {"number": 2.0}),
    ]


def test_parquet_is_read_in_pieces(tmp_path: Path) -> None:
    """Also a file of one row group; the rows keep their numbers."""
    file = written(
        tmp_path, "a.parquet", parquet_of([{"a": str(number)} for number in range(5000)])
    )
    chunks = list(read_chunks([file], chunk_bytes=1000))
    assert len(chunks) > 50
    places = [(place, decoded(record)) for chunk in chunks for place, record in chunk.records]
    assert places == [(number + 1, {"a": str(number)}) for number in range(5000)]


NESTED = '[{""role"": ""user"", ""content"": ""Hi, you.""}]'
MESSAGE = [{"role": "user", "content": "Hi, you."}]
CSV: list[tuple[bytes, list[Any]]] = [
    (b"a,b\r\n1,\r\n\r\n,2\r\n", [(2, {"a": "1", "b": ""}), (4, {"a": "", "b": "2"})]),
    (b'a,b\n"x,\n""y""",2\n3,4', [(2, {"a": 'x,\n"y"', "b": "2"}), (4, {"a": "3", "b": "4"})]),
    (b",a\n0,x\n1,y\n", [(2, {"a": "x"}), (3, {"a": "y"})]),
    (
        (
            b"a,b\n1\n1,2,3\n1,2\n",
            [(2, "broken_csv"), (3, "broken_csv"), (4, {"a": "1", "b": "2"})],
        )
    ),
    (b'a\n{"b": 1,"c": 2}\n5,\n', [(2, "broken_csv"), (3, "broken_csv")]),
    (b'a,b\n1,2\n"3,4\n5,6\n', [(2, {"a": "1", "b": "2"}), (3, "broken_csv")]),
    (b'a,b\n"1"2,3\n4,5\n', [(2, "broken_csv"), (3, {"a": "4", "b": "5"})]),
    ("a\n好\n".encode("gbk") + b"x\n", [(2, "not_utf8"), (3, {"a": "x"})]),
    (b"a,b\n\0,2\n", [(2, {"a": "\0", "b": "2"})]),
    (f'messages\n"{NESTED}"\n'.encode(), [(2, {"messages": MESSAGE})]),
    (
        f'prompt,output\n"{NESTED}","{NESTED}"\n'.encode(),
        [(2, {"prompt": MESSAGE, "output": json.dumps(MESSAGE)})],
    ),
    (b'prompt\n"[1, 2]"\n[not JSON]\n', [(2, {"prompt": "[1, 2]"}), (3, {"prompt": "[not JSON]"})]),
    (b"messages\n\"[{'role': 'user'}]\"\nHello\n", [(2, "bad_cell"), (3, "bad_cell")]),
    (b"a" * 200_000 + b"\n" + b"b" * 200_000, [(2, {"a" * 200_000: "b" * 200_000})]),
    (b"", []),
]


@pytest.mark.parametrize(("content", "records"), CSV)
def test_csv_rows_are_read_or_rejected(tmp_path: Path, content: bytes, records: list[Any]) -> None:
    """Quotes, line breaks and nested JSON are read; a row that does not fit its names is a reject,
    never a guess."""
    assert read(written(tmp_path, "a.csv", content)) == records


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"", b"{}", b" {\t} ", b"[1]\r", b"x" * 40, b"\x00", "\u2028北京".encode()]
        ),
        max_size=30,
    ),
    st.sampled_from([b"", BOM]),
    st.booleans(),
    st.integers(1, 60),
)
def test_spans_hold_the_same_lines_as_chunks(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    mark: bytes,
    ended: bool,
    size: int,
) -> None:
    """With their numbers, wherever the pieces end, and with nothing between them."""
    file = tmp_path_factory.mktemp("spans") / "raw.jsonl"
    file.write_bytes(mark + b"\n".join(lines) + b"\n" * ended)
    seen: list[int] = []
    spans = [span for span in read_spans([file], seen.append, size) if isinstance(span, Span)]
    assert [record for span in spans for record in read_span(span).records] == [
        record for chunk in read_chunks([file]) for record in chunk.records
    ]
    assert sum(seen) == sum(span.size for span in spans) == file.stat().st_size


def test_a_span_of_one_long_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer than a record may be is not read to its end; the next line keeps its
    number."""
    monkeypatch.setattr(jsonl, "RECORD_LIMIT", 1000)
    monkeypatch.setattr(sources, "RECORD_LIMIT", 1000)
    file = written(tmp_path, "a.jsonl", b"{}\n" + b"[" * (3 << 20) + b"\n[]\n")
    spans = [span for span in read_spans([file], lambda _: None, 100) if isinstance(span, Span)]
    records = [record for span in spans for record in read_span(span).records]
    assert [(number, len(record)) for number, record in records] == [(1, 2), (2, 1000), (3, 2)]
    assert isinstance(records[1][1], jsonl.BrokenRecord)


def test_what_is_no_plain_text_comes_as_chunks(tmp_path: Path) -> None:
    """A packed file, a list, a table, a pipe."""
    packed = written(tmp_path, "a.jsonl", gzip.compress(b"{}\n[]\n"))
    listed = written(tmp_path, "a.json", b"[{}, []]")
    pieces = list(read_spans([packed, listed], lambda _: None, 100))
    assert [piece.records for piece in pieces if isinstance(piece, Chunk)] == [
        [(1, b"{}"), (2, b"[]")]
    ] * 2
