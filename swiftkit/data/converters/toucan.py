r"""Toucan rows: trajectories over MCP servers, with messages and tools as JSON text.

Source: Agent-Ark/Toucan-1.5M. A real row of its split for training, shortened:

    {"uuid": "f8a0...", "subset_name": "single-turn-original", "question": "What's the weather ...",
     "target_tools": "Weather::get_forecast",
     "tools": "[{\"type\": \"function\", \"function\": {\"name\": \"weather-get_forecast\", ...}}]",
     "messages": "[{\"role\": \"user\", \"content\": \"What's the weather ...\"},
       {\"role\": \"tool_call\", \"content\": \"{'name': 'weather-get_forecast', 'arguments':
        '{\\\"city\\\": \\\"Oslo\\\"}'}\"},
       {\"role\": \"tool_response\", \"content\": \"rain\"},
       {\"role\": \"assistant\", \"content\": \"It rains.\"}]"}

Its other splits write a `function_call` and the role function, and give the tools to Kimi K2 in the
system text too, between <|im_system|>tool_declare and <|im_end|>: that part is left out.
"""

import re
from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.json_values import field
from swiftkit.data.rows import make_row
from swiftkit.records import Row

ORDER = 336
READS = {
    "": (
        "uuid messages tools -subset_name -question -target_tools -available_tools -metadata"
        " -question_quality_assessment -response_quality_assessment"
        " -question_quality_assessment_deepseek -response_quality_assessment_deepseek -prompt_id"
    ),
    **reads_of("messages", also="-extra"),
}

_DECLARED = re.compile(r"<\|im_system\|>tool_declare<\|im_middle\|>.*?<\|im_end\|>", re.DOTALL)


def matches(record: dict[str, Any]) -> bool:
    return "subset_name" in record and "target_tools" in record and "messages" in record


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages")
    if isinstance(messages, list):
        messages = [_undeclared(message) for message in messages]
    columns = {"id": record.get("uuid"), "tools": record.get("tools")}
    read = messages_of(messages, "messages")
    if read[:1] == [{"role": "system", "content": ""}]:
        del read[0]
    return [make_row(read, columns, ())]


def _undeclared(message: Any) -> Any:
    text = field(message, "content")
    if field(message, "role") != "system" or not isinstance(text, str):
        return message
    return {**message, "content": _DECLARED.sub("", text).strip()}
