"""The Hermes wire format, which Qwen models speak: text to calls, and calls to text.

    <think>optional reasoning</think>
    optional text
    <tool_call>
    {"name": "get_weather", "arguments": {"city": "北京"}}
    </tool_call>

Source: NousResearch/Hermes-Function-Calling; rendered as ms-swift's HermesAgentTemplate does.
"""

import json
import re
from typing import Any

from swiftkit.errors import DataError
from swiftkit.toolcall.call import Parsed, ToolCall, call_from
from swiftkit.toolcall.json_text import raw_decode, reason, skip_space

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_KEYS = ("name", "arguments", "parameters")
_MARKUP = re.compile(r"</?(?:think|tool_call)>")


def render(calls: list[ToolCall]) -> str:
    """The text that ms-swift trains on for these calls, byte for byte."""
    return "\n".join(f"{OPEN}\n{_json(call)}\n{CLOSE}" for call in calls)


def parse(text: str) -> Parsed:
    """Read a model's answer. Never raises; parse(render(calls)).calls == calls.

    Reasoning is set aside: between <think> and </think>, or all that stands before a </think> whose opening tag
    was part of the prompt. A block is read as JSON and not searched for its closing tag, so a string argument may
    hold any markup. Unclosed, stray, nested or broken markup makes the whole answer malformed.
    """
    calls: list[ToolCall] = []
    prose: list[str] = []
    position = 0
    while tag := _MARKUP.search(text, position):
        prose.append(text[position : tag.start()])
        try:
            position = _step(text, tag, calls)
        except (ValueError, RecursionError) as error:
            # The block may be part of reasoning that the prompt opened: then a closing tag follows.
            position = text.find("</think>", tag.end()) + len("</think>")
            if tag[0] == "<think>" or position < len("</think>"):
                return Parsed([], text.strip(), reason(error))
            calls, prose = [], []
        if tag[0] == "</think>":
            calls, prose = [], []
    prose.append(text[position:])
    return Parsed(calls, "".join(prose).strip())


def _step(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    """Go past one piece of markup, adding the call it holds; ValueError says why it cannot be read."""
    if tag[0] == CLOSE:
        raise ValueError(f"{CLOSE} without {OPEN}")
    if tag[0] == "</think>":
        return tag.end()
    if tag[0] == "<think>":
        end = text.find("</think>", tag.end())
        if end < 0:
            raise ValueError("the reasoning is never closed")
        return end + len("</think>")
    call, position = _block(text, tag.end())
    calls.append(call)
    return position


def _block(text: str, start: int) -> tuple[ToolCall, int]:
    """The call after an opening tag, and the position behind its closing tag."""
    value, end = raw_decode(text, skip_space(text, start))
    end = skip_space(text, end)
    if not text.startswith(CLOSE, end):
        raise ValueError(f"{CLOSE} is missing after the call" if end >= len(text) else "text after the call's JSON")
    return _call(value), end + len(CLOSE)


def _call(value: Any) -> ToolCall:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError("the call is not an object with a name")  # noqa: TRY004 (one kind of error: malformed)
    if any(isinstance(value.get(key), str) for key in ("arguments", "parameters")):
        raise ValueError("the arguments are text, not an object")
    try:
        return call_from({key: value[key] for key in _KEYS if key in value}, OPEN)
    except DataError as error:
        raise ValueError(error.reason) from error


def _json(call: ToolCall) -> str:
    return json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
