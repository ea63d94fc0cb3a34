r"""Preference rows: a question with a chosen and a rejected answer, for DPO, RM, SimPO, ORPO and
CPO.

Source: TRL's preference format, explicit and implicit (trl-lib/ultrafeedback_binarized,
Anthropic/hh-rlhf), LLaMA-Factory's ranking data, OpenAI's preference fine-tuning, and ms-swift's
own rows. A real row:

    {"prompt": "What colour is the sky?",
     "chosen": [{"role": "user", "content": "What colour is the sky?"},
                {"role": "assistant", "content": "Blue."}],
     "rejected": [{"role": "user", "content": "What colour is the sky?"},
                  {"role": "assistant", "content": "Green."}]}

An answer is a text, a message, messages, or calls, as call strings or in JSON
(data/answer_columns.py); messages may repeat the question. A rejected answer may be wrong in any
way: a broken call in it stays text, and an undefined tool is allowed. The question may be prompt,
question, instruction and input, messages, conversations or a list `context`, perhaps after a
`history`; texts of Anthropic's "\n\nHuman: ... \n\nAssistant: ..." are taken apart. Also read:
preferred_output and non_preferred_output beside input.messages (OpenAI), rejected_response and
rejected_messages beside messages (ms-swift), and the answers' other names, verdicts and scores of
data/answer_pairs.py. Both answers must belong to the same question, for ms-swift knows only one of
a pair.
"""

import re
from collections.abc import Iterable
from math import isfinite
from typing import Any

import msgspec

from swiftkit.data.answer_columns import conversation
from swiftkit.data.answer_pairs import (
    PAIR_COLUMNS,
    SCORES,
    VERDICTS,
    chosen_first,
    is_ranked_list,
    named_pair,
    two_answers,
)
from swiftkit.data.check_row import check_row
from swiftkit.data.column_names import column_of, spellings
from swiftkit.data.columns import SYSTEM
from swiftkit.data.from_instruction import history_of
from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.json_values import field
from swiftkit.data.roles import ANSWERS, are_messages
from swiftkit.data.rows import make_row
from swiftkit.data.targets import after_last_user
from swiftkit.errors import DataError
from swiftkit.json_text import decode
from swiftkit.records import Message, Row

ORDER = 110
_PAIR = ("chosen", "rejected")
_SWIFT = ("rejected_response", "rejected_messages")  # ms-swift's own columns
# given as text
_QUESTIONS = ("question", "instruction", "input", "query", "problem", "text_input", "user", "human")
_USED = ("prompt", "messages", "conversations", "history", "output")
READS = {
    "": f"{' '.join((*PAIR_COLUMNS, *SCORES, *VERDICTS, *_USED, *_SWIFT))} margin context"
    f" {spellings(('prompt', *_QUESTIONS))}",
    "input": "messages tools -parallel_tool_calls",
    **reads_of("prompt", "messages", "conversations", "context", "input.messages"),
    **reads_of(*PAIR_COLUMNS, *_SWIFT),
}
_SPEAKER = re.compile(r"\n\n(Human|Assistant):")
_SPEAKERS = {"Human": "user", "Assistant": "assistant"}


def matches(record: dict[str, Any]) -> bool:
    if "messages" in record and _is_swift(record):
        return True
    if named_pair(record) or is_ranked_list(record):
        return True
    return two_answers(record) is not None


def convert(record: dict[str, Any]) -> Iterable[Row]:
    is_swift = _is_swift(record) and record.get("chosen_response") is None
    if not is_swift:
        record = _in_lower_case(chosen_first(record))
    output = record.get("output")
    if output and output not in (record.get("chosen"), record.get("rejected")):
        reason = "output is neither the chosen nor the rejected answer"
        fix = "delete it, or make two rows of the two answers to keep"
        raise DataError(reason, "third_answer", fix)
    chosen, rejected = _swift_sides(record) if is_swift else _sides(record)
    tools = record.get("tools") or field(record.get("input"), "tools")
    used = [*_USED, *_SWIFT, *_PAIR, *_question_columns(record)]
    used += [name for name in _QUESTIONS if not record.get(name)]
    row = make_row(chosen, {**record, "tools": tools}, used)
    beside = {name: record.get(name) for name in SYSTEM} | {"tools": tools}
    other = make_row(rejected, beside, (), keeps_broken_calls=True)
    other["label"] = "false"  # it may call what is not there
    row["rejected_response"] = msgspec.json.encode(_worse(row["messages"], other)).decode()
    margin = record.get("margin")
    if margin is not None:  # ms-swift's reward model trains on it
        try:
            number = float(margin)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if not isfinite(number):
            reason = f"the margin {str(margin)[:50]!r} is no number"
            raise DataError(reason, "bad_margin", "write a number")
        row["margin"] = str(number)
    return [row]


