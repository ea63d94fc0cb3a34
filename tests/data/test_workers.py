"""Worker processes: what they are given and give back, through shared memory or past it."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from swiftkit.data import convert
from swiftkit.data import workers as convert_workers
from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import Options, convert_chunk
from swiftkit.data.workers import convert_in, shared
from swiftkit.files import jsonl
from swiftkit.files.inputs import Chunk

GOOD = {
    "messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
}
PAIR = {**GOOD, "rejected_response": "Go away."}
SHARED = Path("/dev/shm")  # noqa: S108


def line(size: int = 0, **columns: Any) -> bytes:
    return json.dumps({**GOOD, "note": "x" * size, **columns}).encode()


def chunk(*records: bytes) -> Chunk:
    return Chunk(Path("raw.jsonl"), list(enumerate(records, 3)))


@pytest.fixture
def _nothing_stays() -> Iterator[None]:
    """In the memory that processes share; other tests run beside this one."""
    yield
    assert not list(SHARED.glob(f"swiftkit_{os.getpid()}_*"))


@pytest.mark.usefixtures("_nothing_stays")
@pytest.mark.parametrize("free", [0, 3 << 20, 1 << 30])
@pytest.mark.parametrize("options", [Options(), Options("grpo"), Options("kto")])
def test_every_outcome_comes_back(
    options: Options, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order and unchanged: rows, several rows of one record, rejects, nothing at all, and what
    has no room."""
    monkeypatch.setattr(convert_workers, "_SLOT_BYTES", 1 << 19)
    monkeypatch.setattr(convert_workers.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    pair = json.dumps(PAIR).encode()
    chunks = [
        chunk(line(), line(), b"{", line(), pair, b"[1]", line(kto_tag=False)),
        chunk(),
        chunk(line(convert_workers._SLOT_BYTES)),
        chunk(line(10), jsonl.too_long(b"{" * 100), line(10)),
        chunk(*[line(900) for _ in range(500)]),
    ]
    with ThreadPoolExecutor(2) as pool, shared(2) as slots:
        made = list(convert_in(pool, iter(chunks * 3), options, slots))
    assert made == [outcome for each in chunks * 3 for outcome in convert_chunk(each, options)]


@pytest.mark.usefixtures("_nothing_stays")
def test_rows_that_outgrow_their_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chunk has room in the shared memory, what becomes of it has none."""
    monkeypatch.setattr(convert_workers, "_SLOT_BYTES", 1 << 19)
    few = chunk(
        *[b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}'] * 6000
    )
    assert sum(len(record) for _, record in few.records) < convert_workers._SLOT_BYTES
    with ThreadPoolExecutor(1) as pool, shared(1) as slots:
        [outcome] = convert_in(pool, iter([few]), Options(), slots)
    assert len(outcome.rows[0]) > convert_workers._SLOT_BYTES
    assert [outcome] == convert_chunk(few, Options())


@pytest.mark.usefixtures("_nothing_stays")
def test_two_processes_write_what_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of the short way too, byte for byte; and the same account."""
    monkeypatch.setattr(convert, "_SENT_BYTES", 1 << 14)
    raw = tmp_path / "raw.jsonl"
    raw.write_bytes(
        b"\n".join(line(number % 700, id=number) if number % 97 else b"{" for number in range(2000))
    )
    written = []
    for workers in (1, 2):
        account = convert_files([raw], tmp_path / "rows.jsonl", None, Options(workers=workers))
        written.append(((tmp_path / "rows.jsonl").read_bytes(), account))
    assert written[0] == written[1]
    assert (account.rows_out, account.rows_rejected, account.first_rows) == (
        1979,
        21,
        {"openai": "raw.jsonl:2"},
    )


@pytest.mark.usefixtures("_nothing_stays")
def test_a_run_that_stops_early(tmp_path: Path) -> None:
    """--max-samples: the rest is neither converted nor left behind in memory."""
    raw = tmp_path / "raw.jsonl"
    raw.write_bytes(b"\n".join(line(3000) for _ in range(2000)))
    account = convert_files([raw], tmp_path / "rows.jsonl", None, Options(workers=2, max_samples=5))
    assert (account.rows_in, account.rows_out) == (5, 5)
