"""Loading samples from rows, and selecting some of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from swiftkit.errors import DataError
from swiftkit.evals.dataset import load_samples, meta_of, select
from swiftkit.records import Sample


def load(folder: Path, *rows: dict[str, Any]) -> list[Sample]:
    """Load a file of rows, each of which holds the ids of its samples, and their chain."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load_samples(
        file, lambda row, _, __: [Sample(name, [], [], None, row["meta"]) for name in row["ids"]]
    )


def test_load_samples_meta_says_how_long_the_chain_is(tmp_path: Path) -> None:
    """Also where the rows of a chain stand far apart; a sample without a chain has one turn, even
    under the chain's name."""
    chain = {"chain": "far"}
    samples = load(
        tmp_path, {"ids": ["a", "b"], "meta": chain}, {"ids": ["far"], "meta": {}}, {"ids": ["c"], "meta": chain}
    )  # fmt: skip
    assert [(sample.id, sample.meta["turns"]) for sample in samples] == [
        ("a", "3"),
        ("b", "3"),
        ("far", "1"),
        ("c", "3"),
    ]


@pytest.mark.parametrize("rows", [[["a"], ["b"], ["c", "b"]], [["x"], ["a"], ["b", "b"]]])
def test_load_samples_id_that_stands_twice_is_named_with_both_places(
    rows: list[list[str]], tmp_path: Path
) -> None:
    """In two rows, or in one."""
    with pytest.raises(DataError, match=r"rows\.jsonl:3: id 'b' .*rows\.jsonl:[23] \(") as caught:
        load(tmp_path, *({"ids": ids, "meta": {}} for ids in rows))
    assert caught.value.code == "duplicate_id"


@pytest.mark.parametrize(
    ("row", "meta"),
    [
        ({"chain": 0, "category": 0}, {"chain": "0", "category": "0"}),
        ({"chain": "", "category": None}, {}),
        ({"category": "", "source": 0}, {"category": "0"}),
    ],
)
def test_meta_of_number_0_is_a_name(row: dict[str, Any], meta: dict[str, str]) -> None:
    """Or else the turns of the first chain would each be a chain of their own."""
    assert meta_of(row, "rows.jsonl:1") == {"where": "rows.jsonl:1"} | meta


def test_load_samples_file_without_rows_is_refused(tmp_path: Path) -> None:
    """With a code of its own."""
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert caught.value.code == "empty_file"


def test_select_keeps_chains_together() -> None:
    """--limit takes the first, --sample random ones, the same for the same seed, chain by chain."""
    samples = [Sample(str(index), [], [], None, {"chain": str(index // 2)}) for index in range(20)]
    assert select(samples, None, None, 0) == samples
    draws = [list(select(samples, None, 8, seed)) for seed in (1, 1, 2)]
    assert list(select(samples, 3, None, 0)) == samples[:3]
    drawn = draws[0]
    assert drawn == draws[1] != draws[2]
    assert all(
        int(first.id) + 1 == int(second.id)
        for first, second in zip(drawn[::2], drawn[1::2], strict=True)
    )
