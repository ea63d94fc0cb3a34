r"""Messages for InternLM2 and 3: tools in a system message of the name `plugin`.

Source: the tool calling of https://github.com/InternLM/InternLM (chat/chat_format.md), as lagent
and XTuner hold it. A real row, shortened:

    {"messages": [{"role": "system", "content": "You are InternLM2-Chat."},
       {"role": "system", "name": "plugin", "content": "[{\"name\": \"get_weather\", ...}]"},
       {"role": "user", "content": "Weather in Oslo?"},
       {"role": "assistant", "content": "I will look.<|action_start|><|plugin|>\n{\"name\":
        \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}<|action_end|>"},
       {"role": "environment", "name": "plugin", "content": "rain"},
       {"role": "assistant", "content": "It rains."}]}

The call may also be a message of its own, of the role assistant and the name `plugin`. Code for the
interpreter, of the name `interpreter`, is no call: unread_call.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.from_sharegpt import with_tools
from swiftkit.data.json_values import field, items
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.json_text import decode
from swiftkit.records import Row
from swiftkit.toolcall.tools import tools_from

ORDER = 348
READS = {"": "messages", **reads_of("messages")}

_PLUGIN, _INTERPRETER = "plugin", "interpreter"


def matches(record: dict[str, Any]) -> bool:
    for message in items(record.get("messages")):
        name = field(message, "name")
        if isinstance(name, str) and name in (_PLUGIN, _INTERPRETER):
            return message.get("role") in ("system", "environment", "assistant")
    return False


def convert(record: dict[str, Any]) -> Iterable[Row]:
    source = record.get("messages")
    if not isinstance(source, list):
        raise DataError("the row has no messages", "no_messages", "write [{role, content}]")
    messages: list[Any] = []
    numbers: list[int] = []
    tools: list[Any] = []
    for number, message in enumerate(source):
        name, role = field(message, "name"), field(message, "role")
        if name == _INTERPRETER:
            reason = f"messages[{number}] is code for the interpreter, or its output"
            fix = "leave the row out, or write the code as a call of a tool"
            raise DataError(reason, "unread_call", fix)
        if name == _PLUGIN and role == "system":
            tools += tools_from(message.get("content"))
            continue
        messages.append(_openai(message, f"messages[{number}]") if name == _PLUGIN else message)
        numbers.append(number)
    row = make_row(messages_of(messages, "messages", numbers), with_tools(record, tools), ())
    return [row]


def _openai(message: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a message of the name plugin without it: a call, or the result of one."""
    rest = {key: value for key, value in message.items() if key != "name"}
    if message.get("role") != "assistant" or not isinstance(message.get("content"), str):
        return rest
    call = decode(message["content"], where, "broken_call", "write it as JSON", "a broken call")
    return {**rest, "content": "", "tool_calls": [call]}
