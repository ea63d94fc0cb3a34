"""Rows that an older `swiftkit convert` wrote: they are read, told from today's, and said."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.goldens import CASES

from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions
from swiftkit.data.folded import folded
from swiftkit.data.old_form import is_old_form, is_own_old_row
from swiftkit.data.targets import TARGETS
from swiftkit.errors import DataError

USER = {"role": "user", "content": "Rain?"}
CALL = {"role": "tool_call", "content": '{"name":"f","arguments":{}}'}
RESULT = {"role": "tool_response", "content": "no"}
THOUGHT = "<think>\nHm.\n</think>\n\n"


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


OLD = {
    "reasoning": [USER, said(f"{THOUGHT}No.")],
    "reasoning before a call": [USER, said(THOUGHT), CALL, RESULT, said("No.")],
    "text before a call": [USER, said("I look.\n"), CALL, RESULT, said("No.")],
    "both": [USER, said(f"{THOUGHT}I look.\n"), CALL],
    "two texts": [USER, said("I look.\n"), CALL, RESULT, said("Again.\n"), CALL],
}
NEW = {
    "reasoning": [USER, said("No.") | {"reasoning_content": "Hm."}],
    "text before a call": [USER, said("I look."), CALL],
    "one text of two with a break": [USER, said("I look.\n"), CALL, RESULT, said("Again."), CALL],
    "an id": [USER, said("I look.\n"), CALL | {"tool_call_id": "c1"}],
    "calls alone": [USER, CALL, RESULT, said("No.\n")],
    "a call as text, of KTO": [USER, said(f"{THOUGHT}<tool_call>\n{{}}\n</tool_call>")],
    "a tag in the middle": [USER, said(f"So: {THOUGHT}")],
    "nulls of Arrow": [
        USER | {"reasoning_content": None, "tool_call_id": None},
        said("I look."),
        CALL,
    ],
}


@pytest.mark.parametrize("name", OLD)
def test_old_rows_are_known(name: str) -> None:
    """By folded reasoning, or by the break that every text before a call ends with."""
    assert is_old_form(OLD[name])
    assert is_own_old_row({"messages": OLD[name], "source": "raw.jsonl:7"})
    assert not is_own_old_row({"messages": OLD[name], "source": "gpt-4"})


@pytest.mark.parametrize("name", NEW)
def test_new_rows_are_none(name: str) -> None:
    """Nothing in them is a template's."""
    assert not is_old_form(NEW[name])


@pytest.mark.parametrize("value", [None, [], [None], "x", [{}], [{"role": []}], [{"content": 1}]])
def test_anything_else_is_none(value: Any) -> None:
    """Whatever stands there, it never raises."""
    assert not is_old_form(value)
    assert not is_own_old_row({"messages": value, "source": "a:1"})


def test_convert_takes_reasoning_apart_and_says_so(tmp_path: Path) -> None:
    """One note, with the count and the first place; a line break is not stripped in silence."""
    raw, out = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    lines = []
    for number, messages in enumerate([NEW["calls alone"], *OLD.values()], 1):
        lines.append(json.dumps({"messages": messages, "id": "x", "source": f"raw.jsonl:{number}"}))
    raw.write_text("\n".join(lines), encoding="utf-8")
    report = convert_files([raw], out, None, ConvertOptions())
    (note,) = report.notes
    assert note.startswith("5 rows were written by an older swiftkit convert")
    assert "the first at old.jsonl:2; convert the raw data again" in note
    rows = [json.loads(line)["messages"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert rows[1] == [USER, said("No.") | {"reasoning_content": "Hm."}]
    assert rows[2][1] == said("") | {"reasoning_content": "Hm."}
    assert rows[3] == OLD["text before a call"]
    assert rows[4][1] == said("I look.\n") | {"reasoning_content": "Hm."}


def test_todays_rows_are_not_called_old(tmp_path: Path) -> None:
    """What convert writes it reads again without a word, and to the same rows."""
    raw = tmp_path / "raw.jsonl"
    cases = [param.values[1]["in"] for param in CASES if param.values[0] in ("openai", "anthropic")]
    raw.write_text("\n".join(map(json.dumps, cases)), encoding="utf-8")
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    convert_files([raw], first, None, ConvertOptions())
    report = convert_files([first], second, None, ConvertOptions())
    assert report.notes == []
    rows = []
    for file in (first, second):
        texts = file.read_text(encoding="utf-8").splitlines()
        rows.append([json.loads(text)["messages"] for text in texts])
    assert rows[0] == rows[1]


def test_folded_rows_are_the_older_form() -> None:
    """What swift's own templates are given is what an older convert wrote, whichever it comes
    from."""
    new = [USER, said("I look.") | {"reasoning_content": "Hm."}, CALL, RESULT, said("No.")]
    old = [USER, said(f"{THOUGHT}I look.\n"), CALL, RESULT, said("No.")]
    assert folded(new) == folded(old) == old
    parts = [USER, said("No.") | {"loss": False}, said("Yes.") | {"loss": True}]
    assert [part["content"] for part in folded(parts)] == ["Rain?", "No.\n\n", "Yes."]
    with pytest.raises(DataError, match="holds </think>"):
        folded([USER, said("No.") | {"reasoning_content": "a</think>b"}])


def test_kto_rows_with_a_call_are_no_old_ones() -> None:
    """Their text holds reasoning and calls, today as then."""
    messages = [USER, said("") | {"reasoning_content": "Hm."}, CALL]
    row: Any = {"id": "r", "source": "f:1", "messages": messages, "label": "true"}
    (judged,) = TARGETS["kto"](row)
    assert judged["messages"][-1]["content"].startswith(THOUGHT)
    assert not is_old_form(judged["messages"])
