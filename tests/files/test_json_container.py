"""A .json file that is one object around a list of rows gives the rows; a row stays a row."""

import gzip
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import GOLDEN, SHARED_CASES
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.files.inputs import read_chunks
from swiftkit.files.jsonl import decode_record
from swiftkit.files.readers.json_container import unwrapped
from swiftkit.files.readers.json_items import json_records

CHAT = {"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yo."}]}
ALPACA = {"instruction": "a: [b]", "output": "}{"}
TURNS = [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Yo."}]


def read(file: Path, notes: list[str] | None = None) -> list[Any]:
    """(place, record or code) of each record."""
    found: list[Any] = []
    for chunk in read_chunks([file], note=[].append if notes is None else notes.append):
        for place, record in chunk.records:
            try:
                found.append((place, decode_record(record, "here")))
            except DataError as error:
                found.append((place, error.code))
    return found


def written(folder: Path, value: Any, name: str = "raw.json", **how: Any) -> Path:
    file = folder / name
    file.write_text(json.dumps(value, ensure_ascii=False, **how), "utf-8")
    return file


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["raw.json", "raw.jsonl", "raw.json.gz"])
@pytest.mark.parametrize("key", ["data", "rows", "examples", "train", "instances", "items"])
def test_the_rows_inside_are_read(tmp_path: Path, key: str, name: str, indent: int | None) -> None:
    """With their places, and a note of what was read and what was not."""
    value = {"version": "1.0", key: [CHAT, ALPACA, 5], "info": {"license": "mit"}}
    file = written(tmp_path, value, name, indent=indent)
    if name.endswith(".gz"):
        file.write_bytes(gzip.compress(file.read_bytes()))
    notes: list[str] = []
    assert read(file, notes) == [(1, CHAT), (2, ALPACA), (3, 5)]
    assert notes[-1] == (
        f"{file}: one object, read as the 3 rows under {key!r}; beside them, not read: version, info"
    )
    assert len(notes) == 1


