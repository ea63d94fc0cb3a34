"""Ways in which ms-swift 4.6 trains on something else than the data says, or stops, and that none
of them is left after `swiftkit convert`: content parts, tool_calls or columns that a big file shows
late, and Parquet's nulls.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.real_swift import warm_call

pytestmark = pytest.mark.e2e
LOAD = """
import json, sys
from swift import load_dataset
for file in sys.argv[1:]:
    for row in load_dataset(file, strict=True, load_from_cache_file=False)[0]:
        print("ROW", json.dumps(row))
"""
TEXT = (
    "An answer of some length, so that the file is bigger than what the reader looks at first. "
    * 12
)


def chats(count: int) -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Question {i}?"},
                {"role": "assistant", "content": f"{i}: {TEXT}"},
            ]
        }
        for i in range(count)
    ]


def call(arguments: Any) -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    asked = {"role": "user", "content": f"Call it with {json.dumps(arguments)}."}
    return {
        "messages": [
            asked,
            {"role": "assistant", "content": "", "tool_calls": [{"function": function}]},
        ]
    }


def late_parts() -> list[dict[str, Any]]:
    """9,000 texts of 10 MB, then one that is written as content parts."""
    rows = chats(9001)
    rows[-1]["messages"][1]["content"] = [
        {"type": "text", "text": rows[-1]["messages"][1]["content"]}
    ]
    return rows


def late_calls() -> list[dict[str, Any]]:
    return [*chats(9000), call('{"city": "北京"}')]


def late_columns() -> list[dict[str, Any]]:
    """After 10 MB, rows with tools, with a flag of the loss, and with another column."""
    rows = chats(9300)
    tool = {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
    }
    for number, row in enumerate(rows[9100:]):
        row |= [{"tools": [tool]}, {"topic": "x"}, {}][number % 3]
        if number % 2:
            row["messages"][1]["weight"] = 1
    return rows


def different_arguments() -> list[dict[str, Any]]:
    """What one call has, another lacks."""
    return [
        call({"a": i} if i % 2 else {"b": {"c": [i], "d": "x"} if i % 4 else {"e": i}})
        for i in range(100)
    ]


def write_jsonl(rows: list[dict[str, Any]], file: Path) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_parquet(rows: list[dict[str, Any]], file: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), file)


def meant(row: dict[str, Any]) -> list[tuple[str, Any]]:
    """(role, text or call) of each message, of a raw row."""
    question, answer = row["messages"]
    if "tool_calls" in answer:
        arguments = answer["tool_calls"][0]["function"]["arguments"]
        decoded = json.loads(arguments) if isinstance(arguments, str) else arguments
        return [("user", question["content"]), ("tool_call", {"name": "f", "arguments": decoded})]
    content = answer["content"]
    return [
        ("user", question["content"]),
        ("assistant", content if isinstance(content, str) else content[0]["text"]),
    ]


def loaded(row: dict[str, Any]) -> list[tuple[str, Any]]:
    """The same of a row that swift has loaded."""
    pairs = [(message["role"], message["content"]) for message in row["messages"]]
    return [
        (role, json.loads(content) if role == "tool_call" else content) for role, content in pairs
    ]


def load_with_swift(files: list[Path], cache: Path) -> list[dict[str, Any]]:
    environment = os.environ | {
        "USE_HF": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(cache),
    }
    command = [*warm_call(), "python", "-c", LOAD, *map(str, files)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("ROW ")]


def test_no_row_is_corrupted(tmp_path: Path) -> None:
    """Every message that real swift loads is the one in the raw data."""
    cases = {
        "parts.jsonl": late_parts(),
        "calls.jsonl": late_calls(),
        "columns.jsonl": late_columns(),
        "nulls.parquet": different_arguments(),
    }
    converted = []
    for name, rows in cases.items():
        raw = tmp_path / name
        (write_parquet if raw.suffix == ".parquet" else write_jsonl)(rows, raw)
        converted.append(tmp_path / f"{raw.stem}_rows.jsonl")
        subprocess.run(
            [sys.executable, "-m", "swiftkit", "convert", raw, "-o", converted[-1]], check=True
        )
    assert converted[0].stat().st_size > 10_000_000
    expected = sorted((meant(row) for rows in cases.values() for row in rows), key=str)
    found = sorted(map(loaded, load_with_swift(converted, tmp_path / "cache")), key=str)
    corrupted = [(one, other) for one, other in zip(expected, found, strict=True) if one != other]
    assert not corrupted, f"{len(corrupted)} rows, the first: {corrupted[0]}"
