"""KTO rows: a question, one answer, and a label that says whether it is a good one.

Source: TRL's unpaired preference format (trl-lib/kto-mix-14k), LLaMA-Factory's KTO data, and
ms-swift's own rows. A real row:

    {"prompt": [{"role": "user", "content": "What colour is the sky?"}],
     "completion": [{"role": "assistant", "content": "It is blue."}], "label": true}

Prompt and completion are texts or messages, and the completion may be a call
(data/answer_columns.py); or both are one list `messages`, or Alpaca's instruction, input, history
and output, or any other pair of columns (data/from_instruction.py). A bad answer may hold a broken
call: it stays text. Without a prompt the completion is the whole conversation. The label is true or
false, or 1 or 0 beside a completion. Beside another pair 1 and 0 may be classes: they are refused
(`bad_label`), and so is a verdict in words. `--to sft` and `--to grpo` leave bad answers out,
counted as filtered.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.answer_columns import conversation
from swiftkit.data.column_names import ANSWERS_TO_TRAIN, GOLDS, spellings
from swiftkit.data.from_instruction import (
    check_others,
    pair_of,
    question_of,
    reads_of_pair,
    used_columns,
    with_reasoning,
)
from swiftkit.data.from_openai import messages_of
from swiftkit.data.roles import are_messages
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 120
READS = reads_of_pair(f"completion label kto_tag {spellings(GOLDS)}")

_LABELS = ("label", "kto_tag")
_CHATS = ("messages", "conversations")
_WORDS = (  # verdicts, not classes
    "true", "false", "yes", "no", "desirable", "undesirable", "good", "bad", "chosen", "rejected",
    "positive", "negative", "accepted", "thumbs_up", "thumbs_down", "up", "down",
)  # fmt: skip
_FIX = (
    "write true or false, as JSON has them, without quotes; if it is no verdict, leave the column"
    " out: --columns label="
)


def matches(record: dict[str, Any]) -> bool:
    label = _label(record)
    if record.get("completion") is not None:
        return label is not None
    if record.get("expected_calls") is not None:
        return False
    if isinstance(label, bool):
        chats = [record.get(name) for name in _CHATS]
        return _pair(record) is not None or any(map(are_messages, chats))
    if isinstance(label, str):
        may_be_verdict = label.strip().lower() in _WORDS
    else:
        may_be_verdict = isinstance(label, int) and label in (0, 1)
    return may_be_verdict and pair_of(record) is not None


def convert(record: dict[str, Any]) -> Iterable[Row]:
    has_completion = record.get("completion") is not None
    label = _label(record)
    is_verdict = label in (0, 1) if has_completion else isinstance(label, bool)
    if not isinstance(label, int) or not is_verdict:
        raise DataError(f"the label {label!r:.50} is neither true nor false", "bad_label", _FIX)
    pair = ("prompt", "completion") if has_completion else _pair(record)
    if pair is None:
        chat = record.get("messages")
        chat = record.get("conversations") if chat is None else chat
        messages = messages_of(chat, "messages")
    else:
        check_others(record, pair)
        question, answer = pair
        asked = question_of(record, question) if record.get(question) else []
        messages = conversation(asked, record.get(answer), answer, lenient=not label)
        messages = with_reasoning(messages, len(asked), record)
    used = (*_CHATS, *_LABELS, *(used_columns(record, pair) if pair else ()))
    row = make_row(messages, record, used, keeps_broken_calls=not label)
    row["label"] = "true" if label else "false"
    return [row]


def _pair(record: dict[str, Any]) -> tuple[str, str] | None:
    return pair_of(record, (*ANSWERS_TO_TRAIN, *GOLDS))


def _label(record: dict[str, Any]) -> Any:
    for name in _LABELS:
        if record.get(name) is not None:
            return record[name]
    return None
