r"""SmolTalk2 rows: messages, with tools, system prompt and thinking in chat_template_kwargs.

Source: HuggingFaceTB/smoltalk2, the data of SmolLM3, whose chat template has these settings. A real
row, shortened:

    {"messages": [{"role": "user", "content": "Where can I find live giveaways?"},
       {"role": "assistant", "content": "<think>\nI need ...\n</think>\n<tool_call>{\"name\":
        \"live_giveaways_by_type\", \"arguments\": {\"type\": \"beta\"}}</tool_call>"}],
     "chat_template_kwargs": {"custom_instructions": "You are an expert in ...",
       "enable_thinking": true, "python_tools": [],
       "xml_tools": ["{\"name\": \"live_giveaways_by_type\", \"description\": ...}"]},
     "source": "xlam_traces_no_think"}

`xml_tools` are the tools, `custom_instructions` the system text, and `enable_thinking` stays a
setting of the chat template. `python_tools` are called in Python code, in <code>, which is no call
to any other chat template: unread_call. Where no answer holds code they are tools like the others.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.json_values import field, items
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 304
READS = {
    "": "messages tools chat_template_kwargs id -source",
    "chat_template_kwargs": (
        "custom_instructions enable_thinking xml_tools python_tools -system_message"
    ),
    **reads_of("messages"),
}

_TAKEN = ("custom_instructions", "xml_tools", "python_tools")


def matches(record: dict[str, Any]) -> bool:
    settings = record.get("chat_template_kwargs")
    if not isinstance(settings, dict) or not isinstance(record.get("messages"), list):
        return False
    return any(name in settings for name in _TAKEN)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    settings = record.get("chat_template_kwargs")
    settings = settings if isinstance(settings, dict) else {}
    columns = dict(record)
    tools = [*items(settings.get("xml_tools"))]
    if settings.get("python_tools"):
        _check_no_code(record)
        tools += [tool for tool in items(settings["python_tools"]) if tool not in tools]
    if tools:
        columns["tools"] = tools
    if settings.get("custom_instructions"):
        columns["system"] = settings["custom_instructions"]
    columns["chat_template_kwargs"] = {
        name: value
        for name, value in settings.items()
        if name not in _TAKEN and value not in (None, [], "")
    }
    return [make_row(messages_of(record.get("messages"), "messages"), columns, ())]


def _check_no_code(record: dict[str, Any]) -> None:
    for number, message in enumerate(items(record.get("messages"))):
        if "<code>" in str(field(message, "content")):
            reason = f"messages[{number}]: python_tools are called in Python code, in <code>"
            fix = "leave these rows out, or write the calls as <tool_call>"
            raise DataError(reason, "unread_call", fix)
