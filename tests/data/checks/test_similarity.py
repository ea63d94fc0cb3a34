"""Similarity in runs of words: duplicates within a file, and questions that the training data
holds."""

import random
from pathlib import Path
from typing import Any

import pytest
from helpers.check_rows import ANSWER, GOOD, ask, lines_by_code, report, talk, tools, user, write
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.data.checks.contamination import CHARACTERS, WORDS
from swiftkit.data.checks.duplicates import SIMILAR, DuplicatePair, Duplicates
from swiftkit.data.checks.row_view import view_of
from swiftkit.data.checks.tokens import run_hashes, tokens_of

TRAIN = "请帮我查一下明天北京到上海的高铁票还有没有剩余"

ASKED = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"


def runs(text: str) -> list[int]:
    return run_hashes(tokens_of(text), 3)


def test_run_hashes_ignore_case_width_and_punctuation() -> None:
    """Case, width and punctuation are no difference; a Chinese character is a word; a short text is
    one run."""
    assert tokens_of("Ｈello, WORLD_1! 你好") == ["hello", "world", "1", "你", "好"]
    assert runs("a b c d") == runs("a b c") + runs("b c d")
    assert runs("") == []
    assert runs("a b")[0] not in runs("a b c") + runs("b a") + runs("a")


def test_check_finds_exact_and_near_duplicates(tmp_path: Path) -> None:
    """Exact ones whatever their id; near ones by their conversation; steps of one chain are
    none."""
    story = " ".join(f"word{number}" for number in range(100))
    rows = [
        ask(story) | {"id": "a"},
        ask(story) | {"id": "b"},
        ask(f"{story} more"),
        ask(story.upper()) | {"tools": tools()},
        ask(" ".join(f"other{number}" for number in range(100))),
        *(talk(user(f"{story} {step}"), chain="c", expected_calls="[]") for step in ("x", "y")),
    ]
    found = report(tmp_path, rows)
    assert lines_by_code(found) == {"near_duplicate": [3, 4, 6, 7], "duplicate": [2]}
    assert found["findings"][1]["examples"][0]["detail"] == "as line 1"
    words = story.split()
    unlike = [
        " ".join(words[:75] + [f"new{number}" for number in range(25)]),
        " ".join(sorted(words)),
        story,
    ]
    assert lines_by_code(report(tmp_path, [ask(text) for text in unlike])) == {}
    alone = [row | {"chain": "c"} for row in rows[5:]]
    assert lines_by_code(report(tmp_path, alone)) == {}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 150), st.integers(0, 2**32))
def test_near_similarity_is_close_to_the_true_one(changed: int, seed: int) -> None:
    """It is within five standard errors of the Jaccard similarity of the two texts' runs of five
    words."""
    numbers = random.Random(seed).sample(range(10**6), 450)  # noqa: S311
    texts = [numbers[:300], numbers[: 300 - changed] + numbers[300 : 300 + changed]]
    true = (296 - changed) / (296 + changed)
    pairs = duplicates_of([ask(" ".join(map(str, text)), "") for text in texts])
    assert len(pairs) == 1 or true < SIMILAR + 0.15
    assert not pairs or true > SIMILAR - 0.2
    for pair in pairs:
        assert pair.similarity == pytest.approx(true, abs=0.2)


def duplicates_of(rows: list[dict[str, Any]]) -> list[DuplicatePair]:
    duplicates = Duplicates()
    for line, row in enumerate(rows, 1):
        duplicates.add(view_of(line, row))
    return duplicates.near()


@pytest.mark.parametrize(
    ("question", "training", "code"),
    [
        (ASKED, ASKED, "contaminated"),
        (ASKED, f"Please: {ASKED.upper()}. Thanks!", "contaminated"),
        (ASKED, " ".join(ASKED.split()[:13]), "contaminated"),
        (f"{ASKED} and then a lot of other words that nobody has ever seen", ASKED, "overlap"),
        (ASKED, " ".join(ASKED.split()[:12]), None),
        (ASKED, " ".join(reversed(ASKED.split())), None),
        ("Will it rain?", "will it rain", "contaminated"),
        ("Will it rain?", "Will it rain today?", None),
        (TRAIN, f"你好，{TRAIN}？", "contaminated"),
        (TRAIN, TRAIN.replace("上海", "天津"), None),
        ("在天津找一家粤菜馆，把名字发给陈静", "在天津找一家粤菜馆，把名字发给刘洋", None),
        ("用 iPhone 15 拍照", "用iPhone 15拍照！", "contaminated"),
    ],
)  # fmt: skip
def test_check_finds_questions_in_training_data(
    tmp_path: Path, question: str, training: str, code: str | None
) -> None:
    """By runs of 13 words or 20 Chinese characters, with the training line of the first one."""
    train = write(
        tmp_path / "train.jsonl", [ask("Unlike."), ask(training, "A."), ask(training, "B.")]
    )
    found = report(tmp_path, [ask("Nothing of the kind."), ask(question)], "--against", train)
    assert lines_by_code(found) == ({code: [2]} if code else {})
    summary = found["contamination"]
    assert (summary["contaminated"], summary["overlapping"]) == (
        int(code == "contaminated"),
        int(code is not None),
    )
    assert (summary["training_rows"], summary["words"], summary["characters"]) == (
        3,
        WORDS,
        CHARACTERS,
    )
    if code:
        assert f"{train}:2" in found["findings"][0]["examples"][0]["detail"]


def test_how_much_of_a_question_is_found(tmp_path: Path) -> None:
    """The share of its words that lie in a shared run, over all user messages."""
    first, second = ASKED.split()[:13], [f"new{number}" for number in range(13)]
    train = write(tmp_path / "train.jsonl", [ask(" ".join(first))])
    row = talk(user(" ".join(first)), ANSWER, user(" ".join(second)), ANSWER)
    found = report(tmp_path, [row], "--against", train)
    assert found["findings"][0]["code"] == "overlap"
    assert found["findings"][0]["examples"][0]["detail"].startswith("50%")


def test_training_rows_that_cannot_be_compared(tmp_path: Path) -> None:
    """They are errors: nobody may believe that they were looked at."""
    train = write(
        tmp_path / "train.jsonl", [ask("Fine."), b"{", {"instruction": "q", "output": "a"}]
    )
    found = report(tmp_path, GOOD[:1], "--against", train)
    assert lines_by_code(found) == {"unread_training_row": [2, 3]}
    assert all(
        example["where"].startswith(str(train)) for example in found["findings"][0]["examples"]
    )
