r"""Calls as JSON and nothing else, in the shapes found in data, in prompts and in API answers.

    {"name": "get_weather", "arguments": {"city": "北京"}}                       or "parameters"; `render` writes this
    [{"name": "get_weather", "arguments": {"city": "北京"}}, {...}]              several; or one after the other
    {"tool_call": {"tool_name": "get_weather", "parameters": {"city": "北京"}}}
    {"type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"北京\"}"}}     OpenAI's
    {"role": "assistant", "content": "", "tool_calls": [{...}]}                                          a message

All of it perhaps in one ```json fence. Between two calls stands white space, a comma or a
semicolon. An answer with words beside the JSON is prose, and so is JSON that has not the keys of a
call, or has others too, such as {"name": "Ada", "age": 36}.

Source: the prompt formats of instruction data sets, OpenAI's API; Llama's and Mistral's calls are
such values as well.
"""

import re
from collections.abc import Sequence
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import raw_decode, reason, written
from swiftkit.toolcall.call import Parsed, ToolCall, call_from
from swiftkit.toolcall.formats import _blocks as blocks

_FENCE = re.compile(r"```(?:json|tool_calls?)?+\s*+")
_BETWEEN = re.compile(r"\s*+(?:[,;]\s*+)?")
_BEGINNING = re.compile(r'(?:\[\s*+)?\{\s*+"(?:name|tool_name|type|function|tool_calls?)"\s*+:')
_NAMES, _ARGUMENTS = ("name", "tool_name"), ("arguments", "parameters")
_CALL_KEYS = {"id", "index", "type", *_NAMES, *_ARGUMENTS}
_WRAPPERS, _WRAPPER_KEYS = (
    ("function", "tool_call"),
    {"id", "index", "type", "function", "tool_call"},
)
_MESSAGE_KEYS = {"role", "content", "tool_calls"}


def render(calls: list[ToolCall]) -> str:
    """One call as an object, several as a list, none as "". Raises DataError (bad_call)."""
    values = [{"name": call.name, "arguments": call.arguments} for call in calls]
    return written(values[0] if len(values) == 1 else values) if values else ""


def parse(text: str) -> Parsed:
    """Read an answer. Never raises; parse(render(calls)).calls == calls. Malformed: calls whose
    JSON is broken or cut off, a call without arguments that are an object, a call beside other
    JSON.
    """
    return blocks.read_whole(text, read)


def read(answer: str) -> Parsed:
    """The same for an answer without reasoning."""
    body = _unfenced(answer)
    if not body.startswith(("{", "[")):
        return Parsed([], answer)
    try:
        values = _values(body)
        content, found = _flat(values)
        return Parsed(calls_of(found), content) if any(map(is_call, found)) else Parsed([], answer)
    except (ValueError, RecursionError) as error:
        return Parsed([], answer, reason(error) if _BEGINNING.match(body) else "")


def calls_of(values: Sequence[Any]) -> list[ToolCall]:
    """The calls that these JSON values are. ValueError says why one is none."""
    return [_call(value) for value in values]


def is_call(value: Any) -> bool:
    """Whether a JSON value can be nothing else than a call; whether it can be read as one is
    another question."""
    if not isinstance(value, dict):
        return False
    if any(isinstance(value.get(key), dict) for key in _WRAPPERS):
        return value.keys() <= _WRAPPER_KEYS
    has_both = any(key in value for key in _NAMES) and any(key in value for key in _ARGUMENTS)
    return has_both and value.keys() <= _CALL_KEYS


def _call(value: Any) -> ToolCall:
    if not is_call(value):
        raise ValueError("JSON that is no call stands beside a call")
    # only OpenAI's form writes them as text
    if any(isinstance(value.get(key), str) for key in _ARGUMENTS):
        raise ValueError("the arguments are text, not an object")
    try:
        return call_from(value, "the call")
    except DataError as error:
        raise ValueError(error.reason) from error


def _unfenced(answer: str) -> str:
    fence = _FENCE.match(answer)
    if not fence or not answer.endswith("```") or len(answer) < fence.end() + 3:
        return answer
    return answer[fence.end() : -3].rstrip()


def _values(body: str) -> list[Any]:
    """All JSON values of a text that is made of them; none if there is other text, too."""
    values: list[Any] = []
    position = 0
    while position < len(body):
        if body[position] not in "{[":
            return []
        value, end = raw_decode(body, position)
        values.append(value)
        between = _BETWEEN.match(body, end)
        position = between.end() if between else end
    return values


def _flat(values: list[Any]) -> tuple[str, list[Any]]:
    """(content, values) with lists and a message's tool_calls unwrapped."""
    if len(values) != 1:
        return "", values
    value = values[0]
    if (
        isinstance(value, dict)
        and isinstance(value.get("tool_calls"), list)
        and value.keys() <= _MESSAGE_KEYS
    ):
        content = value.get("content")
        return content if isinstance(content, str) else "", value["tool_calls"]
    return "", value if isinstance(value, list) else values
