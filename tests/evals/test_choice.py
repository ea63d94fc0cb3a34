"""The letter that an answer names: one, or none."""

import pytest
from helpers.growth import cpu_seconds

from swiftkit.evals.choice import choice_of


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        *(
            (text, "B")
            for text in ("B", "b", "(B)", "B.", "B)", "**B**", "Ｂ", "B. Paris", "(B) Paris")
        ),
        *(
            (text, "B")
            for text in ("Answer: B", "answer: (b)", "The answer is B.", "**Answer:** B")
        ),
        ("The correct option is (B) Paris", "B"),
        ("The correct answer is option B, because of A.", "B"),
        ("$\\boxed{B}$", "B"),
        ("\\boxed{\\text{(B)}}", "B"),
        ("答案:B", "B"),
        ("答案是 B。", "B"),
        ("选 B", "B"),
        ("故选Ｂ。", "B"),
        ("The answer is A. No: the answer is B.", "B"),
        ("A is too old, C too new.\n\nAnswer: B", "B"),
        ("It is a city on the Seine.\n\nB", "B"),
        *(
            (text, "B")
            for text in (
                "B is the correct answer.",
                "**Option B** is correct.",
                "Thus B is the answer.",
                "B选项正确",
                "答：B",
                "B。",
                "Option (B)",
                "It's B",
                "I would choose B because A is wrong.",
                "I'd go with B.",
                "<answer>B</answer>",
                "The answer, therefore, is B.",
                "The answer is most likely B.",
                "The only correct statement is B",
                "答案：B。选项A错误，选项C错误。",
                "答案：B\n解析：选C的同学算错了。",
                "The answer is B. Option C is wrong.",
            )
        ),
        ("A and B are correct.", ""),
        ("A is correct. B is correct.", ""),
        ("B is not correct.", ""),
        ("The answer is A", "A"),
        ("The answer is A because it is old.", "A"),
        ('{"answer": "B"}', "B"),
        ("Paris", "B"),
        ("paris.", "B"),
        *(
            (text, "")
            for text in ("A or B", "A and B", "The answer is A or B.", "A, B", "答案是A或B")
        ),
        ("A dog is an animal.", ""),
        ("The answer is a dog.", ""),
        ("The answer is A dog.", ""),
        ("I think so.", ""),
        ("The answer is not B.", ""),
        ("Answer: E", ""),
        ("None of them.", ""),
        ("", ""),
        ("\ud800\0", ""),
    ],
)
def test_choice_of(text: str, letter: str) -> None:
    assert choice_of(text, "ABCD", ["Rome", "Paris", "Oslo", "Bern"]) == letter


@pytest.mark.parametrize(
    "piece", ["A ", "answer is ", "\\boxed{", "选", "(", "option ", "\n", "so "]
)
def test_choice_of_long_texts(piece: str) -> None:
    assert cpu_seconds(lambda text: choice_of(text, "AB"), piece * (200_000 // len(piece))) < 1
