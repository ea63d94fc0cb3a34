"""KTO rows: a question, one answer, and a label that says whether it is a good one.

Source: TRL's unpaired preference format (trl-lib/kto-mix-14k), LLaMA-Factory's KTO data, and
ms-swift's own rows. A real row:

    {"prompt": [{"role": "user", "content": "What colour is the sky?"}],
     "completion": [{"role": "assistant", "content": "It is blue."}], "label": true}

Prompt and completion are texts or messages, and the completion may be a call
(data/answer_columns.py); or both are one list `messages`, or Alpaca's instruction, input, history
and output. A bad answer may hold a broken call: it stays text. Without a prompt the completion is
the whole conversation. The label is true or false, or 1 or 0 beside a completion. `--to sft` and
`--to grpo` leave bad answers out, counted as filtered.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.answer_columns import conversation
from swiftkit.data.from_instruction import names_of, question_of, used_columns
from swiftkit.data.from_openai import are_messages, messages_of
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Message, Row

_LABELS = ("label", "kto_tag")
_OTHERS = ("chosen", "rejected", "rejected_response", "rejected_messages", "expected_calls")
_USED = ("messages", "conversations", *_LABELS)


def matches(record: dict[str, Any]) -> bool:
    if any(record.get(name) is not None for name in _OTHERS):
        return False
    label = _label(record)
    if record.get("completion") is not None:
        return isinstance(label, int) and label in (0, 1)
    has_messages = any(are_messages(record.get(name)) for name in ("messages", "conversations"))
    return isinstance(label, bool) and (has_messages or names_of(record) is not None)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    label = _label(record)
    if not isinstance(label, int) or label not in (0, 1):
        raise DataError(
            f"the label {label!r:.50} is neither true nor false", "bad_label", "write true or false"
        )
    names = ("prompt", "completion") if record.get("completion") is not None else names_of(record)
    messages = _messages(record, names, is_good=bool(label))
    row = make_row(messages, record, (*_USED, *(used_columns(names) if names else ())))
    row["label"] = "true" if label else "false"
    return [row]


def _label(record: dict[str, Any]) -> Any:
    return next((record[name] for name in _LABELS if record.get(name) is not None), None)


def _messages(
    record: dict[str, Any], names: tuple[str, str] | None, *, is_good: bool
) -> list[Message]:
    if names is None:
        turns = (
            record["messages"]
            if record.get("messages") is not None
            else record.get("conversations")
        )
        return messages_of(turns, "messages")
    question = question_of(record, names[0]) if record.get(names[0]) else []
    return conversation(question, record.get(names[1]), names[1], lenient=not is_good)
