"""The names that data sets give to the columns of one question and its answer, in any case."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from swiftkit.toolcall import reasoning

# by rank: of two columns the first is read
QUESTIONS = (
    "instruction", "prompt", "query", "question", "problem", "input", "inputs", "text_input",
    "input_text", "questions", "user", "human", "q", "指令", "问题",
)  # fmt: skip
ANSWERS_TO_TRAIN = (
    "output", "completion", "response", "assistant", "bot", "gpt", "text_output", "output_text",
    "generated_solution", "输出", "回答",
)  # fmt: skip
# an answer, or what a reward function compares with
GOLDS = ("answer", "answers", "solution", "target", "targets", "a", "答案")
REASONINGS = (
    *reasoning.KEYS, "think", "thought", "thoughts", "cot", "complex_cot", "chain_of_thought",
)  # fmt: skip


def spellings(names: Iterable[str]) -> str:
    """Return the names as data sets write them, for a converter's READS."""
    written: list[str] = []
    for name in names:
        written += name, name.capitalize(), name.title(), name.upper(), name.replace("cot", "CoT")
    return " ".join((*written, "Complex_CoT"))


def column_of(record: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Return the first column that has one of these names, in any case.

    One that holds something goes before one that is empty, and that before one that is null.
    """
    empty = null = None
    for column in _with_names(tuple(record), names):
        value = record[column]
        if value is None:
            null = null or column
        elif value == "":
            empty = empty or column
        else:
            return column
    return empty or null


@lru_cache(maxsize=4096)  # the records of a file mostly have the same columns
def _with_names(columns: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    """Return the columns that have one of these names, in any case, by the names' rank."""
    found = []
    for name in names:
        for column in columns:
            if column == name or (name not in columns and column.lower() == name):
                found.append(column)
    return found
