r"""Nemotron post-training rows: a switch `reasoning`, with input and output or with messages.

Source: nvidia/Llama-Nemotron-Post-Training-Dataset, and nvidia/Nemotron-Post-Training-Dataset-v1
and -v2, whose tools are in `metadata`. A real row of each, shortened:

    {"input": [{"role": "user", "content": "Find the sum ..."}], "output": "<think>...</think>204",
     "category": "math", "license": "cc-by-4.0", "reasoning": "on", "generator": "DeepSeek-R1",
     "used_in_training": "yes", "version": "v1", "system_prompt": "detailed thinking on"}
    {"uuid": "b8f2...", "license": "CC BY 4.0", "generator": "Qwen3-235B-A22B", "version": "v1",
     "category": "tool", "reasoning": "off", "messages": [
       {"role": "user", "content": "Weather in Oslo?", "tool_calls": []},
       {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function",
        "function": {"name": "get_weather", "arguments": "{\"city\": \"Oslo\"}"}}]},
       {"role": "tool", "content": "rain", "tool_calls": []},
       {"role": "assistant", "content": "It rains.", "tool_calls": []}],
     "metadata": "{\"tools\": [{\"name\": \"get_weather\", ...}]}"}

The switch becomes the setting `enable_thinking` of the chat template. An input in text, with the
tags of Llama 3's template, as in the first release, is taken apart. Rows without an output are
prompts for rewards: `args` and `expected_answer` are kept for them.
"""

import re
from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.json_values import as_text, field, listed
from swiftkit.data.roles import are_messages
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.records import Row

ORDER = 245
READS = {
    "": (
        "input output messages tools reasoning system_prompt metadata args uuid id expected_answer"
        " -category -license -generator -used_in_training -version -language -used_in -domain"
    ),
    **reads_of("messages", "input", "output"),
}

_SWITCH = {"on": True, "off": False}
_HEADER = re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>")
_TAKEN = ("input", "output", "messages", "reasoning", "metadata", "uuid", "args")


def matches(record: dict[str, Any]) -> bool:
    switch = record.get("reasoning")
    if not isinstance(switch, str) or switch not in _SWITCH:
        return False
    return isinstance(record.get("messages"), list) or _is_prompt(record.get("input"))


def _is_prompt(value: Any) -> bool:
    return are_messages(value) or (isinstance(value, str) and bool(_HEADER.search(value)))


def convert(record: dict[str, Any]) -> Iterable[Row]:
    if isinstance(record.get("messages"), list):
        messages = messages_of(record["messages"], "messages")
    else:
        messages = messages_of(_prompt(record.get("input")), "input")
        messages += messages_of(_answer(record.get("output")), "output")
    metadata = record.get("metadata")
    if isinstance(metadata, str):
        metadata = decode_or_none(metadata)
    columns = dict(record)
    columns["id"] = record.get("uuid") or record.get("id")
    columns["tools"] = record.get("tools") or field(metadata, "tools")
    switch = record.get("reasoning")
    if isinstance(switch, str) and switch in _SWITCH:
        columns["chat_template_kwargs"] = {"enable_thinking": _SWITCH[switch]}
    row: Any = make_row(messages, columns, _TAKEN)
    if record.get("args"):
        row["args"] = as_text(record["args"])
    gold = record.get("expected_answer") or field(metadata, "expected_answer")
    if gold:
        row["solution"] = as_text(gold)
    return [row]


def _prompt(value: Any) -> Any:
    """Return the messages of an input, also of text with Llama 3's headers. Raises DataError."""
    if not isinstance(value, str):
        return value
    before, *parts = _HEADER.split(value.removeprefix("<|begin_of_text|>"))
    if before.strip() or not parts:
        fix = "write [{role, content}]"
        raise DataError("input is text without Llama 3's headers", "bad_message", fix)
    messages = []
    for role, text in zip(parts[::2], parts[1::2], strict=True):
        messages.append({"role": role, "content": text.replace("<|eot_id|>", "").strip()})
    if messages[-1] == {"role": "assistant", "content": ""}:  # which the output follows
        messages.pop()
    return messages


def _answer(value: Any) -> Any:
    if value is None:
        return []
    if not isinstance(value, str):
        return listed(value)
    return [{"role": "assistant", "content": value.replace("<|eot_id|>", "").strip()}]
