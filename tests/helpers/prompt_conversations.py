"""Conversations to ask real servers about, in the form in which a client sends them, and the ids
that transformers gives for them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from helpers.chat_templates import CASES, conversations
from helpers.paths import ROOT

_SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "a city"},
        "days": {"type": "integer"},
    },
    "required": ["city"],
}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather.", "parameters": _SCHEMA},
}
# other orders, keys that no API knows, and a description that is missing
ODD_TOOLS = [
    {
        "function": {"parameters": _SCHEMA, "description": "d", "name": "a", "x": 1},
        "type": "function",
    },
    {"type": "function", "function": {"name": "b", "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "c", "description": "", "strict": True}},
]
_ASKED = {"role": "user", "content": "How is the weather in Oslo and 北京?"}


def _call(number: int, arguments: str) -> dict[str, Any]:
    function = {"name": "weather", "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _result(number: int, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call_{number}", "name": "weather", "content": text}


_CALLS = [_call(1, '{"days": 1, "city": "Oslo"}'), _call(2, '{"city": "北京", "days": 2.5e0}')]
_LOOP = [
    _ASKED,
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Two cities.",
        "tool_calls": _CALLS,
    },
    _result(1, "21 C"),
    _result(2, '{"celsius": 30.0}'),
]
_LONG = [
    {"role": "system", "content": "Be brief."},
    *_LOOP,
    {"role": "assistant", "content": "21 and 30.", "reasoning_content": "Both are known."},
    {"role": "user", "content": "And tomorrow?\n"},
    {"role": "assistant", "content": "Let me see.", "tool_calls": [_call(3, "")]},
    _result(3, ""),
]
# name -> (messages, tools)
_OURS: dict[str, tuple[list[Any], list[Any] | None]] = {
    "one question": ([_ASKED], None),
    "system": ([{"role": "system", "content": "你好"}, _ASKED], None),
    "tools": ([_ASKED], [WEATHER]),
    "odd tools": ([_ASKED], ODD_TOOLS),
    "reasoning between calls": (_LOOP, [WEATHER]),
    "several turns": (_LONG, [WEATHER]),
    "calls without tools": (_LOOP, None),
    "answered": ([*_LONG[:6], _ASKED], [WEATHER]),
}


@cache
def cases() -> dict[str, tuple[list[Any], list[Any] | None]]:
    """name -> (messages, tools): ours, and each prompt of the shared folder's conversations."""
    result = dict(_OURS)
    if (CASES / "conversations.json.gz").exists():
        for name, (messages, tools) in conversations().items():
            for index, message in enumerate(messages):
                if message["role"] == "assistant":
                    result[f"{name} {index}"] = ([_sent(m) for m in messages[:index]], tools)
    return result


def _sent(message: dict[str, Any]) -> dict[str, Any]:
    """A message with its arguments as text, and ids, as OpenAI's API wants both."""
    calls = []
    for number, call in enumerate(message.get("tool_calls") or []):
        arguments = json.dumps(call["function"]["arguments"], ensure_ascii=False)
        function = {**call["function"], "arguments": arguments}
        calls.append({"id": f"call_{number}", "type": "function", **call, "function": function})
    return {**message, "tool_calls": calls} if calls else message


def model_folder(folder: Path, template: str) -> Path:
    """Return a copy of the tiny Qwen3 with this chat template."""
    folder.mkdir()
    for file in (ROOT / "recipes/tiny/qwen3").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder
