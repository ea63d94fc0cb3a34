"""Worker processes: their outcomes come back in order, and the files are those of one process."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from swiftkit.data import convert
from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions, convert_chunk
from swiftkit.data.workers import in_order
from swiftkit.files import jsonl
from swiftkit.files.inputs import Chunk

GOOD = {
    "messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
}
PAIR = {**GOOD, "rejected_response": "Go away."}


def line(size: int = 0, **columns: Any) -> bytes:
    return json.dumps({**GOOD, "note": "x" * size, **columns}).encode()


def chunk(*records: bytes) -> Chunk:
    return Chunk(Path("raw.jsonl"), list(enumerate(records, 3)))


@pytest.mark.parametrize("most", [1, 2, 100])
@pytest.mark.parametrize(
    "options", [ConvertOptions(), ConvertOptions("grpo"), ConvertOptions("kto")]
)
def test_every_outcome_comes_back_in_order(options: ConvertOptions, most: int) -> None:
    """Rows, several rows of one record, rejects, and nothing at all, however many pieces are under
    way."""
    pair = json.dumps(PAIR).encode()
    chunks = [
        chunk(line(), line(), b"{", line(), pair, b"[1]", line(kto_tag=False)),
        chunk(),
        chunk(line(10), jsonl.too_long(b"{" * 100), line(10)),
        chunk(*[line(900) for _ in range(500)]),
    ]
    with ThreadPoolExecutor(2) as pool:
        submit = partial(pool.submit, convert_chunk, options=options)
        outcomes = list(in_order(submit, iter(chunks * 3), most))
    expected = [outcome for piece in chunks * 3 for outcome in convert_chunk(piece, options)]
    assert outcomes == expected


def test_two_processes_write_what_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of the short way too, byte for byte; and the same report."""
    monkeypatch.setattr(convert, "PIECE_BYTES", 1 << 14)
    raw = tmp_path / "raw.jsonl"
    raw.write_bytes(
        b"\n".join(line(number % 700, id=number) if number % 97 else b"{" for number in range(2000))
    )
    written = []
    for workers in (1, 2):
        report = convert_files(
            [raw], tmp_path / "rows.jsonl", None, ConvertOptions(workers=workers)
        )
        written.append(((tmp_path / "rows.jsonl").read_bytes(), report))
    assert written[0] == written[1]
    assert (report.rows_out, report.rows_rejected) == (1979, 21)
    assert report.first_rows == {"openai": "raw.jsonl:2"}


def test_max_samples_stops_the_workers(tmp_path: Path) -> None:
    """The rest is not converted."""
    raw = tmp_path / "raw.jsonl"
    raw.write_bytes(b"\n".join(line(3000) for _ in range(2000)))
    options = ConvertOptions(workers=2, max_samples=5)
    report = convert_files([raw], tmp_path / "rows.jsonl", None, options)
    assert (report.rows_in, report.rows_out) == (5, 5)
