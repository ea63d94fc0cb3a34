r"""Calls as JSON values, in the shapes found in data, in prompts and in API answers.

    {"name": "get_weather", "arguments": {"city": "北京"}}           or "parameters"
    [{"name": "get_weather", "arguments": {"city": "北京"}}, {...}]  several; or one after the other
    {"tool_call": {"tool_name": "get_weather", "parameters": {"city": "北京"}}}
    {"type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"北京\"}"}}
    {"role": "assistant", "content": "", "tool_calls": [{...}]}
    {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"}
    {"function_call": {"name": "get_weather", "arguments": "{}"}}
    {"type": "tool_use", "id": "t", "name": "get_weather", "input": {"city": "北京"}}
    {"functionCall": {"name": "get_weather", "args": {"city": "北京"}}}
    {"action": "get_weather", "action_input": {"city": "北京"}}          or "tool", "tool_input"

The fourth to the seventh are OpenAI's, whose arguments are JSON text. Then follow Anthropic's
block, which may stand in a message's content; Gemini's part, which may stand in its parts; and
LangChain's action. An object may be Python's instead of JSON ({'name': ...}), as SGLang's parser
llama3 reads it.
"""

import re
from collections.abc import Sequence
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import raw_decode, reason
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.scanners import blocks

_SEPARATOR = re.compile(r"\s*+(?:[,;]\s*+)?")
_BEGINNING = re.compile(
    r"(?:\[\s*+)?\{\s*+(['\"])"
    r"(?:name|tool_name|type|function|tool_calls?|function_?[cC]all|action|tool)\1\s*+:"
)
_PYTHON = re.compile(r"\{\s*+'")
# of calls: no other list or object is worth decoding
_CAN_BE_CALLS = re.compile(r"(?:\[\s*+)?\{")
_NAMES = ("name", "tool_name")
_ARGUMENTS = ("arguments", "parameters")
_CALL_KEYS = {"id", "index", "type", "tool_call_id", *_NAMES, *_ARGUMENTS}
_WRAPPERS = ("function", "tool_call")
_WRAPPER_KEYS = {"id", "index", "type", *_WRAPPERS}
_MESSAGE_KEYS = {"role", "content", "tool_calls", "parts"}
# other names of the arguments and of the name: Anthropic's, Gemini's, LangChain's
_OTHER_KEYS = (
    ("input", "name"),
    ("args", "name"),
    ("action_input", "action"),
    ("tool_input", "tool"),
    ("arguments", "tool"),
    ("parameters", "tool"),
)
_OTHER_WRAPPERS = ("functionCall", "function_call")


def read(answer: str) -> Parsed:
    """Read an answer that is JSON calls from beginning to end, perhaps in one fence.

    Between two calls stands white space, a comma or a semicolon. Never raises; any other answer is
    content. Malformed: calls whose JSON is broken or cut off, a call without arguments that are an
    object, a call beside other JSON.
    """
    body = blocks.without_fence(answer)
    if not _CAN_BE_CALLS.match(body):
        return Parsed([], answer)
    try:
        content, values = _unwrapped(_values(body))
        if not any(is_call(value) for value in values):
            return Parsed([], answer)
        return Parsed(calls_of(values), content)
    except (ValueError, RecursionError) as error:
        return Parsed([], answer, reason(error) if _BEGINNING.match(body) else "")


def calls_of(values: Sequence[Any]) -> list[ToolCall]:
    """Return the calls that these JSON values are. Raises ValueError where one is none."""
    calls = []
    for each in values:
        if call := _plain_call(each):
            calls.append(call)
            continue
        value = _in_common_keys(each)
        if not is_call(value):
            raise ValueError("JSON that is no call stands beside a call")
        if isinstance(value.get("function"), str):
            raise ValueError("the call's name stands under `function`")  # noqa: TRY004 - malformed
        if _is_definition(value):
            raise ValueError("a tool's definition stands where a call belongs")
        # only OpenAI's form writes them as text
        if any(isinstance(value.get(key), str) for key in _ARGUMENTS):
            raise ValueError("the arguments are text, not an object")
        try:
            calls.append(call_from(value, "the call"))
        except DataError as error:
            raise ValueError(error.reason) from error
    return calls


