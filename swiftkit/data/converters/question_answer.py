r"""Questions with an answer or solution, trained as the answer; --to grpo compares with it instead.

Source: openai/gsm8k, AI-MO/NuminaMath-CoT, b-mc2/sql-create-context. Real rows of the three:

    {"question": "Natalia sold ...", "answer": "Natalia sold 48/2 = ... \n#### 72"}
    {"source": "synthetic_math", "problem": "...", "solution": "For the piecewise function ..."}
    {"question": "How many heads ...?", "context": "CREATE TABLE head (age INTEGER)",
     "answer": "SELECT COUNT(*) FROM head WHERE age > 56"}

The names are all those of a question beside answer, answers, solution, target, targets or a. The
target decides what they are: --to sft reads the answer as one to train, --to grpo as the gold of
grpo_prompts.py, and a row that has two of them with different texts is a gold's alone: a person has
to say which is to be trained (`--columns solution=response`).
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.column_names import ANSWERS_TO_TRAIN, GOLDS, QUESTIONS, column_of, spellings
from swiftkit.data.from_instruction import (
    check_others,
    pair_of,
    question_of,
    reads_of_pair,
    used_columns,
    with_answer,
)
from swiftkit.data.json_values import as_text
from swiftkit.data.roles import is_message
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row
from swiftkit.toolcall.read_call import is_call

ORDER = 315
TARGETS = ("sft", "whole")
READS = reads_of_pair(spellings(GOLDS))

_CHOICES = ("choices", "options", "endings")


def matches(record: dict[str, Any]) -> bool:
    answer = column_of(record, ANSWERS_TO_TRAIN)
    if answer is not None and record[answer] is not None:
        return False  # a log's, for a pair has been asked before
    if record.get("reward_model") is not None or record.get("expected_calls") is not None:
        return False
    pair = pair_of(record, GOLDS)
    if pair is None or record[pair[1]] is None:
        question = column_of(record, QUESTIONS)
        return question is not None and bool(record[question]) and _choices(record) != ""
    answers = {as_text(value) for name, value in record.items() if name.lower() in GOLDS and value}
    return len(answers) < 2


def convert(record: dict[str, Any]) -> Iterable[Row]:
    if choices := _choices(record):
        fix = "write the choices into the question, and the right one as the answer"
        raise DataError(f"{choices} is not read: a multiple-choice question", "unread_field", fix)
    pair = pair_of(record, GOLDS)
    if pair is None:
        fix = "name the columns question and answer, as with --columns request=question"
        raise DataError("the row has no question and answer", "no_question", fix)
    question, answer = pair
    value = record[answer]
    _check_one(value, answer)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = as_text(value)
    check_others(record, pair)
    record = {**record, answer: value}
    messages = with_answer(question_of(record, question), record, answer)
    return [make_row(messages, record, used_columns(record, pair))]


def _choices(record: dict[str, Any]) -> str:
    """Return the column of the choices of a question; "" for none."""
    for name in _CHOICES:
        if record.get(name):
            return name
    return ""


def _check_one(value: Any, column: str) -> None:
    """Raise DataError for several answers, and for an answer in an object; calls are neither."""
    if isinstance(value, list) and len(value) > 1 and not all(map(is_call, value)):
        fix = "keep the one to train; --to grpo compares with all of them"
        reason = f"{column} holds {len(value)} answers: which one is to be trained?"
        raise DataError(reason, "ambiguous_columns", fix)
    if isinstance(value, dict) and not is_call(value) and not is_message(value):
        texts = [name for name, inner in value.items() if isinstance(inner, str | list)]
        inner = f".{column}.{texts[0] if texts else 'NAME'}"
        if texts and isinstance(value[texts[0]], list):
            inner += "[0]"  # SQuAD's
        fix = f"take its text: jq -c '.{column} = {inner}' FILE > rows.jsonl"
        raise DataError(f"{column} is an object of {', '.join(value)[:60]}", "bad_output", fix)
