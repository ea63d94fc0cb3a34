"""KTO rows: a question, one answer, and a label that says whether it is a good one.

Source: TRL's unpaired preference format (trl-lib/kto-mix-14k), LLaMA-Factory's KTO data, and ms-swift's own rows. A
real row:

    {"prompt": [{"role": "user", "content": "What colour is the sky?"}],
     "completion": [{"role": "assistant", "content": "It is blue."}], "label": true}

Prompt and completion are texts or messages, and the completion may be a call (answers.py); or both are one list
`messages`. A bad answer may hold a broken call: it stays text. Without a prompt the completion is the whole
conversation. The label is true or false, or 1 or 0 beside a completion. `--to sft` and `--to grpo` leave bad answers
out, counted as filtered.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.answers import conversation
from swiftkit.chat import are_messages, messages_of, row_of, system_of, with_system
from swiftkit.errors import DataError
from swiftkit.records import Message, Row

_LABELS = ("label", "kto_tag")
_OTHERS = ("chosen", "rejected", "rejected_response", "rejected_messages", "expected_calls")
_USED = ("prompt", "completion", "messages", "conversations", "system", "system_prompt", "kto_tag")


def matches(record: dict[str, Any]) -> bool:
    if any(record.get(name) is not None for name in _OTHERS):
        return False
    label = _label(record)
    if record.get("completion") is not None:
        return isinstance(label, int) and label in (0, 1)
    return isinstance(label, bool) and any(are_messages(record.get(name)) for name in ("messages", "conversations"))


def convert(record: dict[str, Any]) -> Iterable[Row]:
    label = _label(record)
    if not isinstance(label, int) or label not in (0, 1):
        raise DataError(f"the label {label!r:.50} is neither true nor false", "bad_label", "write true or false")
    row = row_of(_messages(record, is_good=bool(label)), record, _USED)
    row["label"] = "true" if label else "false"
    return [row]


def _label(record: dict[str, Any]) -> Any:
    return next((record[name] for name in _LABELS if record.get(name) is not None), None)


def _messages(record: dict[str, Any], *, is_good: bool) -> list[Message]:
    completion = record.get("completion")
    if completion is None:
        turns = record["messages"] if record.get("messages") is not None else record.get("conversations")
        return with_system(system_of(record), messages_of(turns, "messages"))
    question = with_system(system_of(record), _prompt(record.get("prompt")))
    return conversation(question, completion, "completion", lenient=not is_good)


def _prompt(prompt: Any) -> list[Message]:
    if isinstance(prompt, str) and prompt.strip():
        return [{"role": "user", "content": prompt}]
    return messages_of(prompt, "prompt") if prompt else []
