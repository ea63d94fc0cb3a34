"""Real ms-swift loads and encodes every golden row, strictly, and trains on the answers and nothing else."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from real_swift import encode_with_swift

from swiftkit.jsonl import encode
from swiftkit.rows import call_from_message
from swiftkit.toolcall import hermes

ROOT = Path(__file__).parents[2]
MODEL = Path(os.environ.get("SWIFTKIT_TINY_MODEL") or ROOT / "recipes" / "tiny" / "qwen3")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not (MODEL / "config.json").exists(), reason=f"no tiny model in {MODEL}"),
]


def golden_rows() -> list[dict[str, Any]]:
    files = sorted((Path(__file__).parent / "golden").glob("*.json"))
    cases = [case for file in files for case in json.loads(file.read_text(encoding="utf-8"))]
    rows = [row for case in cases for row in case.get("out", [])]
    return [row for row in rows if row["messages"][-1]["role"] in ("assistant", "tool_call")]


def trained_text(row: dict[str, Any]) -> str:
    """The answers, as the Hermes format writes them, without white space."""
    calls = {
        index: hermes.render([call_from_message(message, "here")])
        for index, message in enumerate(row["messages"])
        if message["role"] == "tool_call" and message.get("loss", True)
    }
    answers = [
        calls.get(index, message["content"] if message["role"] == "assistant" else "")
        for index, message in enumerate(row["messages"])
    ]
    return "".join("".join(answers).split())


def test_swift_trains_on_the_answers(tmp_path: Path) -> None:
    """Strict loading keeps every row; what carries a loss is each assistant text and each call, in order."""
    rows, data = golden_rows(), tmp_path / "rows.jsonl"
    data.write_bytes(b"".join(encode(row) + b"\n" for row in rows))
    encoded = encode_with_swift(MODEL, "qwen3", "qwen3_nothinking", data)
    assert len(encoded) == len(rows)
    for row, seen in zip(rows, encoded, strict=True):
        assert "".join("".join(seen["trained"]).replace("<|im_end|>", "").split()) == trained_text(row)
        for message in row["messages"]:
            if message["role"] in ("system", "user", "tool_response"):
                assert message["content"] in seen["text"]
