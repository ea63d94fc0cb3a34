"""`swiftkit check --sample`: rows as people read them, spread over the file."""

import json
from pathlib import Path

import pytest
from helpers.check_rows import (
    ANSWER,
    GOOD,
    QUESTION,
    ask,
    call,
    check,
    report,
    talk,
    tools,
    user,
    write,
)


@pytest.mark.parametrize("rows", [1, 5, 20, 39, 40, 41, 100, 1003])
def test_rows_are_spread_over_the_file(tmp_path: Path, rows: int) -> None:
    """So many as are wanted, in their order, with no great hole between them; the same each time,
    others with another seed."""
    data = [ask(f"Question {number} of {rows}?") for number in range(rows)]
    lines = []
    for seed in ("0", "0", "1"):
        sample = report(tmp_path, data, "--sample", "20", "--seed", seed)["sample"]
        lines.append([int(row["where"].rpartition(":")[2]) for row in sample])
    first, again, other = lines
    assert first == again == sorted(set(first))
    assert len(first) == min(20, rows)
    gaps = [end - start for start, end in zip([0, *first], [*first, rows], strict=True)]
    assert max(gaps) <= max(4 * rows / 20, 4)
    assert rows < 100 or first != other


def test_row_is_shown_as_people_read_it(tmp_path: Path) -> None:
    """Calls as name(arguments), results with the tool's name, names of tools, reasoning apart."""
    result = {"role": "tool_response", "content": "晴\n25°C", "name": "weather"}
    rows = [
        talk(
            QUESTION,
            {"role": "assistant", "content": "", "reasoning_content": "I need it."},
            call({"city": "北京"}),
            result,
            {"role": "assistant", "content": "晴天。"},
            tools=tools(),
        ),
        GOOD[2],
        GOOD[-1],
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    shown = check(path, "--sample", "9").stdout
    for line in (
        f"── {path}:1  tools: weather",
        "user       Will it rain in Oslo tomorrow?",
        "reasoning  I need it.",
        'call       weather(city="北京")',
        "result     weather: 晴",
        "           25°C",
        "assistant  晴天。",
        'gold       weather(city="Oslo", days=1)',
        "rejected   No.",
        "label      true",
    ):
        assert line in shown.splitlines()
    sample = report(tmp_path, rows, "--sample", "9")["sample"]
    assert sample[0]["turns"][1] == {"role": "assistant", "text": "", "reasoning": "I need it."}
    assert sample[0]["tools"] == ["weather"]


def test_long_text_is_cut_and_hostile_text_escaped(tmp_path: Path) -> None:
    """How much is left out is said; JSON has all of it. Nothing in the data steers the terminal."""
    hostile = "\x1b[2J\x9b31m\u202e"
    rows = [ask("a" * 400 + "b" * 5000 + "c" * 150, hostile), {"messages": [5, {"role": hostile}]}]
    path = write(tmp_path / "rows.jsonl", rows)
    result = check(path, "--sample", "2")
    assert result.exit_code == 1
    assert f"{'a' * 400} [... 5,000 characters ...] {'c' * 150}" in result.stdout
    assert not set(hostile[:1] + hostile[4:5] + hostile[-1]) & set(result.stdout)
    found = json.loads(check(path, "--sample", "2", "--json").stdout)
    assert len(found["sample"][0]["turns"][0]["text"]) == 5550


def test_sample_of_nothing(tmp_path: Path) -> None:
    """Without the option none is shown; rows that cannot be read are in none."""
    assert report(tmp_path, [GOOD[0]])["sample"] == []
    assert [
        row["where"]
        for row in report(tmp_path, [b"{", talk(user("a"), ANSWER)], "--sample", "5")["sample"]
    ] == [f"{tmp_path / 'rows.jsonl'}:2"]
