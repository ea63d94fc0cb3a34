"""Rows that `swiftkit convert` wrote for preference learning and KTO are ms-swift's own: read
again, they stay."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import GOLDEN

from swiftkit.data.account import ConvertReport
from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions

LISTS = {"messages", "rejected_response", "margin", "chat_template_kwargs"}


def goldens(name: str) -> list[dict[str, Any]]:
    cases = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return [{"id": str(number)} | case["in"] for number, case in enumerate(cases) if "out" in case]


def converted(
    rows: list[dict[str, Any]], folder: Path, options: ConvertOptions
) -> tuple[ConvertReport, list[dict[str, Any]]]:
    raw, out = folder / "raw.jsonl", folder / "out.jsonl"
    raw.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = convert_files([raw], out, None, options)
    return report, [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["preference", "kto"])
def test_written_rows_are_read_again(name: str, tmp_path: Path) -> None:
    """The same rows, recognized as the same format."""
    report, rows = converted(goldens(name), tmp_path, ConvertOptions(name))
    assert (report.rows_rejected, report.formats) == (0, {name: len(rows)})
    again, same = converted(rows, tmp_path, ConvertOptions(name))
    assert same == rows
    assert again.formats == {name: len(rows)}


def test_columns_hold_one_type_each(tmp_path: Path) -> None:
    """Arrow gives a column one type: the rejected side is a list of messages of text in every
    row."""
    _, rows = converted(goldens("preference"), tmp_path, ConvertOptions("preference"))
    for row in rows:
        for message in row["rejected_response"]:
            assert message.keys() >= {"role", "content"}
            assert all(isinstance(value, str) for value in message.values())
        assert all(isinstance(row[name], str) for name in row.keys() - LISTS)


def test_bad_answers_are_filtered_from_sft(tmp_path: Path) -> None:
    """They are counted apart; the good ones are there, without the label."""
    records = goldens("kto")
    verdicts = [record.get("label", record.get("kto_tag")) for record in records]
    report, rows = converted(records, tmp_path, ConvertOptions("sft"))
    assert (report.rows_filtered, report.rows_rejected) == (
        sum(not verdict for verdict in verdicts),
        0,
    )
    assert len(rows) == sum(bool(verdict) for verdict in verdicts)
    assert not any("label" in row for row in rows)


@pytest.mark.parametrize("forced", ["swift_rows", "openai", "anthropic"])
def test_a_pair_is_no_plain_row(forced: str, tmp_path: Path) -> None:
    """Forced to be one, it is refused: its rejected side would be lost, or trained as JSON text."""
    rows = [row for row in goldens("preference") if "rejected_response" in row]
    report, _ = converted(rows, tmp_path, ConvertOptions("whole", forced))
    assert report.rejects == {"other_format": len(rows)}


@pytest.mark.parametrize(
    "record", [{"label": True}, {"kto_tag": False}, {"chosen": "a", "rejected": "b"}]
)
def test_a_verdict_is_not_lost_by_a_forced_format(record: dict[str, Any], tmp_path: Path) -> None:
    """A row of Alpaca's with a verdict or another answer is Alpaca's only in part."""
    row = {"instruction": "Name a river.", "output": "The Rhine."} | record
    report, _ = converted([row], tmp_path, ConvertOptions("whole", "alpaca_tool"))
    assert report.rejects == {"other_format": 1}


def test_prompts_keep_their_columns(tmp_path: Path) -> None:
    """A GRPO prompt ends with its question; what its reward compares with is text."""
    report, rows = converted(goldens("grpo_prompts"), tmp_path, ConvertOptions("grpo"))
    assert report.formats == {"grpo_prompts": len(rows)}
    for row in rows:
        assert row["messages"][-1]["role"] in ("user", "tool_response")
        assert all(isinstance(value, str) for name, value in row.items() if name != "messages")
        assert "expected_calls" not in row
