r"""Alpaca rows (instruction, input, output) whose output may hold a tool call.

Source: the SFT data of "fuzzy question to tool calls" projects in LLaMA-Factory's Alpaca form. A real row:

    {"instruction": "明天北京天气怎么样", "input": "",
     "output": "{\"tool_call\": {\"tool_name\": \"queryWeather\", \"parameters\": {\"location\": \"北京\"}}}"}

The output is a call, a JSON list of calls, a call string such as `queryWeather(location=北京, date=now)` (see
toolcall/call_strings.py), or an answer in plain text. Optional columns: `tools` (a list or JSON text), `system`,
`history` ([[question, answer], ...], whose answers may be calls too). In a row without tools a line of code may look
like a call string: one without arguments or with a dot in its name, such as `plt.show()`, is text there.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.rows import call_message, make_row
from swiftkit.toolcall import call_strings
from swiftkit.toolcall.call import ToolCall, call_from

_USED = ("instruction", "input", "output", "system", "history")
_OTHERS = ("chosen", "rejected", "rejected_response", "kto_tag")  # of preference and KTO data: an answer would be lost


def matches(record: dict[str, Any]) -> bool:
    if isinstance(record.get("label"), bool) or any(record.get(column) is not None for column in _OTHERS):
        return False
    return "instruction" in record and "output" in record and "messages" not in record


def convert(record: dict[str, Any]) -> Iterable[Row]:
    return [make_row(_messages(record), record, _USED)]


def _messages(record: dict[str, Any]) -> Iterator[Message]:
    for name in ("system", "system_prompt"):
        if system := _text(record, name):
            yield {"role": "system", "content": system}
    has_tools = record.get("tools") not in (None, "", "[]", [])
    history = record.get("history") or []
    if not isinstance(history, list):
        raise DataError("history is not a list", "bad_history", "write it as [[question, answer], ...]")
    for index, pair in enumerate(history):
        yield from _turn(pair, f"history[{index}]", has_tools)
    parts = [_text(record, "instruction"), _text(record, "input")]
    question = "\n".join(part for part in parts if part)  # as ms-swift joins them
    yield from _turn([question, record.get("output")], "output", has_tools)


def _turn(pair: Any, where: str, has_tools: bool) -> Iterator[Message]:
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
        raise DataError(f"{where} is not a pair of question and answer", "bad_history", "write [question, answer]")
    if not pair[0].strip():
        raise DataError(f"{where}: the question is empty", "no_question", "fill in instruction or input")
    yield {"role": "user", "content": pair[0]}
    yield from _answer(pair[1], where, has_tools)


def _answer(output: Any, where: str, has_tools: bool) -> Iterator[Message]:
    value = _decoded(output, where) if isinstance(output, str) else output
    calls = value if isinstance(value, list) else [value]
    if calls and all(isinstance(call, dict) and "tool_call" in call for call in calls):
        yield from (call_message(call_from(call, where)) for call in calls)
    elif isinstance(output, str):
        written = _call_string(output, where, has_tools)
        yield from written or [{"role": "assistant", "content": output}]
    else:
        raise DataError(f"{where} is neither text nor a tool_call", "bad_output", "write text or {tool_call: {...}}")


def _call_string(output: str, where: str, has_tools: bool) -> list[Message]:
    """The calls of a text that is a call string; none where it is an answer in words."""
    parsed = call_strings.parse(output)
    if not has_tools and ("." in output.partition("(")[0] or any(_may_be_code(call) for call in parsed.calls)):
        return []
    if parsed.malformed:
        fix = "mend it: text with a comma or a parenthesis needs quotes"
        raise DataError(f"{where}: a broken call string: {parsed.malformed}", "broken_call", fix)
    return [call_message(call) for call in parsed.calls]


def _may_be_code(call: ToolCall) -> bool:
    return not call.arguments or "." in call.name


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
