r"""Preference rows: a question with a chosen and a rejected answer, for DPO, RM, SimPO, ORPO and
CPO.

Source: TRL's preference format, explicit and implicit (trl-lib/ultrafeedback_binarized,
Anthropic/hh-rlhf), LLaMA-Factory's ranking data, OpenAI's preference fine-tuning, and ms-swift's
own rows. A real row:

    {"prompt": "What colour is the sky?",
     "chosen": [{"role": "user", "content": "What colour is the sky?"}, {"role": "assistant", "content": "Blue."}],
     "rejected": [{"role": "user", "content": "What colour is the sky?"}, {"role": "assistant", "content": "Green."}]}

An answer is a text, a message, messages, or calls, as call strings or in JSON
(data/answer_columns.py); messages may repeat the question. A rejected answer may be wrong in any
way: a broken call in it stays text, and an undefined tool is allowed. The question may be prompt,
question, instruction and input, messages or conversations, perhaps after a `history`; texts of
Anthropic's "\n\nHuman: ... \n\nAssistant: ..." are taken apart. Also read: preferred_output and
non_preferred_output beside input.messages (OpenAI), rejected_response and rejected_messages beside
messages (ms-swift). Both answers must belong to the same question, for ms-swift knows only one of a
pair.
"""

import re
from collections.abc import Iterable
from math import isfinite
from typing import Any

import msgspec

from swiftkit.data.answer_columns import conversation
from swiftkit.data.check_row import check_row
from swiftkit.data.from_instruction import history_of
from swiftkit.data.from_openai import are_messages, messages_of
from swiftkit.data.rows import ANSWERS, SYSTEM, make_row
from swiftkit.data.targets import after_last_user
from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.records import Message, Row

_PAIRS = (("chosen", "rejected"), ("preferred_output", "non_preferred_output"))
_OWN = ("rejected_response", "rejected_messages")
_TEXTS = ("question", "instruction", "input", "query")  # columns of a question given as text
_USED = (
    "prompt",
    "messages",
    "conversations",
    "history",
    "output",
    *_OWN,
    *(name for pair in _PAIRS for name in pair),
)
_SPEAKER = re.compile(r"\n\n(Human|Assistant):")


def matches(record: dict[str, Any]) -> bool:
    if "messages" in record and any(record.get(name) is not None for name in _OWN):
        return True
    return any(all(record.get(name) is not None for name in pair) for pair in _PAIRS)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    if record.get("output") and record["output"] not in (
        record.get("chosen"),
        record.get("rejected"),
    ):
        reason = "output is neither the chosen nor the rejected answer"
        raise DataError(
            reason, "third_answer", "delete it, or make two rows of the two answers to keep"
        )
    chosen, rejected = (
        _own_sides(record) if any(record.get(name) is not None for name in _OWN) else _sides(record)
    )
    given = record.get("input")
    tools = record.get("tools") or (given.get("tools") if isinstance(given, dict) else None)
    empty = [name for name in _TEXTS if not record.get(name)]
    row = make_row(chosen, {**record, "tools": tools}, (*_USED, *_text_columns(record), *empty))
    other = make_row(rejected, {name: record.get(name) for name in SYSTEM}, ())
    row["rejected_response"] = msgspec.json.encode(_worse(row["messages"], other)).decode()
    if record.get("margin") is not None:  # ms-swift's reward model trains on it
        row["margin"] = _number(record["margin"])
    return [row]


def _number(margin: Any) -> str:
    try:
        number = float(margin)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number):
        raise DataError(
            f"the margin {str(margin)[:50]!r} is no number", "bad_margin", "write a number"
        )
    return str(number)


