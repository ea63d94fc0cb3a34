r"""Gemini's contents and parts, as tuning data of Vertex AI and as request and response of a log.

Source: generateContent of the Gemini API and of Vertex AI, its supervised tuning data, and the
output of its batches. Real rows:

    {"systemInstruction": {"parts": [{"text": "Be brief"}]},
     "contents": [
        {"role": "user", "parts": [{"text": "Weather in Bergen?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "get_weather",
                                                      "args": {"city": "Bergen"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "get_weather",
                                                         "response": {"w": "rain"}}}]},
        {"role": "model", "parts": [{"text": "Rain."}]}],
     "tools": [{"functionDeclarations": [{"name": "get_weather", "description": "...",
        "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}]}]}
    {"request": {"contents": [...]}, "response": {"candidates": [{"content": {...},
                                                                  "finishReason": "STOP"}]}}

Also read: names in snake_case, as the SDK writes them; its `config`; parts with `thought`, which
are the reasoning. A result is the JSON text of its object. Results without an id stand in the order
of the calls of their names. Each of several candidates is a row. Media, code that Google's servers
ran, and Google's own tools are refused. A batch's output file needs requests/NAME beside it, if it
does not hold the requests (by `key`).
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.exchange import (
    api_of,
    check_end,
    exchange_in,
    exchange_of,
    reads,
    rows_of,
)
from swiftkit.data.json_values import as_text, field, items, listed
from swiftkit.data.messages import FLAGS, loss_flag
from swiftkit.data.rows import make_row
from swiftkit.data.turns import TurnParts, Turns, hosted_tool
from swiftkit.data.unread_fields import known_names
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.read_call import call_from

ORDER = 262
COMPANION, COMPANION_ID = "requests", "key"

_HISTORIES = ("messages", "history", "chat_history")
_SYSTEM = ("systemInstruction", "system_instruction")
_MEDIA = ("inlineData", "inline_data", "fileData", "file_data", "videoMetadata", "video_metadata")
_CODE = (
    "executableCode", "executable_code", "codeExecutionResult", "code_execution_result",
    "toolCall", "tool_call", "toolResponse", "tool_response",
)  # fmt: skip
_CALLS, _RESULTS = ("functionCall", "function_call"), ("functionResponse", "function_response")
_SIGNATURES = frozenset(("thought", "thoughtSignature", "thought_signature"))
_DECLARATIONS = ("functionDeclarations", "function_declarations")
_JSON_SCHEMAS = ("parametersJsonSchema", "parameters_json_schema")
_NAMED = ("properties", "$defs", "defs", "patternProperties")

_PART = """text thought functionCall function_call functionResponse function_response
    -thoughtSignature -thought_signature -partMetadata -part_metadata"""
_CONTENT = f"role parts {FLAGS}"
_REQUEST = {
    "": """contents systemInstruction system_instruction tools config -toolConfig -tool_config
        -generationConfig -generation_config -safetySettings -safety_settings -labels -model
        -cachedContent -cached_content""",
    "contents[]": _CONTENT,
    "contents[].parts[]": _PART,
    "systemInstruction": "parts -role",
    "systemInstruction.parts[]": "text",
    "system_instruction": "parts -role",
    "system_instruction.parts[]": "text",
    "tools[]": "functionDeclarations function_declarations",
    "config": """system_instruction systemInstruction tools -temperature -top_p -top_k
        -max_output_tokens -tool_config -safety_settings -thinking_config -*""",
    "config.tools[]": "functionDeclarations function_declarations",
}
for _name in ("contents", "tools"):  # those of one object
    for _path in [path for path in _REQUEST if path.startswith(f"{_name}[]")]:
        _REQUEST[_path.replace("[]", "", 1)] = _REQUEST[_path]
_CANDIDATE = """content finishReason finish_reason -index -safetyRatings -safety_ratings
    -avgLogprobs -avg_logprobs -citationMetadata -citation_metadata -tokenCount -token_count
    -finishMessage -finish_message -logprobsResult -score"""
_RESPONSE = {
    "": """candidates promptFeedback prompt_feedback -usageMetadata -usage_metadata -modelVersion
        -model_version -responseId -response_id -createTime -create_time -modelStatus
        -sdk_http_response -sdkHttpResponse -automatic_function_calling_history -parsed""",
    "candidates[]": _CANDIDATE,
    "candidates[].content": "parts -role",
    "candidates[].content.parts[]": _PART,
    "[]": "candidates -usageMetadata -usage_metadata -modelVersion -model_version -responseId",
    "[].candidates[]": _CANDIDATE,
    "[].candidates[].content": "parts -role",
    "[].candidates[].content.parts[]": _PART,
}
READS = reads(_REQUEST, _RESPONSE)
READS[""] += f" {' '.join(_HISTORIES)}"
for _name in _HISTORIES:
    READS |= {f"{_name}[]": _CONTENT, f"{_name}[].parts[]": _PART}


def matches(record: dict[str, Any]) -> bool:
    if _has_parts(record.get("contents")) or api_of(record) == "gemini":
        return True
    return bool(_history_column(record))


def _has_parts(contents: Any) -> bool:
    contents = listed(contents)
    return bool(contents) and all(field(content, "parts") is not None for content in contents)


def _history_column(record: dict[str, Any]) -> str:
    """Return the column in which the history of a chat stands, as the SDK keeps it; "" for none."""
    for name in _HISTORIES:
        contents = items(record.get(name))
        is_answered = any(field(content, "role") == "model" for content in contents)
        if is_answered and _has_parts(contents):
            return name
    return ""


def convert(record: dict[str, Any]) -> Iterable[Row]:
    if history := _history_column(record):
        rest = {name: value for name, value in record.items() if name != history}
        return _rows({**rest, "contents": record[history]}, history)
    exchange = exchange_in(record)
    if exchange is None or (exchange.response is None and not exchange.request_at):
        return _rows(record, "contents")
    exchange = exchange_of(record)
    at = f"{exchange.request_at}." if exchange.request_at else ""
    prompt = _messages(exchange.request, at)
    answers = []
    for content, place in _answers(exchange.response, exchange.response_at):
        turns = Turns()
        _add(turns, content, place)
        answers.append([*prompt, *turns.messages])
    if prompt[-1:] and prompt[-1]["role"] in ("assistant", "tool_call"):
        fix = "take the beginning of the answer out of the request"
        raise DataError(f"{at}contents end with an answer", "ends_with_answer", fix)
    return rows_of(record, exchange, answers, READS, tools=_tools(exchange.request, at))


def _rows(record: dict[str, Any], column: str) -> list[Row]:
    """Return the row of a record that is no log; column: where its contents stand."""
    _check_verdict(record)
    known = known_names(READS[""])
    rest = {name: value for name, value in record.items() if name not in known}
    columns = {"tools": _tools(record, ""), "id": record.get("id")}
    return [make_row(_messages(record, "", column), {**rest, **columns}, ())]


def _check_verdict(record: dict[str, Any]) -> None:
    if record.get("completions"):
        reason = "completions: scored answers of Vertex AI's preference tuning"
        fix = "write prompt, chosen and rejected"
        raise DataError(reason, "other_format", fix)


def _answers(response: Any, at: str) -> Iterator[tuple[Any, str]]:
    feedback = _one_of(response, ("promptFeedback", "prompt_feedback"))
    blocked = _one_of(feedback, ("blockReason", "block_reason"))
    if blocked:
        fix = "leave the row out"
        raise DataError(f"{at}: the prompt was blocked: {blocked}", "filtered_answer", fix)
    for number, candidate in enumerate(items(field(response, "candidates"))):
        place = f"{at}.candidates[{number}]"
        reason = _one_of(candidate, ("finishReason", "finish_reason"))
        if isinstance(reason, str):  # the SDK writes FinishReason.STOP
            reason = reason.rpartition(".")[2]
        check_end(reason, f"{place}.finishReason")
        content = field(candidate, "content")
        parts = field(content, "parts")
        if not parts:
            fix = "leave the row out"
            raise DataError(f"{place}: an answer without parts", "empty_answer", fix)
        yield {"role": "model", "parts": parts}, f"{place}.content"


def _messages(request: dict[str, Any], at: str, column: str = "contents") -> list[Message]:
    turns = Turns()
    for holder, where in ((request, at), (field(request, "config"), f"{at}config.")):
        for name in _SYSTEM:
            text = _system(field(holder, name), f"{where}{name}")
            if text.strip():
                turns.say("system", text, name)
    for number, content in enumerate(listed(request.get("contents"))):
        _add(turns, content, f"{at}{column}[{number}]")
    turns.end()
    return turns.messages


def _system(value: Any, where: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    texts = []
    for part in listed(field(value, "parts") or value):
        text = part if isinstance(part, str) else field(part, "text")
        if not isinstance(text, str):
            raise DataError(f"{where} is no text", "bad_content", "write {parts: [{text}]}")
        texts.append(text)
    return "\n".join(texts)


def _add(turns: Turns, content: Any, where: str) -> None:
    """Add one content: an answer of the model, or texts and results of the user."""
    content = {"parts": [{"text": content}]} if isinstance(content, str) else content
    role = field(content, "role") or "user"
    if not isinstance(content, dict) or role not in ("user", "model", "function", "tool"):
        fix = "use user, model or function"
        raise DataError(f"{where}: unknown role {role!r:.50}", "bad_role", fix)
    flag = loss_flag(content, where, is_answer=role == "model")
    parts: list[tuple[dict[str, Any], str]] = []
    for number, part in enumerate(listed(content.get("parts"))):
        place = f"{where}.parts[{number}]"
        part = {"text": part} if isinstance(part, str) else part
        _check_part(part, place)
        parts.append((part, place))
    if role == "model":
        turns.answer(_answer(parts), where, flag)
        return
    texts: list[str] = []
    for part, place in parts:
        result = _one_of(part, _RESULTS)
        if isinstance(result, dict) and texts:
            fix = "put the results first"
            raise DataError(f"{place}: a result behind a text", "bad_order", fix)
        if isinstance(result, dict):
            turns.result(_result(result), result.get("id"), result.get("name"), place)
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            raise _wrong_part(part, place, role)
    if texts:
        turns.say("user", "".join(texts), where)


def _answer(parts: list[tuple[dict[str, Any], str]]) -> TurnParts:
    answer = TurnParts()
    for part, place in parts:
        call, text = _one_of(part, _CALLS), part.get("text")
        if isinstance(call, dict):
            arguments = call.get("args")
            made = {"name": call.get("name"), "arguments": {} if arguments is None else arguments}
            answer.call(call_from(made, place), call.get("id"))
        elif isinstance(text, str) and part.get("thought") is True:
            answer.think(text, place)
        elif isinstance(text, str):
            answer.say(text, place)
        elif {key for key in part if part[key] is not None} - _SIGNATURES:
            raise _wrong_part(part, place, "model")
    return answer


def _wrong_part(part: dict[str, Any], where: str, role: str) -> DataError:
    names = ", ".join(key for key in part if part[key] is not None) or "nothing"
    fix = "a model's parts are texts and calls, a user's texts and results"
    return DataError(f"{where}: {names} in a turn of {role}", "bad_content", fix)


def _check_part(part: Any, where: str) -> None:
    if not isinstance(part, dict):
        raise DataError(f"{where} is no object", "bad_content", "write {text}")
    for name in _MEDIA:
        if part.get(name):
            reason = f"{where}: a part of the content is {name}"
            raise DataError(reason, "unsupported_media", "convert rows of text only")
    for name in _CODE:
        if part.get(name):
            raise hosted_tool(where, name)


def _result(result: dict[str, Any]) -> str:
    response = result.get("response")
    return "" if response is None else as_text(response)


def _tools(request: dict[str, Any], at: str) -> list[Any]:
    """Return the function declarations as tools with JSON Schema."""
    tools = listed(request.get("tools") or field(request.get("config"), "tools") or [])
    declared: list[Any] = []
    for number, tool in enumerate(tools):
        where = f"{at}tools[{number}]"
        functions = _one_of(tool, _DECLARATIONS)
        is_plain = bool(field(tool, "name") or field(tool, "function"))
        for name in tool if isinstance(tool, dict) and not is_plain else ():
            if name not in _DECLARATIONS and tool[name] is not None:
                raise hosted_tool(where, name)
        # some tools write the declarations themselves into the list
        declared += items(functions) if functions is not None else [tool]
    return [_declaration(function) for function in declared]


def _declaration(function: Any) -> Any:
    if not isinstance(function, dict) or "function" in function:
        return function
    made = {key: value for key, value in function.items() if key not in _JSON_SCHEMAS}
    schema = _one_of(function, _JSON_SCHEMAS)
    made["parameters"] = _json_schema(schema or function.get("parameters"))
    if isinstance(made.get("response"), dict):
        made["response"] = _json_schema(made["response"])
    return {"type": "function", "function": made}


def _json_schema(schema: Any) -> Any:
    """Return a schema of Gemini's, whose types are in capitals, as JSON Schema."""
    if isinstance(schema, list):
        return [_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, str):
            made[key] = value.rpartition(".")[2].lower()
        elif key in _NAMED and isinstance(value, dict):
            made[key] = {name: _json_schema(inner) for name, inner in value.items()}
        elif key in ("items", "anyOf", "any_of", "additionalProperties", "prefixItems"):
            made["anyOf" if key == "any_of" else key] = _json_schema(value)
        elif key not in ("propertyOrdering", "property_ordering"):
            made[key] = value
    if made.pop("nullable", None) is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def _one_of(value: Any, names: tuple[str, ...]) -> Any:
    """Return the value of a key that Google's JSON and its SDK write differently."""
    for name in names:
        if field(value, name) is not None:
            return value[name]
    return None
