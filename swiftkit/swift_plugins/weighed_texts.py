"""Answers of which `--loss_scale` weighs parts: the parts of a text, as parts of its token ids.

swift's strategies take an answer's text apart, and swift would encode each part by itself. That
gives other ids than the model's, and makes a control token of its name in a text. So the ids are
cut where the texts are:

    ids of "Look.\\n<tool_call>..."    parts "Look.\\n" (weight 1), "<tool_call>..." (weight 2)
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from swiftkit.errors import DataError

Ids = list[int]


class AnswerText(str):
    """The text of token ids, with them."""

    ids: Ids

    @classmethod
    def of(cls, ids: Ids, tokenizer: Any) -> "AnswerText":
        text = cls(_text(ids, tokenizer))
        text.ids = ids
        return text


def in_tokens(contexts: Sequence[Any], answers: Sequence[AnswerText], tokenizer: Any) -> list[Any]:
    """Return contexts in which the texts, which are the parts of the answers in order, are the ids
    of these parts. A token that lies in two parts goes to the second.

    Raises DataError (loss_scale_changes_text) where the parts are not the answers.
    """
    result: list[Any] = []
    waiting = list(answers)
    ids: Ids = []
    expected = ""
    start = length = 0
    for context in contexts:
        if not isinstance(context, str):
            result.append(context)
            continue
        if not context:
            continue
        if not expected and waiting:
            answer = waiting.pop(0)
            ids, expected, start, length = answer.ids, str(answer), 0, 0
        if not expected.startswith(context):
            raise _changed()
        expected = expected[len(context) :]
        length += len(context)
        end = _tokens_within(ids, length, tokenizer) if expected else len(ids)
        result.append(ids[start:end])
        start = end
    if expected or waiting:
        raise _changed()
    return result


def _tokens_within(ids: Ids, length: int, tokenizer: Any) -> int:
    """Return how many of the ids have a text of at most so many characters."""
    counts = range(len(ids) + 1)
    return bisect_right(counts, length, key=lambda count: len(_text(ids[:count], tokenizer))) - 1


def _text(ids: Ids, tokenizer: Any) -> str:
    text: str = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    return text


def _changed() -> DataError:
    reason = "--loss_scale writes an answer otherwise than it is"
    return DataError(reason, "loss_scale_changes_text", "take another strategy")
