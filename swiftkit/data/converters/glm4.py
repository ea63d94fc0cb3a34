r"""Messages for GLM-4 and ChatGLM3: tools in the system message, a call's tool in `metadata`.

Source: the fine-tuning data of https://github.com/THUDM/GLM-4 and ChatGLM3 (finetune_demo), and
the messages of their chat templates. Real rows, shortened:

    {"messages": [{"role": "system", "content": "", "tools": [{"type": "function",
                   "function": {"name": "get_recommended_books", ...}}]},
       {"role": "user", "content": "Hi, I am looking for some book recommendations."},
       {"role": "assistant", "metadata": "get_recommended_books",
        "content": "{\"interests\": [\"history\"]}"},
       {"role": "observation", "content": "{\"books\": [\"Sapiens\"]}"},
       {"role": "assistant", "content": "I would recommend ..."}]}
    {"tools": [{"name": "get_weather", ...}], "conversations": [
       {"role": "user", "content": "Weather in Oslo?"},
       {"role": "tool", "name": "get_weather", "parameters": {"city": "Oslo"},
        "observation": {"weather": "rain"}},
       {"role": "assistant", "content": "It rains."}]}

The call may also be JSON with a name in the content, or ChatGLM3's Python in a block. Code for the
interpreter is no call: unread_call.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.from_sharegpt import with_tools
from swiftkit.data.json_values import as_text, field, items
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.records import Row
from swiftkit.toolcall.formats import chatglm3
from swiftkit.toolcall.read_call import is_call

ORDER = 346
READS = {
    "": "messages tools id system",
    **reads_of("messages", also="tools metadata parameters observation"),
}


def matches(record: dict[str, Any]) -> bool:
    return any(map(_is_glm, items(record.get("messages"))))


def _is_glm(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    if message.get("tools"):
        return bool(message.get("role") == "system")
    if isinstance(message.get("metadata"), str) and message["metadata"]:
        return bool(message.get("role") == "assistant")
    return "observation" in message and "parameters" in message


def convert(record: dict[str, Any]) -> Iterable[Row]:
    source = record.get("messages")
    if not isinstance(source, list):
        fix = "write [{role, content}]"
        raise DataError("the row has no messages", "no_messages", fix)
    messages: list[Any] = []
    numbers: list[int] = []
    for number, message in enumerate(source):
        for made in _openai(message, f"messages[{number}]"):
            messages.append(made)
            numbers.append(number)
    for message in source:
        if field(message, "role") == "system" and message.get("tools"):
            tools = message["tools"]
            record = with_tools(record, tools if isinstance(tools, list) else [tools])
    return [make_row(messages_of(messages, "messages", numbers), record, ())]


def _openai(message: Any, where: str) -> Iterator[Any]:
    """Yield the messages in OpenAI's form that a message is: a call and its result may be one."""
    role, content = field(message, "role"), field(message, "content")
    if role == "system" and not content:
        return  # it has tools alone
    if role == "tool" and "parameters" in message:
        made = {"name": message.get("name"), "arguments": message["parameters"]}
        kept = {key: value for key, value in message.items() if key == "loss"}
        yield {"role": "assistant", "tool_calls": [made], **kept}
        yield {"role": "tool", "content": as_text(message.get("observation"))}
        return
    call = _call(message, where) if role == "assistant" and isinstance(content, str) else None
    if call is None:
        yield message
        return
    kept = {key: value for key, value in message.items() if key not in ("content", "metadata")}
    yield {**kept, "content": "", "tool_calls": [call]}


def _call(message: dict[str, Any], where: str) -> dict[str, Any] | None:
    """Return the call that an assistant's message is; None for one in words. Raises DataError."""
    name, content = message.get("metadata"), message["content"].strip()
    value = decode_or_none(content) if content.startswith("{") else None
    if not isinstance(name, str) or not name.strip():
        return value if is_call(value) else None
    name = name.strip()
    if name == "interpreter":
        fix = "leave the row out, or write the code as a call of a tool"
        raise DataError(f"{where} is code for the interpreter", "unread_call", fix)
    if isinstance(value, dict):
        return {"name": name, "arguments": value}
    parsed = chatglm3.parse(f"{name}\n{content}")
    if len(parsed.calls) != 1:
        reason = f"{where}: the arguments of the call of {name!r:.100} cannot be read"
        raise DataError(reason, "broken_call", "write them as a JSON object")
    return {"name": parsed.calls[0].name, "arguments": parsed.calls[0].arguments}
