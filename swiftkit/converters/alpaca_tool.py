r"""Alpaca rows (instruction, input, output) whose output may hold a tool call.

Source: the SFT data of "fuzzy question to tool calls" projects in LLaMA-Factory's Alpaca form. A real row:

    {"instruction": "明天北京天气怎么样", "input": "",
     "output": "{\"tool_call\": {\"tool_name\": \"queryWeather\", \"parameters\": {\"location\": \"北京\"}}}"}

The output is a call, a JSON list of calls, or an answer in plain text. Optional columns: `tools` (a list or JSON text),
`system`, `history` ([[question, answer], ...], whose answers may be calls too).
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.rows import call_message, make_row
from swiftkit.toolcall.call import call_from

_USED = ("instruction", "input", "output", "system", "history")


def matches(record: dict[str, Any]) -> bool:
    return "instruction" in record and "output" in record and "messages" not in record


def convert(record: dict[str, Any]) -> Iterable[Row]:
    return [make_row(_messages(record), record, _USED)]


def _messages(record: dict[str, Any]) -> Iterator[Message]:
    if system := _text(record, "system"):
        yield {"role": "system", "content": system}
    history = record.get("history") or []
    if not isinstance(history, list):
        raise DataError("history is not a list", "bad_history", "write it as [[question, answer], ...]")
    for index, pair in enumerate(history):
        yield from _turn(pair, f"history[{index}]")
    parts = [_text(record, "instruction"), _text(record, "input")]
    question = "\n".join(part for part in parts if part)  # as ms-swift joins them
    yield from _turn([question, record.get("output")], "output")


def _turn(pair: Any, where: str) -> Iterator[Message]:
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
        raise DataError(f"{where} is not a pair of question and answer", "bad_history", "write [question, answer]")
    if not pair[0].strip():
        raise DataError(f"{where}: the question is empty", "no_question", "fill in instruction or input")
    yield {"role": "user", "content": pair[0]}
    yield from _answer(pair[1], where)


def _answer(output: Any, where: str) -> Iterator[Message]:
    value = _decoded(output, where) if isinstance(output, str) else output
    calls = value if isinstance(value, list) else [value]
    if calls and all(isinstance(call, dict) and "tool_call" in call for call in calls):
        yield from (call_message(call_from(call, where)) for call in calls)
    elif isinstance(output, str):
        yield {"role": "assistant", "content": output}
    else:
        raise DataError(f"{where} is neither text nor a tool_call", "bad_output", "write text or {tool_call: {...}}")


def _decoded(output: str, where: str) -> Any:
    """The JSON value that the text holds, or None. Text that means to be a call and is none must not be trained on."""
    if not output.lstrip().startswith(("{", "[")):
        return None
    try:
        return msgspec.json.decode(output)
    except (ValueError, RecursionError) as error:
        if '"tool_call"' in output:
            raise DataError(f"{where}: a broken tool_call: {error}", "broken_call", "mend its JSON") from error
        return None


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise DataError(f"{name} is not text", "bad_content", f"write {name} as a string")
    return value or ""
