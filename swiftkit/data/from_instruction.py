"""Rows of one question and one answer in columns of their own: Alpaca's form, which other names and
data sets share.

    {"instruction": "...", "input": "...", "output": "...", "history": [["...", "..."]]}     Alpaca, LLaMA-Factory
    {"prompt": "...", "completion": "..."}  {"prompt": [{role, content}], "completion": [...]}      TRL
    {"query": "...", "response": "...", "history": [[...]]}                                  ms-swift

An answer in text may be calls: in JSON {"tool_call": ...}, as a call string, and beside tools as
{"name", "arguments"}.
"""

import re
from typing import Any

import msgspec

from swiftkit.data.answer_columns import conversation, is_call
from swiftkit.data.from_openai import are_messages, is_message, messages_of
from swiftkit.data.rows import call_message
from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.records import Message
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import call_strings
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import join, split

_MARKED = re.compile(r'\{\s*"tool_call"\s*:')
_WIDE_CALL = re.compile(
    r"(?=.*[（）＝])\s*[A-Za-z_]\w*\s*[(（]\s*\w+\s*[=＝][^()（）]*[)）]\s*[;；]?\s*"
)
PAIRS = (
    ("instruction", "output"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("query", "response"),
)


def names_of(record: dict[str, Any]) -> tuple[str, str] | None:
    """The columns of question and answer; None without such a pair. Never raises."""
    if any(isinstance(record.get(name), list) for name in ("messages", "conversations")):
        return None
    return next((pair for pair in PAIRS if all(name in record for name in pair)), None)


def used_columns(names: tuple[str, str]) -> tuple[str, ...]:
    """The columns that become messages."""
    return (*names, "history", *(["input"] if names[0] == "instruction" else []))


def question_of(record: dict[str, Any], name: str) -> list[Message]:
    """The history and the question in this column, whose text `input` follows. Raises DataError."""
    given = record.get(name)
    if are_messages(given):
        return [*history_of(record), *messages_of(given, name)]
    parts = [_text(record, name), _text(record, "input") if name == "instruction" else ""]
    text = "\n".join(part for part in parts if part)  # as ms-swift joins them
    return [*history_of(record), _question(text, "the question")]


def history_of(record: dict[str, Any]) -> list[Message]:
    """The turns of `history`, [[question, answer], ...]. Raises DataError."""
    history = record.get("history") or []
    if isinstance(history, str):  # as a cell of a table
        history = _list(history)
    if not isinstance(history, list):
        raise DataError(
            "history is not a list", "bad_history", "write it as [[question, answer], ...]"
        )
    messages: list[Message] = []
    for index, pair in enumerate(history):
        where = f"history[{index}]"
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise DataError(
                f"{where} is not a pair of question and answer",
                "bad_history",
                "write [question, answer]",
            )
        messages += [_question(pair[0], where), *_answer(pair[1], where, has_tools(record))]
    return messages


def _list(text: str) -> Any:
    try:
        return decode_distinct(text, "history")
    except (ValueError, RecursionError):
        return None


def with_answer(question: list[Message], record: dict[str, Any], name: str) -> list[Message]:
    """The question with the answer in this column. Raises DataError."""
    answer = record.get(name)
    if is_message(answer) or are_messages(answer):
        return conversation(question, answer, name)
    return [*question, *_answer(answer, name, has_tools(record))]


def has_tools(record: dict[str, Any]) -> bool:
    return record.get("tools") not in (None, "", "[]", [])


def _question(text: str, where: str) -> Message:
    if not text.strip():
        raise DataError(f"{where} is empty", "no_question", "fill in the question")
    return {"role": "user", "content": text}


def _answer(answer: Any, where: str, beside_tools: bool) -> list[Message]:
    thinking, said = split(answer, where) if isinstance(answer, str) else (None, answer)
    calls = _json_calls(said, where, beside_tools)
    if not calls and not isinstance(said, str):
        raise DataError(
            f"{where} is neither text nor a tool_call",
            "bad_output",
            "write text or {tool_call: {...}}",
        )
    if calls := calls or _written_calls(said, where, beside_tools):
        thought: list[Message] = (
            [{"role": "assistant", "content": join(thinking, "", where)}] if thinking else []
        )
        return [*thought, *(call_message(call) for call in calls)]
    return [{"role": "assistant", "content": answer}]


def _json_calls(answer: Any, where: str, beside_tools: bool) -> list[ToolCall]:
    """The calls that an answer is, as JSON text or as the value; none where it is an answer in
    words."""
    is_text = isinstance(answer, str)
    value = _decoded(answer, where, beside_tools) if is_text else answer
    calls = value if isinstance(value, list) else [value]
    # without tools an object with a name and arguments may be an answer
    is_meant = is_call if beside_tools or not is_text else _is_marked
    if not all(_is_marked(call) or is_meant(call) for call in calls):
        return []
    if is_text:
        decode_distinct(answer, where)  # refuses two values under one key
    return [call_from(call, where) for call in calls]


def _is_marked(value: Any) -> bool:
    return isinstance(value, dict) and "tool_call" in value


def _decoded(answer: str, where: str, beside_tools: bool) -> Any:
    """The JSON value that the text holds, or None. Text that means to be a call and is none must
    not be trained on."""
    if not answer.lstrip().startswith(("{", "[")):
        return None
    try:
        return msgspec.json.decode(answer)
    except (ValueError, RecursionError) as error:
        if '"tool_call"' in answer or (beside_tools and '"arguments"' in answer):
            raise DataError(
                f"{where}: a broken tool_call: {error}", "broken_call", "mend its JSON"
            ) from error
        return None


def _written_calls(answer: str, where: str, beside_tools: bool) -> list[ToolCall]:
    """The calls of a text that is a call string; none where it is an answer in words."""
    if _MARKED.search(answer):
        fix = "let the answer be the call alone, or a list of calls"
        raise DataError(f"{where}: a tool_call with text around it", "unread_call", fix)
    parsed = call_strings.parse(answer)
    if not beside_tools and (
        "." in answer.partition("(")[0] or any(_may_be_code(call) for call in parsed.calls)
    ):
        return []
    if parsed.malformed:
        fix = "mend it: text with a comma or a parenthesis needs quotes"
        raise DataError(f"{where}: a broken call string: {parsed.malformed}", "broken_call", fix)
    if not parsed.calls and _WIDE_CALL.fullmatch(answer):
        fix = "write ( ) = and , in it as in code"
        raise DataError(f"{where}: a call string in full-width punctuation", "broken_call", fix)
    return parsed.calls


def _may_be_code(call: ToolCall) -> bool:
    return not call.arguments or "." in call.name


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise DataError(f"{name} is not text", "bad_content", f"write {name} as a string")
    return value or ""
