"""Rows as questions to a model: what the tasks share that ask about tool calls.

Rows are swift's, as `swiftkit convert` writes them, or BFCL's single-turn questions as its files
hold them, with the answers of possible_answer/ beside them. A folder stands for the data files in
it.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.to_openai import Message
from swiftkit.errors import DataError
from swiftkit.evals.lazy_samples import Make, Samples, chosen
from swiftkit.files.inputs import find_files, read_chunks
from swiftkit.files.jsonl import decode_line
from swiftkit.records import Sample


def load_samples(path: Path, samples_of: Make) -> Samples:
    """The samples of all rows of a file or folder. Raises DataError (file:line), also for two with
    the same id."""
    samples = Samples(samples_of)
    for file, where, row in _rows(path):
        samples.add(row, where, file)
    if not samples:
        raise DataError(f"{path}: no rows", "empty_file", "give a file with at least one row")
    return samples


def _rows(path: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for chunk in read_chunks(find_files([path], [])):
        for number, record in chunk.records:
            where = f"{chunk.path}:{number}"
            yield chunk.path, where, decode_line(record, where, decode)


def is_bfcl(row: dict[str, Any]) -> bool:
    """Whether it is a question as BFCL's files hold it."""
    return "messages" not in row and isinstance(row.get("question"), list)


def swift_row(row: dict[str, Any], where: str, file: Path) -> dict[str, Any]:
    """A swift row as it is, a BFCL question as one. Raises DataError where it has no gold."""
    if not is_bfcl(row):
        return row
    from swiftkit.data.detect_format import converter_of, with_files_beside

    if "initial_config" in row:
        raise DataError(
            f"{where}: a multi_turn question of BFCL", "bfcl_multi_turn", "use `swiftkit eval bfcl`"
        )
    try:
        (converted,) = converter_of("bfcl").convert(with_files_beside("bfcl", row, file))
    except DataError as error:
        raise DataError(f"{where}: {error.reason}", error.code, error.fix) from error
    return {**converted, "id": row.get("id")}


def identity_of(row: dict[str, Any], where: str) -> str:
    """The row's id, or its place."""
    return str(row["id"]) if row.get("id") not in (None, "") else where.replace("/", "_")


def prompt_of(history: list[Message], where: str) -> list[Message]:
    """The history without a trailing answer: `swift deploy` would take it as the beginning of the
    model's own."""
    end = len(history)
    while end and history[end - 1]["role"] == "assistant":
        end -= 1
    if not end or history[end - 1]["role"] == "system":
        raise DataError(
            f"{where}: nothing asks for an answer", "no_question", "the row needs a user message"
        )
    return history[:end]


def meta_of(row: dict[str, Any], where: str) -> dict[str, str]:
    """Where a sample comes from, what an evaluation splits its results by, and the chain that it is
    a part of."""
    meta = {"where": where}
    if category := row.get("category") or row.get("source"):
        meta["category"] = str(category)
    return meta | ({"chain": str(row["chain"])} if row.get("chain") else {})


def chain_of(sample: Sample) -> str:
    """The chain that the sample is a part of; without one, itself."""
    return sample.meta.get("chain", sample.id)


def select(
    samples: Sequence[Sample], limit: int | None, number: int | None, seed: int
) -> Sequence[Sample]:
    """A random `number`, or the first `limit`. Chains stay together: half a chain says nothing
    about chain_success."""
    if limit is None and number is None:
        return samples
    chains: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        chains.setdefault(chain_of(sample), []).append(place)
    order = list(chains.values())
    if number is not None:
        random.Random(seed).shuffle(order)  # noqa: S311 - not a secret
    picked = [place for chain in order for place in chain]
    return chosen(samples, picked[: min(size for size in (limit, number) if size is not None)])
