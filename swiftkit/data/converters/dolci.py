r"""Dolci rows, the data of OLMo 3: tools in `functions` and calls in `function_calls` of messages.

Source: allenai/Dolci-Instruct-SFT-Tool-Use, and the messages of OLMo 3's chat template. A real row,
shortened:

    {"id": "toolu_1", "dataset_source": "allenai/...", "messages": [
       {"role": "system", "content": "You are a helpful function-calling AI assistant. You are
        provided with function signatures within <functions></functions> XML tags. ...",
        "functions": "[{\"name\": \"get_weather\", ...}]", "function_calls": null},
       {"role": "user", "content": "Weather in Oslo?", "functions": null, "function_calls": null},
       {"role": "assistant", "content": null, "functions": null,
        "function_calls": "get_weather(city=\"Oslo\")"},
       {"role": "environment", "content": "rain", "functions": null, "function_calls": null},
       {"role": "assistant", "content": "It rains.", "functions": null, "function_calls": null}]}

Calls are Python's, a line each. The template's own sentences about the format of calls are left out
of the system text.
"""

import re
from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.from_sharegpt import with_tools
from swiftkit.data.json_values import field, items
from swiftkit.data.roles import is_plain_chat
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row
from swiftkit.toolcall.formats import olmo3
from swiftkit.toolcall.tools import tools_from

ORDER = 344
READS = {
    "": "messages -dataset_source",
    **reads_of("messages", also="functions function_calls"),
}

_FORMAT = re.compile(
    r"\s*(?:You are provided with function signatures within <functions></functions> XML tags\."
    r"|You may call one or more functions to assist with the user query\."
    r"|Output any function calls within <function_calls></function_calls> XML tags\."
    r"|Do not make assumptions about what values to plug into functions\."
    r"|You do not currently have access to any functions\."
    r"|<functions></functions>)"
)


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    for message in () if is_plain_chat(messages) else items(messages):
        if not isinstance(message, dict):
            return False
        if message.get("function_calls") or message.get("functions"):
            return True
    return False


def convert(record: dict[str, Any]) -> Iterable[Row]:
    source = record.get("messages")
    if not isinstance(source, list):
        raise DataError("the row has no messages", "no_messages", "write [{role, content}]")
    messages: list[Any] = []
    numbers: list[int] = []
    tools: list[Any] = []
    for number, message in enumerate(source):
        tools += tools_from(field(message, "functions"))
        message = _openai(message, f"messages[{number}]")
        if field(message, "role") != "system" or message.get("content"):
            messages.append(message)
            numbers.append(number)
    row = make_row(messages_of(messages, "messages", numbers), with_tools(record, tools), ())
    return [row]


def _openai(message: Any, where: str) -> Any:
    """Return the message with its calls in tool_calls. Raises DataError."""
    text, calls = field(message, "content"), field(message, "function_calls")
    if field(message, "role") == "system" and isinstance(text, str):
        return {**message, "content": _FORMAT.sub("", text).strip()}
    if not isinstance(calls, str) or not calls.strip():
        return message
    parsed = olmo3.parse(f"<function_calls>\n{calls.strip()}\n</function_calls>")
    if parsed.malformed or not parsed.calls:
        reason = f"{where}: function_calls cannot be read: {parsed.malformed or 'no call'}"
        raise DataError(reason, "broken_call", "write name(key=value), a line each")
    made = [{"name": call.name, "arguments": call.arguments} for call in parsed.calls]
    return {**message, "tool_calls": made}
