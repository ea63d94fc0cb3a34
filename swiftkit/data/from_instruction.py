"""Rows of one question and one answer in columns of their own, in Alpaca's form and its like.

    {"instruction": "...", "input": "...", "output": "...", "history": [["...", "..."]]}   Alpaca
    {"instruction": "...", "context": "...", "response": "..."}                            Dolly
    {"prompt": "...", "completion": "..."}                   TRL, also with messages in both
    {"query": "...", "response": "...", "history": [[...]]}  ms-swift
    {"Question": "...", "Complex_CoT": "...", "Response": "..."}    a reasoning beside the answer

Question and answer are known by their columns' names (column_names.py), in any case, and each name
of a question goes with each name of an answer. Columns named in GOLDS may as well hold what a
reward function compares with: they are an answer only where the caller says so.

An answer in text may be calls: in JSON {"tool_call": ...}, as a call string, and beside tools as
{"name", "arguments"}.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

from swiftkit.data.answer_columns import conversation
from swiftkit.data.column_names import (
    ANSWERS_TO_TRAIN,
    QUESTIONS,
    REASONINGS,
    column_of,
    spellings,
)
from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.json_values import listed
from swiftkit.data.messages import answer_message, call_message
from swiftkit.data.roles import are_messages, is_message
from swiftkit.errors import DataError
from swiftkit.json_text import decode, decode_distinct
from swiftkit.records import Message
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import call_strings
from swiftkit.toolcall.read_call import call_from, is_call
from swiftkit.toolcall.reasoning import split

_MORE = {
    "instruction": (("input",), ("context",)), "question": (("context",),),
    "query": (("context",),), "指令": (("输入",),),
}  # fmt: skip
# a second column of these would be another question or answer; `user` may be a name, `a` a letter
_TELLING = frozenset((*QUESTIONS[:7], *ANSWERS_TO_TRAIN[:3], "context"))
_LOGGED = ("input", "inputs")
_SWITCHES = frozenset(("on", "off", "true", "false", "yes", "no", "low", "medium", "high"))
_MARKED_CALL = re.compile(r'\{\s*"tool_call"\s*:')
_WIDE_CALL = re.compile(  # in full-width punctuation
    r"\s*[A-Za-z_]\w*\s*[(（]\s*\w+\s*[=＝][^()（）]*[)）]\s*[;；]?\s*"
)


def reads_of_pair(others: str) -> dict[str, str]:
    """Return what is read of a question, its history and its answer, for a converter's READS."""
    names = spellings((*QUESTIONS, *ANSWERS_TO_TRAIN, *REASONINGS, "context", "输入"))
    return {
        "": f"{names} content history messages conversations {others}",
        **reads_of(*f"{names} {others}".split(), "messages", "conversations"),
    }


def pair_of(
    record: dict[str, Any], answers: tuple[str, ...] = ANSWERS_TO_TRAIN
) -> tuple[str, str] | None:
    """Return the columns of question and answer; None without such a pair, or beside a chat."""
    if any(isinstance(record.get(name), list) for name in ("messages", "conversations")):
        return None
    question, answer = column_of(record, QUESTIONS), column_of(record, answers)
    is_open = answer is None or not record[answer]
    if is_open and isinstance(record.get("content"), str) and reasoning_column(record):
        answer = "content"  # as the API has it, beside reasoning_content
    if question is None or answer is None:
        return None
    asked = record[question]
    if asked is not None and not isinstance(asked, str) and not are_messages(asked):
        return None
    given = record[answer]
    if question.lower() in _LOGGED and isinstance(given, dict):
        is_answer = is_message(given) or is_call(given)
        return (question, answer) if is_answer else None  # else a request and its log
    return question, answer


def used_columns(record: dict[str, Any], pair: tuple[str, str]) -> list[str]:
    """Return the columns that become messages."""
    used = [*pair, "history", *_continuations(record, pair[0])]
    column = reasoning_column(record)
    return [*used, column] if column else used


def check_others(record: dict[str, Any], pair: tuple[str, str]) -> None:
    """Raise DataError (ambiguous_columns) for another question or answer beside the pair.

    A text that only repeats the pair, such as the rendered prompt of some data sets, is none.
    """
    others = _others(tuple(record), pair)
    if not others:
        return
    used = used_columns(record, pair)
    texts = [text for text in map(record.get, pair) if isinstance(text, str) and text.strip()]
    for name in others:
        value = record[name]
        if name in used or not isinstance(value, str | list):
            continue
        if not value or (isinstance(value, list) and not are_messages(value)):
            continue
        if isinstance(value, str) and (not value.strip() or any(text in value for text in texts)):
            continue
        reason = f"{name} stands beside {pair[0]} and {pair[1]}, which are question and answer"
        fix = f"--columns {name}= leaves it out; --columns {name}=NAME gives it another name"
        raise DataError(reason, "ambiguous_columns", fix)


