r"""Plain text for pre-training: every token is learnt (swift pt), nothing is asked.

Source: HuggingFaceFW/fineweb, allenai/c4 and the text files of others; ms-swift's own rows for
`swift pt`. Real rows of the two:

    {"text": "How AP reported in all formats from tornado-stricken regions ...",
     "url": "http://...", "language_score": 0.97}
    {"messages": [{"role": "assistant", "content": "I love music"}]}

Both become the second: `swift pt` encodes the two alike, and where other rows have messages it
reads nothing else. Beside the text there may be metadata, but no column of a question, an answer or
a class (data/known_foreign.py names these). A chat that is rendered already is refused
(`rendered_chat`): its marks would be learnt as words, and the questions as well as the answers.
"""

import re
from collections.abc import Iterable
from typing import Any

from swiftkit.data.column_names import ANSWERS_TO_TRAIN, GOLDS, QUESTIONS
from swiftkit.data.columns import OWN_COLUMNS, SWIFT_COLUMNS, is_judged
from swiftkit.data.json_values import field
from swiftkit.data.rows import check_media, identity_of
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 295
READS = {"": "text messages", "messages[]": "role content"}

_OTHERS = frozenset((
    *QUESTIONS[:9], *ANSWERS_TO_TRAIN[:3], *GOLDS[:5], "assistant", "system", "system_prompt",
    "label", "labels", "summary", "highlights", "sentiment", "stars", "rating", "entities", "spans",
    "tokens", "role", "parent_id", "image", "images", "translation", "translated_text", "embedding",
    "conversations", "tools",
))  # fmt: skip
# of a question and an answer, in the ways that chats are rendered; in front a text that is quickly
# looked for
_MARKS = tuple((hint, re.compile(question), re.compile(answer)) for hint, question, answer in (
    ("<|im_start|>", r"<\|im_start\|>\s*(user|human)", r"<\|im_start\|>\s*assistant"),
    ("<|start_header_id|>", r"<\|start_header_id\|>user", r"<\|start_header_id\|>assistant"),
    ("<start_of_turn>", r"<start_of_turn>user", r"<start_of_turn>model"),
    ("<|start|>", r"<\|start\|>user", r"<\|start\|>assistant"),
    ("<|user|>", r"<\|user\|>", r"<\|assistant\|>"),
    ("<｜User｜>", r"<｜User｜>", r"<｜Assistant｜>"),
    ("<|prompter|>", r"<\|prompter\|>", r"<\|assistant\|>"),
    ("[/INST]", r"\[INST\]", r"\[/INST\]"),
    ("### ", r"(?m)^### (Instruction|Human|User|Question|Input):",
     r"### (Response|Assistant|Answer|Output):"),
))  # fmt: skip
# words alone, where the text begins with them
_SPOKEN = re.compile(r"\s*(Human|USER|User|Question|Q):")
_REPLY = re.compile(r"(?m)^(Assistant|ASSISTANT|GPT|Answer|A):")


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if messages is not None:
        return _only_answer(messages) is not None and not is_judged(record)
    if not isinstance(record.get("text"), str):
        return False
    return all(value is None or name.lower() not in _OTHERS for name, value in record.items())


def convert(record: dict[str, Any]) -> Iterable[Row]:
    check_media(record)
    messages = record.get("messages")
    text = record.get("text") if messages is None else _only_answer(messages)
    if not isinstance(text, str) or not text.strip():
        raise DataError("the text is empty", "empty_answer", "delete the row")
    if mark := _rendered_mark(text):
        reason = f"the text is a rendered chat: {mark!r:.40} in it"
        fix = "convert the data it was made from, or write its turns as {messages: [...]}"
        raise DataError(reason, "rendered_chat", fix)
    row: Any = {"messages": [{"role": "assistant", "content": text}]}
    if identity := identity_of(record):
        row["id"] = identity
    for name, value in record.items():
        is_own = name in SWIFT_COLUMNS or name in OWN_COLUMNS or name == "text"
        if isinstance(value, str) and not is_own and name not in row:
            row[name] = value
    return [row]


def _only_answer(messages: Any) -> str | None:
    """Return the text of a chat that is one answer without calls, as ms-swift has it."""
    if not isinstance(messages, list) or len(messages) != 1:
        return None
    content = field(messages[0], "content")
    if field(messages[0], "role") != "assistant" or not isinstance(content, str):
        return None
    has_more = any(value for name, value in messages[0].items() if name not in ("role", "content"))
    return None if has_more else content


def _rendered_mark(text: str) -> str:
    """Return the mark of a turn, where the text is a chat that a template has rendered; or ""."""
    for hint, question, answer in _MARKS:
        if hint not in text:
            continue
        asked = question.search(text)
        if asked and answer.search(text, asked.end()):
            return asked[0]
    spoken = _SPOKEN.match(text)
    return spoken[0].strip() if spoken and _REPLY.search(text, spoken.end()) else ""
