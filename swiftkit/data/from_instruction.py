"""Rows of one question and one answer in columns of their own, in Alpaca's form and its like.

    {"instruction": "...", "input": "...", "output": "...", "history": [["...", "..."]]}   Alpaca
    {"prompt": "...", "completion": "..."}                   TRL, also with messages in both
    {"query": "...", "response": "...", "history": [[...]]}  ms-swift

An answer in text may be calls: in JSON {"tool_call": ...}, as a call string, and beside tools as
{"name", "arguments"}.
"""

import re
from itertools import chain
from typing import Any

import msgspec

from swiftkit.data.answer_columns import conversation, is_call
from swiftkit.data.from_openai import are_messages, is_message, messages_of, reads_of
from swiftkit.data.json_values import listed
from swiftkit.data.messages import answer_message, call_message
from swiftkit.errors import DataError
from swiftkit.json_text import decode, decode_distinct
from swiftkit.records import Message
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import call_strings
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import split

PAIRS = (
    ("instruction", "output"), ("prompt", "completion"), ("prompt", "response"),
    ("query", "response"),
)  # fmt: skip


def reads_of_pair(others: str) -> dict[str, str]:
    """Return what is read of a question, its history and its answer, for a converter's READS."""
    names = dict.fromkeys(chain.from_iterable(PAIRS))
    return {
        "": f"{' '.join(names)} input history messages conversations {others}",
        **reads_of(*names, "messages", "conversations"),
    }


_MARKED_CALL = re.compile(r'\{\s*"tool_call"\s*:')
_WIDE_CALL = re.compile(  # in full-width punctuation
    r"(?=.*[（）＝])\s*[A-Za-z_]\w*\s*[(（]\s*\w+\s*[=＝][^()（）]*[)）]\s*[;；]?\s*"
)


def pair_of(record: dict[str, Any]) -> tuple[str, str] | None:
    """Return the columns of question and answer; None without such a pair, or beside a chat."""
    if any(isinstance(record.get(name), list) for name in ("messages", "conversations")):
        return None
    for question, answer in PAIRS:
        if question in record and answer in record:
            return question, answer
    return None


def used_columns(pair: tuple[str, str]) -> tuple[str, ...]:
    """Return the columns that become messages."""
    return (*pair, "history", "input") if pair[0] == "instruction" else (*pair, "history")


def question_of(record: dict[str, Any], column: str) -> list[Message]:
    """Return the history and the question in this column, with `input` after an instruction."""
    question = record.get(column)
    if are_messages(question):
        return [*history_of(record), *messages_of(question, column)]
    texts = [_text(record, column)]
    if column == "instruction":
        texts.append(_text(record, "input"))
    text = "\n".join(text for text in texts if text)  # as ms-swift joins them
    return [*history_of(record), _user_message(text, "the question")]


def history_of(record: dict[str, Any]) -> list[Message]:
    """Return the turns of `history`, [[question, answer], ...]. Raises DataError."""
    history, fix = record.get("history") or [], "write it as [[question, answer], ...]"
    if isinstance(history, str):  # as a cell of a table
        history = decode(history, "history", "bad_history", fix)
    if not isinstance(history, list):
        raise DataError("history is not a list", "bad_history", fix)
    messages: list[Message] = []
    for index, turn in enumerate(history):
        where = f"history[{index}]"
        if not isinstance(turn, list) or len(turn) != 2 or not isinstance(turn[0], str):
            reason = f"{where} is not a pair of question and answer"
            raise DataError(reason, "bad_history", "write [question, answer]")
        question, answer = turn
        messages.append(_user_message(question, where))
        messages += _answer(answer, where, has_tools(record))
    return messages


def with_answer(question: list[Message], record: dict[str, Any], column: str) -> list[Message]:
    """Return the question with the answer in this column. Raises DataError."""
    answer = record.get(column)
    if is_message(answer) or are_messages(answer):
        return conversation(question, answer, column)
    return [*question, *_answer(answer, column, has_tools(record))]


def has_tools(record: dict[str, Any]) -> bool:
    return record.get("tools") not in (None, "", "[]", [])


def _user_message(text: str, where: str) -> Message:
    if not text.strip():
        raise DataError(f"{where} is empty", "no_question", "fill in the question")
    return {"role": "user", "content": text}


def _answer(answer: Any, where: str, beside_tools: bool) -> list[Message]:
    reasoning, text = split(answer, where) if isinstance(answer, str) else (None, answer)
    if isinstance(text, str) and detect.format_of(text):
        return [{"role": "assistant", "content": answer}]  # markup, which make_row reads
    calls = _json_calls(text, where, beside_tools)
    if not calls and not isinstance(text, str):
        reason = f"{where} is neither text nor a tool_call"
        raise DataError(reason, "bad_output", "write text or {tool_call: {...}}")
    calls = calls or _call_strings(text, where, beside_tools)
    if not calls:
        return [{"role": "assistant", "content": answer}]
    messages = [call_message(call) for call in calls]
    if reasoning:
        messages.insert(0, answer_message("", reasoning))
    return messages


def _json_calls(answer: Any, where: str, beside_tools: bool) -> list[ToolCall]:
    """Return the calls that an answer is, as JSON text or as the value; none of one in words."""
    is_text = isinstance(answer, str)
    value = _decode(answer, where, beside_tools) if is_text else answer
    calls = listed(value)
    # in text without tools, an object with a name and arguments may be an answer
    may_be_bare = beside_tools or not is_text
    for call in calls:
        is_marked = isinstance(call, dict) and "tool_call" in call
        if not is_marked and not (may_be_bare and is_call(call)):
            return []
    if is_text:
        decode_distinct(answer, where)  # refuses two values under one key
    return [call_from(call, where) for call in calls]


def _decode(answer: str, where: str, beside_tools: bool) -> Any:
    """Return the JSON value of the text, or None; what means to be a call must be readable."""
    if not answer.lstrip().startswith(("{", "[")):
        return None
    try:
        return msgspec.json.decode(answer)
    except (ValueError, RecursionError) as error:
        if '"tool_call"' in answer or (beside_tools and '"arguments"' in answer):
            reason = f"{where}: a broken tool_call: {error}"
            raise DataError(reason, "broken_call", "mend its JSON") from error
        return None


def _call_strings(answer: str, where: str, beside_tools: bool) -> list[ToolCall]:
    """Return the calls of a text that is a call string; none where it is an answer in words."""
    if _MARKED_CALL.search(answer):
        fix = "let the answer be the call alone, or a list of calls"
        raise DataError(f"{where}: a tool_call with text around it", "unread_call", fix)
    parsed = call_strings.parse(answer)
    if not beside_tools:  # then it may be a line of code
        if "." in answer.partition("(")[0]:
            return []
        if any(not call.arguments or "." in call.name for call in parsed.calls):
            return []
    if parsed.malformed:
        fix = "mend it: text with a comma or a parenthesis needs quotes"
        raise DataError(f"{where}: a broken call string: {parsed.malformed}", "broken_call", fix)
    if not parsed.calls and _WIDE_CALL.fullmatch(answer):
        fix = "write ( ) = and , in it as in code"
        raise DataError(f"{where}: a call string in full-width punctuation", "broken_call", fix)
    return parsed.calls


def _text(record: dict[str, Any], column: str) -> str:
    value = record.get(column)
    if value is not None and not isinstance(value, str):
        raise DataError(f"{column} is not text", "bad_content", f"write {column} as a string")
    return value or ""
