"""GSM8K: the number that a text gives as its answer, however it is written."""

import json
import time
from fractions import Fraction
from pathlib import Path

import pytest
from helpers.paths import SHARED_DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.evals.final_number import number_of
from swiftkit.evals.tasks import gsm8k
from swiftkit.records import Response, Sample

DATA = SHARED_DATA / "gsm8k"


def test_the_worked_solutions_score_100_percent() -> None:
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


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("#### 18", "18"),
        ("9 * 2 = 18\n####\n18", "18"),
        ("#### $1,234.00 a day for 7 days", "1234"),
        ("#### **-5**", "-5"),
        ("#### Answer: 18", "18"),
        ("#### 1\nno wait\n#### 2", "2"),
        ("#### Step 1: add 3 and 4\nThat is 7.\n#### Result\nThe answer is 7 apples.", "7"),
        ("we get \\boxed{42} of 100", "42"),
        ("\\boxed{\\$1,234.50}", "1234.5"),
        ("\\boxed{\\frac{1}{2}}", "1/2"),
        ("$$\\boxed{x = \\text{about } 12\\text{ km}}$$ after 3 hours", "12"),
        ("\\boxed 7", "7"),
        ("\\boxed{\\text{none}} of 5", None),
        ("\\boxed{", None),
        ("The answer is $1,234.00.", "1234"),
        ("The answer is 3 + 4 = 7 apples in 2 bags.", "7"),
        ("**Final Answer:** 18 dollars per 2 weeks", "18"),
        ("the answer is:\n\n18", "18"),
        ("The answer is clear. 3 and 4 make 7", "7"),
        ("Janet has 16 eggs, eats 3, sells 13 at $2 each: $26.", "26"),
        ("It rises by 50 %", "50"),
        ("It rises by 50\\%", "50"),
        ("10-3 leaves 7", "7"),
        ("He is at −12.5 degrees", "-12.5"),
        ("He owes -$30", "-30"),
        ("half: 0.5", "1/2"),
        ("She needs 2 1/2 cups", "5/2"),
        ("She needs 3/4 cup", "3/4"),
        ("It is .75", "3/4"),
        ("about 1.5e3 grams", "1500"),
        ("1,000,000 people", "1000000"),
        ("He finished in 18.", "18"),
        ("5km", "5"),
        ("1/0", None),
        ("no idea", None),
        ("", None),
    ],
)
def test_the_number_of_a_text(text: str, number: str | None) -> None:
    """Marks, units, currencies, percent, negative numbers, fractions, and several numbers in one
    sentence."""
    assert number_of(text) == (Fraction(number) if number else None)


def question(folder: Path, answer: str = "#### 18") -> Sample:
    (folder / "q.jsonl").write_text(
        json.dumps({"question": "q", "answer": answer}) + "\n", encoding="utf-8"
    )
    return gsm8k.load(folder / "q.jsonl")[0]


def test_what_is_scored(tmp_path: Path) -> None:
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
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: dict[str, object]) -> None:
    """File and line."""
    (tmp_path / "q.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"q\.jsonl:1"):
        gsm8k.load(tmp_path / "q.jsonl")


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("0123456789.,/-+=$#{}\\boxedfrac answris:*e\n"), max_size=400))
def test_no_text_raises(text: str) -> None:
    """Whatever a model writes, and in no more than a moment."""
    number_of(text)


@pytest.mark.parametrize(
    "piece", ["9", "1,234,", "\\text{", "\\frac{1", "answer ", "####", "1/", "{", "- $ "]
)
def test_number_of_long_texts_takes_linear_time(piece: str) -> None:
    """Eight times the text takes eight times the CPU time, or thereabouts; in quadratic time it
    would take 64 times as much. CPU time does not grow on a busy machine."""

    def cpu_seconds(length: int) -> float:
        start = time.process_time()
        number_of(piece * (length // len(piece)))
        return time.process_time() - start

    short = min(cpu_seconds(30_000) for _ in range(3))
    assert cpu_seconds(240_000) < 24 * max(short, 0.002)