@lru_cache(maxsize=4096)  # the records of a file mostly have the same columns
def _others(columns: tuple[str, ...], pair: tuple[str, str]) -> list[str]:
    return [name for name in columns if name not in pair and name.lower() in _TELLING]


def question_of(record: dict[str, Any], column: str) -> list[Message]:
    """Return the history and the question in this column; what goes with it follows in a line of
    its own, such as `input` after an instruction."""
    question = record.get(column)
    if are_messages(question):
        return [*history_of(record), *messages_of(question, column)]
    texts = [_text(record, column)]
    texts += [_text(record, name) for name in _continuations(record, column)]
    text = "\n".join(text for text in texts if text)  # as ms-swift joins them
    return [*history_of(record), _user_message(text, "the question")]


def _continuations(record: dict[str, Any], column: str) -> list[str]:
    """Return the columns whose texts go on with the question."""
    found = []
    for names in _MORE.get(column.lower(), ()):
        if name := column_of(record, names):
            found.append(name)
    return found


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
    if isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], str):
        answer = answer[0]  # of several acceptable ones
    if is_message(answer) or are_messages(answer):
        messages = conversation(question, answer, column)
    else:
        messages = [*question, *_answer(answer, column, has_tools(record))]
    return with_reasoning(messages, len(question), record)


def with_reasoning(messages: list[Message], start: int, record: dict[str, Any]) -> list[Message]:
    """Return the messages, whose answer begins at `start`, with the reasoning of a column beside
    it."""
    column = reasoning_column(record)
    if not column or len(messages) <= start:
        return messages
    thoughts = record[column]
    before, first, after = messages[:start], messages[start], messages[start + 1 :]
    if first["role"] != "assistant":
        return [*before, answer_message("", thoughts), first, *after]
    return [*before, {**first, "reasoning_content": thoughts}, *after]


def reasoning_column(record: dict[str, Any]) -> str:
    """Return the column of a reasoning; "" for none, and for a switch such as "on"."""
    column = column_of(record, REASONINGS)
    value = None if column is None else record[column]
    if not isinstance(value, str) or value.strip().lower() in ("", *_SWITCHES):
        return ""
    return column or ""


def has_tools(record: dict[str, Any]) -> bool:
    return record.get("tools") not in (None, "", "[]", [])


def _user_message(text: str, where: str) -> Message:
    if not text.strip():
        raise DataError(f"{where} is empty", "no_question", "fill in the question")
    return {"role": "user", "content": text}


def _answer(answer: Any, where: str, beside_tools: bool) -> list[Message]:
    thoughts, text = split(answer, where) if isinstance(answer, str) else (None, answer)
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
    if thoughts:
        messages.insert(0, answer_message("", thoughts))
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
    if '"tool_call"' in answer and _MARKED_CALL.search(answer):
        fix = "let the answer be the call alone, or a list of calls"
        raise DataError(f"{where}: a tool_call with text around it", "unread_call", fix)
    if "(" not in answer and "（" not in answer:
        return []
    parsed = call_strings.parse(answer)
    if not beside_tools:  # then it may be a line of code
        if "." in answer.partition("(")[0]:
            return []
        if any(not call.arguments or "." in call.name for call in parsed.calls):
            return []
    if parsed.malformed:
        fix = "mend it: text with a comma or a parenthesis needs quotes"
        raise DataError(f"{where}: a broken call string: {parsed.malformed}", "broken_call", fix)
    is_wide = any(mark in answer for mark in "（）＝")
    if is_wide and not parsed.calls and _WIDE_CALL.fullmatch(answer):
        fix = "write ( ) = and , in it as in code"
        raise DataError(f"{where}: a call string in full-width punctuation", "broken_call", fix)
    return parsed.calls


def _text(record: dict[str, Any], column: str) -> str:
    value = record.get(column)
    if value is not None and not isinstance(value, str):
        fix = f"write {column} as a string, or leave it out: --columns {column}="
        raise DataError(f"{column} is not text", "bad_content", fix)
    return value or ""
