r"""Cohere's chats: chat_history and message, calls with parameters, and results beside their calls.

Source: Cohere's chat API v1 (https://docs.cohere.com/v1/reference/chat), and messages with its
tool turns. A real request, with its answer, shortened:

    {"preamble": "Be brief.", "chat_history": [{"role": "USER", "message": "Weather in Oslo?"},
       {"role": "CHATBOT", "message": "I will look.",
        "tool_calls": [{"name": "get_weather", "parameters": {"city": "Oslo"}}]},
       {"role": "TOOL", "tool_results": [{"outputs": [{"weather": "rain"}],
        "call": {"name": "get_weather", "parameters": {"city": "Oslo"}}}]}],
     "message": "", "tools": [{"name": "get_weather", "description": "...",
       "parameter_definitions": {"city": {"type": "str", "required": true}}}],
     "response": {"text": "It rains.", "tool_calls": null, "finish_reason": "COMPLETE"}}

Without a response the row is a prompt. Calls that stand beside their results alone are written
before them. Of the API v2, whose messages are OpenAI's, a `tool_plan` is the reasoning before the
calls, and a document in a result is its text. (Rows for fine-tuning with the roles System, User and
Chatbot are OpenAI's messages.)
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.json_values import as_text, field, items
from swiftkit.data.roles import is_plain_chat, role_of
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 308
_OWN_KEYS = "message tool_results tool_plan -user_name -citations"
READS = {
    "": (
        "preamble chat_history message messages tools tool_results response text id conversation_id"
        " -model -temperature -max_tokens -k -p -seed -stream -citation_quality -connectors"
        " -prompt_truncation -documents -tool_calls"
    ),
    **reads_of("messages", "chat_history", also=_OWN_KEYS),
    "messages[].content[]": "type text document -annotations",
    "tool_results[]": "call outputs",
    "tools[]": "name description parameter_definitions type function parameters",
    "response": (
        "text tool_calls -finish_reason -generation_id -response_id -citations -documents"
        " -search_queries -search_results -is_search_required -meta -chat_history -prompt"
    ),
}

_TAKEN = ("chat_history", "messages", "message", "preamble", "response", "text", "tool_results")


def matches(record: dict[str, Any]) -> bool:
    if isinstance(record.get("message"), str) and isinstance(record.get("chat_history"), list):
        return True
    messages = record.get("messages")
    return not is_plain_chat(messages) and any(map(_is_cohere, items(messages)))


def _is_cohere(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    if message.get("tool_results") or message.get("tool_plan"):
        return True
    content = message.get("content")
    if isinstance(content, list):
        return any(field(part, "type") == "document" for part in content)
    has_text = "message" in message and "content" not in message
    return has_text and role_of(message) is not None


def convert(record: dict[str, Any]) -> Iterable[Row]:
    column = "messages" if record.get("messages") is not None else "chat_history"
    turns, numbers = _openai_messages(record.get(column), column)
    for turn in _last_turns(record):
        turns += turn
        numbers += [len(items(record.get(column)))] * len(turn)
    tools = [_tool(tool) for tool in items(record.get("tools"))]
    columns = {**record, "tools": tools, "system": record.get("preamble")}
    columns["id"] = record.get("id") or record.get("conversation_id")
    return [make_row(messages_of(turns, column, numbers), columns, _TAKEN)]


def _openai_messages(turns: Any, column: str) -> tuple[list[Any], list[int]]:
    """Return the turns in OpenAI's form, and their places."""
    if not isinstance(turns, list):
        raise DataError(f"{column} is not a list", "bad_message", "write [{role, message}]")
    messages: list[Any] = []
    numbers: list[int] = []
    for number, turn in enumerate(turns):
        before = messages[-1] if messages else None
        for made in _openai(turn, before, f"{column}[{number}]"):
            messages.append(made)
            numbers.append(number)
    return messages, numbers


def _last_turns(record: dict[str, Any]) -> Iterator[list[Any]]:
    """Yield the turns of a request that stand outside of its history, and the response."""
    history = items(record.get("chat_history"))
    before = field(history[-1], "tool_calls") if history else None
    if record.get("message"):
        yield [{"role": "user", "content": record["message"]}]
    if record.get("tool_results"):
        turn = {"role": "tool", "tool_results": record["tool_results"]}
        yield list(_openai(turn, {"tool_calls": before}, "tool_results"))
    response = record.get("response")
    text = field(response, "text") if isinstance(response, dict) else response
    text = record.get("text") if text is None else text
    if text or field(response, "tool_calls"):
        answer = {"role": "assistant", "message": text, "tool_calls": field(response, "tool_calls")}
        yield list(_openai(answer, None, "response"))


def _openai(turn: Any, before: Any, where: str) -> Iterator[Any]:
    """Yield the messages that a turn is: one, or a message for each result."""
    if not isinstance(turn, dict):
        yield turn
        return
    results = turn.get("tool_results")
    if results:
        yield from _results(results, field(before, "tool_calls"), where)
        return
    message = dict(turn)
    if "content" not in message and "message" in message:
        message["content"] = message.pop("message")
    if message.get("tool_plan"):
        message["reasoning_content"] = message.pop("tool_plan")
    if isinstance(message.get("content"), list):
        message["content"] = [_text_part(part) for part in message["content"]]
    yield message


def _results(results: Any, calls: Any, where: str) -> Iterator[Any]:
    """Yield the results of a turn in the order of the calls, which may stand beside them alone."""
    waiting = list(items(results))
    made = [field(result, "call") for result in waiting]
    if not calls:
        yield {"role": "assistant", "content": "", "tool_calls": made}
        calls = made
    for call in items(calls):
        same = [result for result in waiting if _is_of(result, call)]
        if not same:
            continue
        waiting.remove(same[0])
        outputs = items(same[0].get("outputs"))
        text = as_text(outputs[0] if len(outputs) == 1 else same[0].get("outputs"))
        yield {"role": "tool", "content": text}
    if waiting:
        reason = f"{where}: a result of no call just before it"
        raise DataError(reason, "bad_tool_call_id", "give each result its call")


def _is_of(result: Any, call: Any) -> bool:
    own = field(result, "call")
    if own is None or call is None:
        return False
    if field(own, "name") != field(call, "name"):
        return False
    return bool(field(own, "parameters") == field(call, "parameters"))


def _text_part(part: Any) -> Any:
    """Return a document in a content as a part of text."""
    if field(part, "type") != "document":
        return part
    data = field(part.get("document"), "data")
    return {"type": "text", "text": as_text(part.get("document") if data is None else data)}


def _tool(tool: Any) -> Any:
    """Return a tool whose parameters are marked as required, or not, each."""
    defined = field(tool, "parameter_definitions")
    if not isinstance(defined, dict):
        return tool
    parameters = {}
    for name, parameter in defined.items():
        marked = {"required": False}
        parameters[name] = marked | parameter if isinstance(parameter, dict) else parameter
    rest = {key: value for key, value in tool.items() if key != "parameter_definitions"}
    return {**rest, "parameters": parameters}