def _worse(better: list[Message], other: Row) -> list[Message]:
    """The messages of the rejected answer, from where ms-swift replaces the better one."""
    try:
        check_row(other)
    except DataError as error:
        raise DataError(f"the rejected side: {error.reason}", error.code, error.fix) from error
    start = after_last_user(better)
    if better[:start] != other["messages"][: after_last_user(other["messages"])]:
        fix = "give both answers to one question: ms-swift keeps one question for a pair"
        raise DataError("the two answers belong to different questions", "different_prompts", fix)
    if other["messages"][start:] == better[start:]:
        raise DataError(
            "the chosen and the rejected answer are the same", "same_answers", "delete the row"
        )
    if other["messages"][-1]["role"] not in ANSWERS or better[-1]["role"] not in ANSWERS:
        raise DataError(
            "an answer of the pair is missing", "no_answer", "add it, or delete the row"
        )
    return other["messages"][start:]


def _own_sides(record: dict[str, Any]) -> tuple[list[Message], list[Message]]:
    """Both conversations of a row of ms-swift's, which replaces all that follows the last user
    turn."""
    chosen = messages_of(record.get("messages"), "messages")
    if record.get("rejected_messages") is not None:
        return chosen, messages_of(_json(record["rejected_messages"]), "rejected_messages")
    response, question = record["rejected_response"], chosen[: after_last_user(chosen)]
    if not isinstance(response, str):
        return chosen, [*question, *messages_of(response, "rejected_response")]
    # then a call that is given as text is a call too
    if chosen[-1:] and chosen[-1]["role"] == "tool_call":
        return chosen, conversation(question, response, "rejected_response", lenient=True)
    return chosen, [*question, {"role": "assistant", "content": response}]


def _sides(record: dict[str, Any]) -> tuple[list[Message], list[Message]]:
    """Both conversations, each the question with one answer."""
    better, worse = next((pair for pair in _PAIRS if record.get(pair[0]) is not None), _PAIRS[0])
    question = [*history_of(record), *_question(record)]
    if isinstance(record.get("prompt"), str) and _SPEAKER.match(record["prompt"]):
        record = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in record.items()
        }
    if not question and isinstance(record.get(better), str) and isinstance(record.get(worse), str):
        return _transcript(record[better]), _transcript(record[worse])
    chosen = conversation(question, record.get(better), better)
    return chosen, conversation(question, record.get(worse), worse, lenient=True)


def _question(record: dict[str, Any]) -> list[Message]:
    """What both answers follow, or nothing where they hold it themselves."""
    given, prompt = record.get("input"), record.get("prompt")
    inside = given.get("messages") if isinstance(given, dict) else None
    text = (
        prompt
        if isinstance(prompt, str)
        else "\n".join(record[name] for name in _text_columns(record))
    )
    for turns in (
        prompt,
        record.get("conversations"),
        inside,
        None if text else record.get("messages"),
    ):
        if are_messages(turns):
            return messages_of(turns, "prompt")
    if _SPEAKER.match(text):
        return _transcript(text.removesuffix("\n\nAssistant:"))
    return [{"role": "user", "content": text}] if text.strip() else []


def _text_columns(record: dict[str, Any]) -> list[str]:
    """The columns whose texts are the question: ms-swift joins instruction and input with a line
    break."""
    if record.get("prompt"):
        return []
    names = [name for name in _TEXTS if isinstance(record.get(name), str) and record[name].strip()]
    return names[:2] if names[:2] == ["instruction", "input"] else names[:1]


def _transcript(text: str) -> list[Message]:
    """The turns of "\n\nHuman: ... \n\nAssistant: ...". Raises DataError (no_question)."""
    before, *parts = _SPEAKER.split(text)
    if before.strip() or not parts:
        raise DataError(
            "the answer has no question before it", "no_question", "add a column prompt"
        )
    roles = {"Human": "user", "Assistant": "assistant"}
    turns = zip(parts[::2], parts[1::2], strict=True)
    return [{"role": roles[speaker], "content": said.strip()} for speaker, said in turns]


def _json(value: Any) -> Any:
    """A list that may be given as JSON text, as ms-swift reads it too."""
    try:
        return decode_distinct(value, "messages") if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"messages that are not valid JSON: {error}", "bad_message", "write a list"
        ) from error
