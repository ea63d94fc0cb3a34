"""The number that a text gives as its answer, however it is written."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from helpers.growth import cpu_seconds, takes_linear_time
from helpers.paths import SHARED_CASES
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.evals.final_number import number_of

TEXTS = Path(__file__).with_name("answer_texts.jsonl")  # [the number or null, the text]
MISREAD = {  # another number than a careful human reads, or none
    "Tom reads 2 pages a day for 42 days.",
    "Tom paid $42, which is $7 for each of the 6 tickets.",
    "18 people came, 2 did not.",
    "It's $18.\n\nP.S. I used 16 - 3 - 4 = 9 eggs.",
    "The average is 18.5 points over 4 games.",
    "The answer is two... that is, 2/3.",
    "The smallest number is 8, and 16 is its double.",
    "The probability is 1/4 or 25%.",
    "8 ft. 5 in.",
    "1万6千元",
}
CASES = SHARED_CASES / "gsm8k" / "answers.jsonl"


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
        ("The answer is 12 + 5 = 17.", "17"),
        ("The answer is 18 = 9 * 2.", "18"),
        ("The answer is not 20 but 18.", "18"),
        ("The answer is option 2: 18", "18"),
        ("答案是 3万", "30000"),
        ("答案：十八", "18"),
        ("The answer is one hundred and five.", "105"),
        ("The answer is 2^10.", "1024"),
        ("The answer is 5 × 10^3.", "5000"),
        ("#### 1.234.567,89", "1234567.89"),
        ("#### 12,345", "12345"),
        ("#### 2. Money\n9*2 = 18\n\nThe answer is 18.", "18"),
        ("She has $18 (9 x 2) every day.", "18"),
        ("So, 18.\n\nHope this helps! 2 more tips: read.", "18"),
        ("<think>#### 20</think>She makes 18", "18"),
        ("<think>the answer is 18</think>", None),
        (r"The total is \( 3 \times 15 + 5 = 50 \) dollars for all 3 kids.", "50"),
        (r"Therefore, she has \(18\) eggs, from 2 farms.", "18"),
        (r"The answer is 0.\overline{3}.", None),
        ("After 5 days, 30 pages remain out of 120.", "30"),
        ("The trip takes 2 hours, 30 minutes.", None),
        ("They will need 5 vans to carry 38 students.", "5"),
        ("The answer is 30. If she worked more, the answer would be 80.", "30"),
        ("So the answer would be 45.", "45"),
        ("The answer is 20.\n\nActually, I forgot the muffins. She makes $18.", "18"),
        ("no idea", None),
        ("", None),
    ],
)
def test_number_of_text_however_it_is_written(text: str, number: str | None) -> None:
    """Marks, units, currencies, percent, negative numbers, fractions, and several numbers in one
    sentence."""
    assert number_of(text) == (Fraction(number) if number else None)


@pytest.mark.skipif(not CASES.exists(), reason=f"no {CASES}")
def test_answers_in_the_styles_of_models() -> None:
    """Each text states the right value or another one; no wrong one is taken for right."""
    wrong = []
    for line in CASES.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        is_right = number_of(case["text"]) == Fraction(case["right_value"])
        if is_right != case["answer_states_it"]:
            wrong.append(case)
    assert not wrong


def test_more_answers_in_the_styles_of_models() -> None:
    """Spans, times, dates, choices, terms and bounds are no number; 99 of 100 are read right."""
    cases = [json.loads(line) for line in TEXTS.read_text(encoding="utf-8").splitlines()]
    wrong = {text for value, text in cases if number_of(text) != (value and Fraction(value))}
    assert wrong == MISREAD
    assert len(wrong) < 0.01 * len(cases)


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("0123456789.,/-+=$#{}\\boxedfrac answris:*e\n"), max_size=400))
def test_number_of_no_text_raises(text: str) -> None:
    """Whatever a model writes, and in no more than a moment."""
    number_of(text)


@pytest.mark.parametrize(
    "piece",
    [
        *("9", "1,234,", "\\text{", "\\frac{1", "answer is ", "####", "1/", "{", "- $ ", "\n"),
        *("a. ", "十", "one hundred ", "wait, ", "**1**", "\nquestion ", "1 to ", "~", "\\boxed{"),
        *("if the answer would be ", "\\(", "5 days, "),
    ],
)
def test_number_of_long_texts_takes_linear_time(piece: str) -> None:
    assert takes_linear_time(number_of, piece, 12_500)  # and 16 times that
    assert cpu_seconds(number_of, piece * (200_000 // len(piece))) < 1


@pytest.mark.parametrize("text", ["#### 1e999/7", "#### 1e-999", "2^99", "\ud800 #### 1\0"])
def test_numbers_beyond_a_float_raise_nothing(text: str) -> None:
    assert number_of(text) is not None
