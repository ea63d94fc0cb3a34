"""Lengths of rows in tokens and characters, and their histogram."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.check_rows import GOOD, ask, check, lines_by_code, report, write
from helpers.paths import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TOKENIZER = ROOT / "recipes" / "tiny" / "qwen3"


def test_lengths_in_tokens(tmp_path: Path) -> None:
    """As the tokenizer counts the texts of messages and tools, also of a text that is cut into
    pieces."""
    tokenizers = pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    encode = tokenizers.Tokenizer.from_file(str(TOKENIZER / "tokenizer.json")).encode
    rows = [*GOOD[:2], GOOD[0], ask("x " * 100_000)]
    exact = [sum(len(encode(text).ids) for text in texts(row)) for row in rows]
    found = report(tmp_path, rows, "--tokenizer", TOKENIZER, "--max-length", str(exact[1]))
    lengths = found["lengths"]
    assert (lengths["unit"], lengths["over"]) == ("tokens", 1)
    assert lengths["percentiles"]["p50"] in exact[:3]
    assert lengths["max"] == pytest.approx(exact[3], rel=1e-4)
    assert sum(part["rows"] for part in lengths["histogram"]) == len(rows)
    assert "too_long" in lines_by_code(found)
    assert "too_long" not in lines_by_code(
        report(tmp_path, rows[:3], "--tokenizer", TOKENIZER, "--max-length", str(exact[1]))
    )


def texts(row: dict[str, Any]) -> list[str]:
    return [
        *(message["content"] for message in row["messages"]),
        *([row["tools"]] if "tools" in row else []),
    ]


def test_the_missing_tokenizers_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    result = check(write(tmp_path / "rows.jsonl", GOOD[:1]), "--tokenizer", TOKENIZER)
    assert result.exit_code == 2
    assert "swiftkit[tokenizers]" in result.stderr


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40))
def test_the_histogram_holds_every_row(tmp_path: Path, sizes: list[int]) -> None:
    """Its bins touch each other, cover all lengths, and are few."""
    found = report(tmp_path, [ask("q", "x" * size) for size in sizes])["lengths"]
    bins = found["histogram"]
    assert sum(part["rows"] for part in bins) == len(sizes)
    assert bins[0]["low"] <= min(sizes) + 1
    assert bins[-1]["high"] == found["max"] + 1 == max(sizes) + 2
    assert all(left["high"] == right["low"] for left, right in pairwise(bins))
    assert len(bins) <= 20
