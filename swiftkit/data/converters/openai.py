r"""OpenAI / ChatML messages: roles system, user, assistant, tool; calls in tool_calls.

Source: the OpenAI fine-tuning format, as TRL, Together, Fireworks and others use it. A real row:

    {"messages": [{"role": "user", "content": "What is the weather in San Francisco?"},
                  {"role": "assistant", "content": null, "tool_calls": [
                   {"id": "call_1", "type": "function", "function": {"name": "get_current_weather",
                    "arguments": "{\"location\": \"San Francisco\"}"}}]},
                  {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
                  {"role": "assistant", "content": "It is 21 degrees."}],
     "tools": [{"type": "function", "function": {"name": "get_current_weather", ...}}]}

Also read: arguments as an object, `developer` for system, a column `system`, content as null or
text parts, the legacy `function_call`, role `function` and `functions`; reasoning
(`reasoning_content`, `reasoning`, `thinking`, or <think> at an answer's beginning), which becomes
`reasoning_content`; `reasoning_effort` and `chat_template_kwargs`. The flags `weight` (0 or 1) and
`train` (true or false) become ms-swift's `loss`. Results of parallel calls are put in the order of
their calls; ids of calls and names of results stay, because some chat templates print them. The
list may have another name, or be JSON text, and the roles may be ShareGPT's (data/from_openai.py).
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.roles import is_message
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 410
READS = {"": "messages -completion", **reads_of("messages")}


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if not isinstance(messages, list) or record.get("completion") is not None:
        return False  # an answer beside the messages would be lost
    return all(map(is_message, messages))  # an unknown role is named when it is read


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = record.get("messages")
    if not isinstance(messages, list):
        raise DataError("the row has no messages", "no_messages", "give a list of messages")
    return [make_row(messages_of(messages, "messages"), record, ())]
