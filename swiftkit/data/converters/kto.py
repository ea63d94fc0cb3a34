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
from swiftkit.data.from_instruction import pair_of, question_of, reads_of_pair, used_columns
from swiftkit.data.from_openai import are_messages, messages_of
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 120
READS = reads_of_pair("completion label kto_tag")

_LABELS = ("label", "kto_tag")
_CHATS = ("messages", "conversations")


def matches(record: dict[str, Any]) -> bool:
    label = _label(record)
    if record.get("completion") is not None:
        return label is not None
    if not isinstance(label, bool) or record.get("expected_calls") is not None:
        return False
    return pair_of(record) is not None or any(are_messages(record.get(name)) for name in _CHATS)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    label = _label(record)
    if not isinstance(label, int) or label not in (0, 1):
        reason = f"the label {label!r:.50} is neither true nor false"
        raise DataError(reason, "bad_label", "write true or false")
    has_completion = record.get("completion") is not None
    pair = ("prompt", "completion") if has_completion else pair_of(record)
    if pair is None:
        chat = record.get("messages")
        chat = record.get("conversations") if chat is None else chat
        messages = messages_of(chat, "messages")
    else:
        question, answer = pair
        asked = question_of(record, question) if record.get(question) else []
        messages = conversation(asked, record.get(answer), answer, lenient=not label)
    used = (*_CHATS, *_LABELS, *(used_columns(pair) if pair else ()))
    row = make_row(messages, record, used, keeps_broken_calls=not label)
    row["label"] = "true" if label else "false"
    return [row]


def _label(record: dict[str, Any]) -> Any:
    for name in _LABELS:
        if record.get(name) is not None:
            return record[name]
    return None
