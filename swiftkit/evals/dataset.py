"""Rows as questions to a model: the loading that all tasks share, and the selection of samples.

A folder stands for its data files. evals/identity.py says how samples are named.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.to_openai import Message
from swiftkit.errors import DataError
from swiftkit.evals.identity import name_samples, place_of
from swiftkit.files.inputs import find_files, read_chunks
from swiftkit.files.jsonl import decode_line
from swiftkit.records import Sample
from swiftkit.scoring.options import with_wire_format

SamplesOfRow = Callable[[dict[str, Any], str, Path], Iterable[Sample]]  # row, file:line, file


def load_samples(
    path: Path,
    samples_of_row: SamplesOfRow,
    choose: Callable[[list[Sample]], list[Sample]] = list,
) -> list[Sample]:
    """Return the samples of all rows of a file or folder, or those of them that `choose` returns.

    Those of a row without an id are given a name. The meta of each says in `turns` how many samples
    its chain has here, lest a truncated chain counts as complete. Raises DataError (file:line),
    also for an id that stands twice.
    """
    samples: list[Sample] = []
    places: dict[str, str] = {}  # file:line of each id
    unnamed: dict[str, str] = {}  # the row's place, by the id that stands for a name till then
    for where, file, row in read_rows(path):
        place = "" if _own_id(row) else place_of(where)
        for sample in samples_of_row(row, where, file):
            if place and sample.id.startswith(place):
                unnamed[sample.id] = place
            if sample.id in places:
                reason = f"{where}: id {sample.id!r} is already used at {places[sample.id]}"
                fix = "give each row an id of its own, or none"
                raise DataError(reason, "duplicate_id", fix)
            places[sample.id] = where
            samples.append(sample)
    if not samples:
        raise DataError(f"{path}: no rows", "empty_file", "give a file with at least one row")
    samples = name_samples(choose(samples), unnamed)
    turns = Counter(sample.meta.get("chain") for sample in samples)
    for sample in samples:
        chain = sample.meta.get("chain")
        sample.meta["turns"] = str(turns[chain]) if chain else "1"
    return samples


def read_rows(path: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Yield (file:line, file, row) of a file or folder. Raises DataError at what is no row."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for chunk in read_chunks(find_files([path], [])):
        for number, record in chunk.records:
            where = f"{chunk.path}:{number}"
            yield where, chunk.path, decode_line(record, where, decode)


def with_format(row: dict[str, Any], wire_format: str) -> dict[str, Any]:
    """Return the row with `wire_format`, where there is one, in place of its own."""
    if not wire_format:
        return row
    return row | {"scoring": with_wire_format(row.get("scoring"), wire_format)}


def identity_of(row: dict[str, Any], where: str) -> str:
    """Return the row's id; or its place, for which `load_samples` puts a name."""
    return _own_id(row) or place_of(where)


def _own_id(row: dict[str, Any]) -> str:
    """Return the id that the row gives, as text: 7 and "7" are one."""
    return "" if row.get("id") is None else str(row["id"])


def prompt_of(history: list[Message], where: str) -> list[Message]:
    """Return the history without a trailing answer, which `swift deploy` would have continued."""
    end = len(history)
    while end and history[end - 1]["role"] == "assistant":
        end -= 1
    if not end or history[end - 1]["role"] == "system":
        fix = "the row needs a user message"
        raise DataError(f"{where}: nothing asks for an answer", "no_question", fix)
    return history[:end]


def meta_of(row: dict[str, Any], where: str) -> dict[str, str]:
    """Return a sample's place, the category that results are split by, and its chain: as text, so
    0 is one, and "" is none."""
    meta = {"where": where}
    for name, columns in (("category", ("category", "source")), ("chain", ("chain",))):
        values = [str(row[column]) for column in columns if row.get(column) is not None]
        if text := next(filter(None, values), ""):
            meta[name] = text
    return meta


def chain_of(sample: Sample) -> str:
    """Return the chain that the sample is a part of; without one, its own id."""
    return sample.meta.get("chain", sample.id)


def select(
    samples: Sequence[Sample], limit: int | None, number: int | None, seed: int
) -> Sequence[Sample]:
    """Return a random `number` of samples, or the first `limit`.

    Chains stay together: half a chain says nothing about chain_success.
    """
    sizes = [size for size in (limit, number) if size is not None]
    if not sizes:
        return samples
    chains: dict[str, list[Sample]] = {}
    for sample in samples:
        chains.setdefault(chain_of(sample), []).append(sample)
    order = list(chains.values())
    if number is not None:
        random.Random(seed).shuffle(order)  # noqa: S311 - not a secret
    selected: list[Sample] = []
    for chain in order:
        selected += chain
    return selected[: min(sizes)]
