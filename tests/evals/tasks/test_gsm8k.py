"""GSM8K: the number that a text gives as its answer, however it is written."""

import json
from pathlib import Path

import pytest
from helpers.paths import SHARED_DATA

from swiftkit.errors import DataError
from swiftkit.evals.tasks import gsm8k
from swiftkit.records import Response, Sample

DATA = SHARED_DATA / "gsm8k"


def test_score_worked_solutions_are_right() -> None:
    """Each solution of the real file, given as the model's answer, is right; and so is one that
    boxes its number."""
    if not DATA.is_dir():
        pytest.skip(f"no GSM8K in {DATA}: set SWIFTKIT_SHARED_DATA to the folder of gsm8k/")
    file = next(DATA.glob("*.jsonl"))
    samples = gsm8k.load(file)
    answers = [json.loads(line)["answer"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(samples) == len(answers) == 400
    assert all(
        gsm8k.score(sample, Response("x", text=text)).exact
        for sample, text in zip(samples, answers, strict=True)
    )
    for sample, text in zip(samples, answers, strict=True):
        worked, _, number = text.rpartition("#### ")
        assert gsm8k.score(
            sample, Response("x", text=f"{worked}So it is $\\boxed{{{number}}}$.")
        ).exact
        assert not gsm8k.score(sample, Response("x", text=f"{worked}#### {number}1")).exact


def question(folder: Path, answer: str = "#### 18") -> Sample:
    (folder / "q.jsonl").write_text(
        json.dumps({"question": "q", "answer": answer}) + "\n", encoding="utf-8"
    )
    return gsm8k.load(folder / "q.jsonl")[0]


def test_score_compares_numbers_by_value_without_reasoning(tmp_path: Path) -> None:
    """Numbers by value; thinking is no answer, and thinking that never ends gives none; malformed
    stays in."""
    sample = question(tmp_path)
    assert (
        gsm8k.score(sample, Response("x", text="<think>\n18\n</think>\n\n17")).reason
        == "17 instead of 18"
    )
    assert (
        gsm8k.score(sample, Response("x", text="<think>\nThe answer is 18")).reason
        == "no number instead of 18"
    )
    assert gsm8k.score(sample, Response("x", text="18.0")).exact
    found = gsm8k.metrics([(sample, 0, gsm8k.score(sample, Response("x"))), (sample, 1, None)])
    assert [(tally.right, tally.total) for tally in found["accuracy"]] == [(0, 1)]
    assert [tally.right for tally in found["answered"]] == [0]
    assert "pass^2" in found
    assert sample.messages[-1] == {"role": "user", "content": "q"}


@pytest.mark.parametrize(
    "row", [{"question": "q"}, {"question": 1, "answer": "1"}, {"question": "q", "answer": "none"}]
)
def test_load_unusable_row_is_named_by_its_line(tmp_path: Path, row: dict[str, object]) -> None:
    """File and line."""
    (tmp_path / "q.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"q\.jsonl:1"):
        gsm8k.load(tmp_path / "q.jsonl")
