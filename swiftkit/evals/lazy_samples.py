"""The samples of a data file without holding them all: evaluations of a hundred thousand must not
need gigabytes.

The first KEPT are held; of the others the rows wait in a temporary file, and a sample is made again
from its row each time somebody asks for it.
"""

import os
import tempfile
import weakref
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import msgspec

from swiftkit.errors import DataError
from swiftkit.files.jsonl import encode
from swiftkit.records import Sample

KEPT = 10_000
T = TypeVar("T")
Make = Callable[[dict[str, Any], str, Path], Iterable[Sample]]  # row, file:line, file


class Lazy(Sequence[T], Generic[T]):
    """A sequence whose items are made when they are asked for."""

    def __init__(self, size: int, make: Callable[[int], T]) -> None:
        self._size, self._item = size, make

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self._size:
            raise IndexError(index)
        return self._item(index)


def chosen(items: Sequence[T], indexes: Sequence[int]) -> Sequence[T]:
    """Those of the items, in the order of the indexes."""
    return Lazy(len(indexes), lambda number: items[indexes[number]])


class _Row(msgspec.Struct, array_like=True):
    row: dict[str, Any]
    where: str
    file: str


class Samples(Sequence[Sample]):
    """`make` gives the samples of a row, the same each time. Each sample's meta says in `turns` how
    many samples its chain has here, so that a cut or failed chain is not taken for a short one."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._kept: list[Sample] = []
        self._ids: set[int] = set()  # hashes: a hundred thousand ids would take ten times as much
        self._turns: Counter[str] = Counter()
        self._rows: IO[bytes] | None = None
        self._places = array("Q", [0])  # in bytes, where each row begins; the last is the end
        # of each sample that is not kept: the number of its row, and its own among the row's
        self._found = array("Q")
        self._parts = array("L")
        self._decode = msgspec.json.Decoder(_Row).decode

    def add(self, row: dict[str, Any], where: str, file: Path) -> None:
        """Take in the samples of a row. Raises DataError for an id that was there before, or a full
        disk."""
        made = list(self._make(row, where, file))
        for sample in made:
            self._check_id(sample, where)
            if chain := sample.meta.get("chain"):
                self._turns[chain] += 1
        kept = made[: KEPT - len(self._kept)]
        self._kept += kept
        if len(kept) < len(made):
            self._keep_row(_Row(row, where, str(file)), range(len(kept), len(made)))

    def __len__(self) -> int:
        return len(self._kept) + len(self._found)

    def __getitem__(self, index: Any) -> Any:
        if index < 0 or index >= len(self):
            raise IndexError(index)
        late = index - len(self._kept)
        sample = self._kept[index] if late < 0 else self._made_again(late)
        sample.meta["turns"] = str(self._turns.get(sample.meta.get("chain", ""), 1))
        return sample

    def _check_id(self, sample: Sample, where: str) -> None:
        if hash(sample.id) in self._ids:
            for other in self:
                if other.id == sample.id:
                    reason = f"{where}: id {sample.id!r} is already used at {other.meta['where']}"
                    raise DataError(
                        reason, "duplicate_id", "give each row an id of its own, or none"
                    )
        self._ids.add(hash(sample.id))

    def _keep_row(self, row: _Row, parts: range) -> None:
        text = encode(row)
        try:
            self._rows = self._rows or self._opened()
            self._rows.write(text)
            self._rows.flush()
        except OSError as error:
            fix = "free space there, or set TMPDIR to another folder"
            reason = f"{tempfile.gettempdir()}: cannot be written: {error.strerror or error}"
            raise DataError(reason, "unwritable_file", fix) from error
        self._found.extend([len(self._places) - 1] * len(parts))
        self._parts.extend(parts)
        self._places.append(self._places[-1] + len(text))

    def _opened(self) -> IO[bytes]:
        file = tempfile.TemporaryFile(prefix="swiftkit-rows-")  # noqa: SIM115 - it lives as long as we do
        weakref.finalize(self, file.close)
        return file

    def _made_again(self, late: int) -> Sample:
        assert self._rows, "only what has a row is late"  # noqa: S101
        number = self._found[late]
        start, end = self._places[number : number + 2]
        kept = self._decode(os.pread(self._rows.fileno(), end - start, start))
        return list(self._make(kept.row, kept.where, Path(kept.file)))[self._parts[late]]
