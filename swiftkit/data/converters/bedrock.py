r"""Amazon Bedrock's converse: messages of parts, as tuning data and in Bedrock's invocation logs.

Source: the Converse API, the tuning data of Nova (bedrock-conversation-2024), and what model
invocation logging writes to S3. Real rows:

    {"schemaVersion": "bedrock-conversation-2024", "system": [{"text": "Be brief"}],
     "messages": [
        {"role": "user", "content": [{"text": "Weather in Bergen?"}]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "I look.", "signature": "..."}}},
            {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Bergen"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1",
                                                     "content": [{"text": "rain"}]}}]},
        {"role": "assistant", "content": [{"text": "Rain."}]}],
     "toolConfig": {"tools": [{"toolSpec": {"name": "get_weather", "description": "...",
                                            "inputSchema": {"json": {...}}}}]}}
    {"schemaType": "ModelInvocationLog", "operation": "Converse", "requestId": "...",
     "input": {"inputBodyJson": {"messages": [...]}},
     "output": {"outputBodyJson": {"output": {"message": {...}}, "stopReason": "end_turn"}}}

Results are put in the order of their calls; one with the status `error` begins with "Error: ",
unless its text says so itself; JSON in it stays JSON text. Cache points and redacted reasoning say
nothing to another model. Logs of InvokeModel hold the bodies of other APIs, such as Anthropic's.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.exchange import (
    check_end,
    exchange_in,
    exchange_of,
    is_bedrock,
    reads,
    rows_of,
)
from swiftkit.data.json_values import as_text, field, items, listed
from swiftkit.data.messages import FLAGS, loss_flag
from swiftkit.data.roles import is_plain_chat
from swiftkit.data.rows import make_row
from swiftkit.data.turns import TurnParts, Turns, hosted_tool
from swiftkit.data.unread_fields import known_names
from swiftkit.errors import DataError
from swiftkit.records import Row
from swiftkit.toolcall.read_call import call_from

ORDER = 280
COMPANION, COMPANION_ID = "requests", "recordId"

_ROLES = ("system", "user", "assistant")
_MEDIA = ("image", "document", "video", "audio")
_SILENT = frozenset(("cachePoint",))

_PARTS = """text toolUse toolResult reasoningContent guardContent citationsContent searchResult
    -cachePoint"""
_PART_READS = {
    "toolUse": "toolUseId name input -type",
    "toolResult": "toolUseId content status -type",
    "toolResult.content[]": "text json",
    "reasoningContent": "reasoningText -redactedContent",
    "reasoningContent.reasoningText": "text -signature",
    "guardContent": "text",
    "guardContent.text": "text -qualifiers",
    "citationsContent": "content -citations",
    "citationsContent.content[]": "text",
}


def _of_message(path: str) -> dict[str, str]:
    parts = {f"{path}.content[].{name}": names for name, names in _PART_READS.items()}
    return {path: f"role content {FLAGS}", f"{path}.content[]": _PARTS} | parts


_REQUEST = {
    "": """messages system toolConfig tools -schemaVersion -inferenceConfig
        -additionalModelRequestFields -guardrailConfig -modelId -requestMetadata
        -performanceConfig -promptVariables -additionalModelResponseFieldPaths
        -serviceTier -outputConfig""",
    "system[]": "text guardContent -cachePoint",
    "toolConfig": "tools -toolChoice",
    "tools[].toolSpec": "name description inputSchema -strict",
    "toolConfig.tools[]": "toolSpec -cachePoint",
    "toolConfig.tools[].toolSpec": "name description inputSchema -strict",
    "toolConfig.tools[].toolSpec.inputSchema": "json",
} | _of_message("messages[]")
_RESPONSE = {
    "": """output stopReason -usage -metrics -trace -additionalModelResponseFields
        -performanceConfig -ResponseMetadata -serviceTier""",
    "output": "message",
} | _of_message("output.message")
READS = reads(_REQUEST, _RESPONSE)


def matches(record: dict[str, Any]) -> bool:
    exchange = exchange_in(record)
    if exchange is not None:
        return exchange.api == "bedrock"
    messages = record.get("messages")
    return not is_plain_chat(messages) and any(map(is_bedrock, items(messages)))


def convert(record: dict[str, Any]) -> Iterable[Row]:
    exchange = exchange_in(record)
    if exchange is None:
        known = known_names(READS[""])
        rest = {name: value for name, value in record.items() if name not in known}
        turns = _turns(record, "messages")
        columns = {"tools": _tools(record, ""), "id": record.get("id")}
        return [make_row(turns.messages, {**rest, **columns}, ())]
    exchange = exchange_of(record)
    at = exchange.response_at
    check_end(field(exchange.response, "stopReason"), f"{at}.stopReason")
    turns = _turns(exchange.request, exchange.at("messages"))
    if turns.messages[-1:] and turns.messages[-1]["role"] in ("assistant", "tool_call"):
        fix = "take the beginning of the answer out of the request"
        place = exchange.at("messages")
        raise DataError(f"{place} end with an answer", "ends_with_answer", fix)
    message = field(field(exchange.response, "output"), "message")
    _add(turns, message, f"{at}.output.message")
    tools = _tools(exchange.request, f"{exchange.request_at}.")
    return rows_of(record, exchange, [turns.messages], READS, tools=tools)


def _turns(request: dict[str, Any], at: str) -> Turns:
    turns = Turns()
    system = request.get("system")
    texts = []
    for number, part in enumerate(listed(system or [])):
        part = {"text": part} if isinstance(part, str) else part
        texts.append(_text(part, f"system[{number}]"))
    if any(text.strip() for text in texts):
        turns.say("system", "\n\n".join(filter(None, texts)), "system")
    for number, message in enumerate(items(request.get("messages"))):
        _add(turns, message, f"{at}[{number}]")
    turns.end()
    return turns


def _add(turns: Turns, message: Any, where: str) -> None:
    role = field(message, "role")
    if role not in _ROLES:
        fix = f"use {', '.join(_ROLES)}"
        raise DataError(f"{where}: unknown role {role!r:.50}", "bad_role", fix)
    flag = loss_flag(message, where, is_answer=role == "assistant")
    content = message.get("content")
    parts = [{"text": content}] if isinstance(content, str) else items(content)
    if role == "assistant":
        turns.answer(_answer(parts, where), where, flag)
        return
    texts = []
    for number, part in enumerate(parts):
        place = f"{where}.content[{number}]"
        result = field(part, "toolResult")
        if not isinstance(result, dict):
            texts.append(_text(part, place))
            continue
        if "".join(texts).strip():
            reason = f"{place}: a result behind a text"
            raise DataError(reason, "bad_order", "put the results first")
        turns.result(_result(result, place), result.get("toolUseId"), None, place)
    text = "".join(texts)
    if text or not any(field(part, "toolResult") for part in parts):
        turns.say(role, text, where)


def _answer(parts: list[Any], where: str) -> TurnParts:
    answer = TurnParts()
    for number, part in enumerate(parts):
        place = f"{where}.content[{number}]"
        call, thought = field(part, "toolUse"), field(part, "reasoningContent")
        if isinstance(call, dict):
            if call.get("type") == "server_tool_use":
                raise hosted_tool(place, str(call.get("name")))
            arguments = {"arguments": call["input"]} if "input" in call else {}
            answer.call(
                call_from({"name": call.get("name"), **arguments}, place), call.get("toolUseId")
            )
        elif isinstance(thought, dict):
            text = field(thought.get("reasoningText"), "text")
            if isinstance(text, str) and text:
                answer.think(text, place)
        else:
            answer.say(_text(part, place), place)
    return answer


def _result(result: dict[str, Any], where: str) -> str:
    texts = []
    for part in listed(result.get("content") or []):
        value = field(part, "json")
        texts.append(as_text(value) if value is not None else _text(part, where))
    text = "".join(texts)
    if result.get("status") == "error" and not text.lower().startswith("error"):
        text = f"Error: {text}"
    return text


def _text(part: Any, where: str) -> str:
    """Return the text of one part; "" of a mark for the cache."""
    part = {"text": part} if isinstance(part, str) else part
    if not isinstance(part, dict):
        raise DataError(f"{where} is no object", "bad_content", "write {text}")
    for name in _MEDIA:
        if part.get(name):
            reason = f"{where}: a part of the content is {name}"
            raise DataError(reason, "unsupported_media", "convert rows of text only")
    text = part.get("text", field(field(part.get("guardContent"), "text"), "text"))
    if text is None and isinstance(part.get("citationsContent"), dict):
        cited = items(part["citationsContent"].get("content"))
        return "".join(_text(inner, where) for inner in cited)
    if isinstance(text, str):
        return text
    if part.keys() <= _SILENT:
        return ""
    names = ", ".join(part)[:100]
    fix = "an answer's parts are reasoning, text and calls, a user's texts and results"
    raise DataError(f"{where}: {names} is no text", "bad_content", fix)


def _tools(request: dict[str, Any], at: str) -> list[Any]:
    column, given = "toolConfig.tools", items(field(request.get("toolConfig"), "tools"))
    if not given:
        column, given = "tools", items(request.get("tools"))
    tools = []
    for number, tool in enumerate(given):
        where = f"{at}{column}[{number}]"
        spec = field(tool, "toolSpec")
        if isinstance(tool, dict) and tool.keys() <= _SILENT:
            continue
        if column == "tools" and (field(tool, "name") or field(tool, "function")):
            tools.append(tool)
            continue
        if not isinstance(spec, dict):
            raise hosted_tool(where, ", ".join(tool) if isinstance(tool, dict) else str(tool)[:50])
        rest = {name: value for name, value in spec.items() if name in ("name", "description")}
        schema = field(spec.get("inputSchema"), "json")
        tools.append({"type": "function", "function": {**rest, "parameters": schema}})
    return tools