def _plain_call(value: Any) -> ToolCall | None:
    """Return the call of the commonest shape, a name and its arguments; None for another."""
    if type(value) is not dict or len(value) != 2:
        return None
    name = value.get("name") or value.get("tool_name")
    arguments = value.get("arguments")
    if arguments is None:
        arguments = value.get("parameters")
        if type(arguments) is dict and "properties" in arguments:  # perhaps a definition
            return None
    if type(name) is not str or type(arguments) is not dict or not name:
        return None
    return ToolCall(name, arguments)


def _is_definition(value: dict[str, Any]) -> bool:
    """Tell a tool as a prompt lists it, whose `parameters` are a JSON Schema."""
    inner = value.get("function")
    described = inner if isinstance(inner, dict) else value
    parameters = described.get("parameters")
    if not isinstance(parameters, dict) or "arguments" in described:
        return False
    return parameters.get("type") == "object" and isinstance(parameters.get("properties"), dict)


def is_call(value: Any) -> bool:
    """Tell whether a JSON value can be nothing else than a call, even if it cannot be read."""
    if _plain_call(value):
        return True
    value = _in_common_keys(value)
    if not isinstance(value, dict):
        return False
    if any(isinstance(value.get(key), dict) for key in _WRAPPERS):
        return value.keys() <= _WRAPPER_KEYS
    has_name = any(key in value for key in _NAMES) or isinstance(value.get("function"), str)
    has_arguments = any(key in value for key in _ARGUMENTS)
    return has_name and has_arguments and value.keys() <= _CALL_KEYS | {"function"}


def value_at(text: str, position: int) -> tuple[Any, int]:
    """Return the list or object that begins here, in JSON or an object in Python, and the position
    behind it. Raises ValueError or RecursionError."""
    if not _PYTHON.match(text, position):
        return raw_decode(text, position)
    end = python_literal.end_of(text, position)
    return python_literal.read(text[position:end], python_literal.LONGEST), end


def _values(body: str) -> list[Any]:
    """Return all JSON values of a text that is made of them; none if it holds other text, too."""
    values: list[Any] = []
    position = 0
    while position < len(body):
        if body[position] not in "{[":
            return []
        value, end = value_at(body, position)
        values.append(value)
        separator = _SEPARATOR.match(body, end)
        position = separator.end() if separator else end
    return values


def _in_common_keys(value: Any) -> Any:
    """Return a call with the keys that `call_from` knows; any other value as it is."""
    if not isinstance(value, dict):
        return value
    for key in _OTHER_WRAPPERS:
        if isinstance(value.get(key), dict) and value.keys() <= {key, "id", "thoughtSignature"}:
            inner = _in_common_keys(value[key])
            # Gemini leaves out the arguments of a tool without parameters
            return {"function": {"arguments": {}, **inner} if "name" in inner else inner}
    kind = value.get("type")
    if kind == "function_call" and {"name", "arguments"} <= value.keys():
        return {"function": {key: value[key] for key in ("name", "arguments")}}
    for arguments, name in _OTHER_KEYS:
        is_other = name in value and isinstance(value.get(arguments), dict)
        if is_other and value.keys() <= {arguments, name, "id", "type"}:
            if arguments == "input" and kind != "tool_use":
                return value
            return {"name": value[name], "arguments": value[arguments]}
    return value


def _unwrapped(values: list[Any]) -> tuple[str, list[Any]]:
    """Return (content, values), taking a list or a message's parts apart."""
    if len(values) != 1:
        return "", values
    value = values[0]
    if isinstance(value, list):
        return _without_texts(value)
    is_message = isinstance(value, dict) and value.get("role") in ("assistant", "model")
    if not is_message and not (isinstance(value, dict) and value.keys() <= _MESSAGE_KEYS):
        return "", values
    for key in ("tool_calls", "parts", "content"):
        if isinstance(value.get(key), list):
            content, parts = _without_texts(value[key])
            beside = value.get("content")
            return content or (beside if isinstance(beside, str) else ""), parts
    return "", values


def _without_texts(parts: list[Any]) -> tuple[str, list[Any]]:
    """Return the text of a message's text parts, and the other parts."""
    texts, others = [], []
    for part in parts:
        is_text = isinstance(part, dict) and isinstance(part.get("text"), str)
        if is_text and (part.get("type") == "text" or len(part) == 1):
            texts.append(part["text"])
        else:
            others.append(part)
    return "\n".join(texts), others
