"""Samples beyond the first thousands are made again from their rows, and nobody can tell."""

import json
from pathlib import Path

import pytest

from swiftkit.errors import DataError
from swiftkit.evals import lazy_samples as samples
from swiftkit.evals.lazy_samples import chosen
from swiftkit.evals.tasks import gsm8k, tool_call
from swiftkit.records import Sample

TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}},
}


def answered(number: int) -> list[dict[str, str]]:
    call = json.dumps({"name": "f", "arguments": {"x": number}})
    return [
        {"role": "user", "content": f"q {number}"}, {"role": "tool_call", "content": call},
        {"role": "tool_response", "content": "1"}, {"role": "assistant", "content": "a"},
    ]  # fmt: skip


def write(path: Path) -> Path:
    """20 rows of 1 to 3 turns that hold their own answers, and rows of one chain that stand far
    apart."""
    rows = [
        {"id": f"t{size}", "tools": json.dumps([TOOL]), "messages": [m for turn in range(1 + size % 3)
                                                                      for m in answered(turn)]}
        for size in range(20)
    ]  # fmt: skip
    for place, row in ((3, 1), (17, 2)):
        step = {
            "id": f"c{row}",
            "chain": "far",
            "messages": [{"role": "user", "content": "q"}],
            "expected_calls": "[]",
        }
        rows.insert(place, step)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def facts(found: Sample) -> tuple[object, ...]:
    return found.id, found.messages, found.tools, found.meta, found.target.calls


@pytest.mark.parametrize("kept", [0, 1, 7, 40])
def test_those_that_are_made_again_are_the_same(
    kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids, questions, gold, chains and their lengths, in any order, also where a row's samples fall
    on both sides."""
    data = write(tmp_path / "rows.jsonl")
    every = [facts(found) for found in tool_call.load(data)]
    monkeypatch.setattr(samples, "KEPT", kept)
    found = tool_call.load(data)
    assert [facts(each) for each in found] == every
    assert [facts(each) for each in reversed(found)] == every[::-1]
    assert {each.meta["turns"] for each in found if each.meta.get("chain") == "far"} == {"2"}
    assert [each.id for each in chosen(found, [5, 2])] == [every[5][0], every[2][0]]
    with pytest.raises(IndexError):
        found[len(every)]


def test_an_id_that_stands_twice_is_found_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both places."""
    monkeypatch.setattr(samples, "KEPT", 1)
    path = tmp_path / "q.jsonl"
    ids = ["a", "b", "c", "b"]
    path.write_text(
        "".join(json.dumps({"id": i, "question": "1+1?", "answer": "2"}) + "\n" for i in ids)
    )
    with pytest.raises(DataError, match=r"q\.jsonl:4: id 'b' is already used at .*q\.jsonl:2"):
        gsm8k.load(path)


def test_a_temporary_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what to do."""
    monkeypatch.setattr(samples, "KEPT", 0)
    monkeypatch.setattr(samples.tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(DataError, match="none: cannot be written") as caught:
        tool_call.load(write(tmp_path / "rows.jsonl"))
    assert "TMPDIR" in caught.value.fix