def _in_lower_case(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with the question's column in lower case, where none is there."""
    column = column_of(record, ("prompt", *_QUESTIONS))
    if column is None or column == column.lower():
        return record
    return {column.lower() if name == column else name: record[name] for name in record}


def _is_swift(record: dict[str, Any]) -> bool:
    return any(record.get(name) is not None for name in _SWIFT)


def _worse(better: list[Message], other: Row) -> list[Message]:
    """Return the messages of the rejected answer, from where ms-swift replaces the better one."""
    try:
        check_row(other)
    except DataError as error:
        raise DataError(f"the rejected side: {error.reason}", error.code, error.fix) from error
    start, worse = after_last_user(better), other["messages"]
    if _without_ids(better[:start]) != _without_ids(worse[: after_last_user(worse)]):
        fix = "give both answers to one question: ms-swift keeps one question for a pair"
        raise DataError("the two answers belong to different questions", "different_prompts", fix)
    if _without_ids(worse[start:]) == _without_ids(better[start:]):
        reason = "the chosen and the rejected answer are the same"
        raise DataError(reason, "same_answers", "delete the row")
    if worse[-1]["role"] not in ANSWERS or better[-1]["role"] not in ANSWERS:
        fix = "add it, or delete the row"
        raise DataError("an answer of the pair is missing", "no_answer", fix)
    return worse[start:]


def _without_ids(messages: list[Message]) -> list[dict[str, Any]]:
    """Return the messages without the ids of calls, which say nothing."""
    kept = []
    for message in messages:
        kept.append({key: value for key, value in message.items() if key != "tool_call_id"})
    return kept


def _swift_sides(record: dict[str, Any]) -> tuple[list[Message], list[Message]]:
    """Return both conversations of a row of ms-swift's, which replaces all that follows the last
    user turn."""
    chosen = messages_of(record.get("messages"), "messages")
    rejected = record.get("rejected_messages")
    if rejected is not None:
        if isinstance(rejected, str):  # ms-swift reads it too
            fix = "write a list, or its JSON text"
            rejected = decode(rejected, "rejected_messages", "bad_message", fix)
        return chosen, messages_of(rejected, "rejected_messages")
    response, question = record["rejected_response"], chosen[: after_last_user(chosen)]
    if not isinstance(response, str):
        return chosen, [*question, *messages_of(response, "rejected_response")]
    # then a call that is given as text is a call too
    if chosen and chosen[-1]["role"] == "tool_call":
        return chosen, conversation(question, response, "rejected_response", lenient=True)
    return chosen, [*question, {"role": "assistant", "content": response}]


def _sides(record: dict[str, Any]) -> tuple[list[Message], list[Message]]:
    better, worse = _PAIR
    question = [*history_of(record), *_question(record)]
    chosen, rejected = record.get(better), record.get(worse)
    prompt = record.get("prompt")
    if isinstance(prompt, str) and _SPEAKER.match(prompt):
        chosen = chosen.strip() if isinstance(chosen, str) else chosen
        rejected = rejected.strip() if isinstance(rejected, str) else rejected
    if not question and isinstance(chosen, str) and isinstance(rejected, str):
        return _transcript(chosen), _transcript(rejected)
    chosen = conversation(question, chosen, better)
    return chosen, conversation(question, rejected, worse, lenient=True)


def _question(record: dict[str, Any]) -> list[Message]:
    """Return what both answers follow, or nothing where they hold it themselves."""
    prompt = record.get("prompt")
    text = "\n".join(record[name] for name in _question_columns(record))
    if isinstance(prompt, str):
        text = prompt
    chats = [prompt, record.get("conversations"), field(record.get("input"), "messages")]
    chats.append(record.get("context"))
    if not text:
        chats.append(record.get("messages"))
    for chat in chats:
        if are_messages(chat):
            return messages_of(chat, "prompt")
    if _SPEAKER.match(text):
        return _transcript(text.removesuffix("\n\nAssistant:"))
    return [{"role": "user", "content": text}] if text.strip() else []


def _question_columns(record: dict[str, Any]) -> list[str]:
    """Return the columns whose texts are the question: ms-swift joins instruction and input with a
    line break. So is a context joined."""
    if record.get("prompt"):
        return []
    texts = {name: record.get(name) for name in _QUESTIONS}
    names = [name for name, text in texts.items() if isinstance(text, str) and text.strip()]
    names = names[:2] if names[:2] == ["instruction", "input"] else names[:1]
    context = record.get("context")
    return [*names, "context"] if names and isinstance(context, str) and context else names


def _transcript(text: str) -> list[Message]:
    """Return the turns of "\n\nHuman: ... \n\nAssistant: ...". Raises DataError (no_question)."""
    before, *parts = _SPEAKER.split(text)
    if before.strip() or not parts:
        reason = "the answer has no question before it"
        raise DataError(reason, "no_question", "add a column prompt")
    turns: list[Message] = []
    for speaker, content in zip(parts[::2], parts[1::2], strict=True):
        turns.append({"role": _SPEAKERS[speaker], "content": content.strip()})
    return turns