CONTAINERS: list[tuple[Any, list[Any]]] = [
    ({"data": []}, []),
    ({"conversations": []}, [{"conversations": []}]),
    ({"conversations": [{"conversations": TURNS}]}, [{"conversations": TURNS}]),
    ({"conversations": [CHAT, CHAT]}, [CHAT, CHAT]),
    ({"data": [{"conversations": TURNS}], "errors": [{"id": 1}]}, [{"conversations": TURNS}]),
    ({"schema": {"fields": [{"name": "a"}]}, "data": [ALPACA]}, [ALPACA]),  # pandas: orient=table
    ({"data": [ALPACA], "tags": ["a", "b"], "test": []}, [ALPACA]),
]
ROWS: list[Any] = [
    CHAT,
    ALPACA,
    {"conversations": TURNS},
    {"conversations": TURNS, "data": [{"a": 1}]},
    {"contents": [{"role": "user", "parts": [{"text": "Hi."}]}]},
    {"simulations": [CHAT], "tasks": [{"id": "0"}], "info": {}},
    {"items": [{"type": "message", "role": "user", "content": "Hi."}]},
    {"items": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
    {"object": "list", "data": CHAT["messages"]},
    {"entries": [{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}]},
    {"dialogs": [[{"role": "user", "content": "Hi."}]]},
    {"prompt": "Hi.", "examples": [{"a": "b"}]},
    {"samples": [{"id": 1}], "reductions": [{"scorer": "x"}]},
    {"data": ["a", "b"]},
    {"data": {"train": ["a"]}},
    {"chosen": CHAT, "rejected": CHAT},
    {"inputs": CHAT, "outputs": CHAT},
    {"before": CHAT, "after": CHAT},
    {},
]


@pytest.mark.parametrize(("value", "rows"), CONTAINERS)
def test_containers_of_other_kinds(tmp_path: Path, value: Any, rows: list[Any]) -> None:
    assert read(written(tmp_path, value)) == list(enumerate(rows, 1))


@pytest.mark.parametrize("row", ROWS)
def test_one_row_is_no_container(tmp_path: Path, row: Any) -> None:
    """Nor are several objects, each with a list."""
    notes: list[str] = []
    assert read(written(tmp_path, row), notes) == [(1, row)]
    assert read(written(tmp_path, row, indent=1), notes) == [(1, row)]
    two = tmp_path / "two.json"
    two.write_text(json.dumps({"data": [CHAT]}) + "\n" + json.dumps(row))
    assert read(two, notes) == [(1, {"data": [CHAT]}), (2, row)]
    assert notes == []


def test_a_golden_row_is_no_container(tmp_path: Path) -> None:
    """Of any format that is read."""
    count = 0
    for file in sorted(GOLDEN.glob("*.json")):
        for case in _objects_in(json.loads(file.read_bytes())):
            assert read(written(tmp_path, case)) == [(1, case)], file
            count += 1
    assert count > 40


def _objects_in(golden: Any) -> list[Any]:
    """The raw rows of a golden file: {"in": row, ...} each, or a list of such."""
    found = []
    for value in golden.values() if isinstance(golden, dict) else golden:
        if isinstance(value, dict):
            found += [item for key, item in value.items() if key == "in" and isinstance(item, dict)]
            found += _objects_in(value)
        elif isinstance(value, list):
            found += _objects_in(value)
    return found


UNCLEAR: list[tuple[Any, str]] = [
    (
        {"train": [CHAT], "test": [CHAT]},
        r"several lists of rows: train, test \(.*jq -c '.train\[\]'",
    ),
    ({"data": [CHAT], "rows": [ALPACA]}, "several lists"),
    ({"tools": [{"name": "f"}], "data": [CHAT]}, "'tools' beside them.*jq -c"),
    ({"system": "Be kind.", "rows": [ALPACA]}, "'system' beside them"),
    ({"instruction": {"0": "a", "1": "b"}, "output": {"0": "c", "1": "d"}}, "orient='columns'"),
    ({"columns": ["a"], "index": [0], "data": [["x"]]}, "orient='split'"),
    ({"0": ALPACA, "1": ALPACA}, r"orient='index'.*jq -c '.\[\]'"),
    ({"conv-1": CHAT, "conv-2": CHAT, "conv-3": CHAT}, "orient='index'"),
    ({"data": {"train": [CHAT], "test": [CHAT]}}, r"deeper: data.train .*jq -c '.data.train\[\]'"),
    (CHAT["messages"], r'turns of one conversation.*{"messages": \[...\]}'),
    (TURNS, r'turns of one conversation.*{"conversations": \[...\]}'),
    ({"instruction": ["a", "b"], "output": ["c", "d"]}, "orient='list'"),
]


@pytest.mark.parametrize(("value", "said"), UNCLEAR)
def test_what_is_unclear_stops_the_run(tmp_path: Path, value: Any, said: str) -> None:
    """Nobody could say which the rows are, or what belongs to them."""
    with pytest.raises(DataError, match=said) as caught:
        read(written(tmp_path, value))
    assert caught.value.code == "unclear_container"
    assert str(tmp_path / "raw.json") in caught.value.reason


def test_a_key_given_twice_is_not_lost(tmp_path: Path) -> None:
    """Every JSON reader keeps the last list in silence."""
    file = tmp_path / "raw.json"
    file.write_text('{"data": [{"a": 1}], "data": [{"a": 2}]}')
    with pytest.raises(DataError, match="the key 'data' has two values") as caught:
        read(file)
    assert caught.value.code == "duplicate_key"


def test_a_row_with_a_key_given_twice_is_a_reject(tmp_path: Path) -> None:
    """It is no container, alone and among others."""
    file = tmp_path / "raw.json"
    for text, count in (('{"a": 1, "a": 2}', 1), ('[{"a": 1, "a": 2}, {"a": 1, "a": 2}]', 2)):
        file.write_text(text)
        assert [code for _, code in read(file)] == ["duplicate_key"] * count


def test_the_answer_of_a_data_set_server(tmp_path: Path) -> None:
    """A row that it cut off is a reject; that there are more rows is said."""
    rows = [{"row_idx": 100 + n, "row": CHAT, "truncated_cells": []} for n in range(3)]
    rows[1]["truncated_cells"] = ["messages"]
    features = [{"feature_idx": 0, "name": "messages"}]
    file = written(tmp_path, {"features": features, "rows": rows, "num_rows_total": 900})
    notes: list[str] = []
    assert read(file, notes) == [(1, CHAT), (2, "bad_cell"), (3, CHAT)]
    assert "the 3 rows under 'rows', which are a part of 900" in notes[0]


def test_a_fault_in_an_item_costs_that_item(tmp_path: Path) -> None:
    """A fault that msgspec does not see while it cuts, and one that leaves the object unread."""
    file = tmp_path / "raw.json"
    file.write_text('{"data": [{"a": 1}, {"a": 1, "a": 2}, {"a": 3}]}')
    assert read(file) == [(1, {"a": 1}), (2, "duplicate_key"), (3, {"a": 3})]
    file.write_text('{"data": [{"a": 1}, {"a": NaN}, {"a": 3}]}')
    assert read(file) == [(1, "broken_json")]


def test_memory_of_a_container_is_bounded(tmp_path: Path) -> None:
    """Some three times the file; a list beside it takes none of that."""
    row = {"instruction": "x" * 1500, "output": "y" * 1500}
    file = written(tmp_path, {"data": [row] * 8000})
    size = file.stat().st_size
    assert size > 24_000_000
    tracemalloc.start()
    count = sum(len(chunk.records) for chunk in read_chunks([file]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, peak < 3.5 * size) == (8000, True), peak / size


def test_the_shared_cases() -> None:
    """data.json is a container, tau2_results.json and mcp_tools_list.json are not."""
    folder = SHARED_CASES / "data"
    if not folder.exists():
        pytest.skip("the shared cases are not here")
    assert [place for place, _ in read(folder / "data.json")] == [1, 2, 3]
    for name in ("tau2_results.json", "mcp_tools_list.json"):
        assert [place for place, _ in read(folder / name)] == [1]


keys = st.sampled_from(["data", "rows", "train", "test", "messages", "a", "tools", "0", "1"])
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, max_examples=400)
@given(st.dictionaries(keys, values, max_size=4), st.sampled_from([None, 1]))
def test_any_object_is_a_row_a_container_or_unclear(
    value: dict[str, Any], indent: int | None
) -> None:
    """And what is read of a container is one of its lists, whole; never an exception of another
    kind."""
    text = json.dumps(value, indent=indent).encode()
    notes: list[str] = []
    try:
        cut = list(unwrapped(json_records(io.BufferedReader(io.BytesIO(text))), notes.append))
    except DataError:
        return
    records = [json.loads(record) for _, record in cut]
    if notes:
        assert records in list(value.values())
    else:
        assert records == [value]
