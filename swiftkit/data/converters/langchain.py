r"""LangChain's messages, in all its ways to write them, and LangSmith's runs of chat models.

Source: langchain-core (dumpd, messages_to_dict, model_dump), and the runs and data sets that
LangSmith exports. Real rows:

    {"messages": [{"type": "human", "content": "Weather in Oslo?"},
        {"type": "ai", "content": "", "tool_calls": [
            {"name": "get_weather", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}]},
        {"type": "tool", "content": "rain", "name": "get_weather", "tool_call_id": "c1"},
        {"type": "ai", "content": "Rain."}]}
    {"messages": [{"type": "human", "data": {"content": "Hi", "type": "human"}}, ...]}
    {"messages": [{"lc": 1, "type": "constructor",
                   "id": ["langchain", "schema", "messages", "HumanMessage"],
                   "kwargs": {"content": "Hi", "type": "human"}}, ...]}
    {"run_type": "llm", "inputs": {"messages": [[...]]},
     "outputs": {"generations": [[{"text": "", "message": {"lc": 1, ...}}]]},
     "extra": {"invocation_params": {"tools": [...]}}}

Calls may stand in additional_kwargs alone, as OpenAI has them. Blocks of a content are read as
texts and reasoning; those of calls repeat `tool_calls`. A call in `invalid_tool_calls` is one that
the model wrote wrongly: the row is refused. The prompt of a run may be text alone (`prompts`); then
the roles are lost, and it is refused.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.exchange import (
    LoggedExchange,
    check_end,
    exchange_in,
    exchange_of,
    is_langchain,
    reads,
    rows_of,
)
from swiftkit.data.from_openai import messages_of
from swiftkit.data.json_values import as_text, field, items, listed
from swiftkit.data.messages import FLAGS
from swiftkit.data.roles import is_plain_chat
from swiftkit.data.rows import make_row
from swiftkit.data.turns import hosted_tool
from swiftkit.data.unread_fields import known_names
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 285

_ROLES = {
    "system": "system", "SystemMessage": "system", "developer": "system",
    "human": "user", "user": "user", "HumanMessage": "user", "HumanMessageChunk": "user",
    "ai": "assistant", "assistant": "assistant", "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "SystemMessageChunk": "system", "ToolMessageChunk": "tool",
    "tool": "tool", "ToolMessage": "tool", "function": "tool", "FunctionMessage": "tool",
}  # fmt: skip
_COLUMNS = ("messages", "conversation", "chat_history", "history")
_CALL_BLOCKS = ("tool_use", "tool_call", "function_call", "input_json_delta", "tool_call_chunk")
_TEXT_BLOCKS = ("text", "output_text", "input_text")
_THOUGHTS = ("thinking", "reasoning")
_MEDIA = ("image", "image_url", "audio", "input_audio", "video", "file", "document", "media")
_HOSTED = ("server_tool_use", "server_tool_call", "server_tool_result", "web_search_tool_result")

_MESSAGE = f"""type content tool_calls invalid_tool_calls additional_kwargs response_metadata name
    tool_call_id lc id kwargs data status {FLAGS} -usage_metadata -example -artifact
    -tool_call_chunks -chunk_position -is_chunk"""
_METADATA = """finish_reason stop_reason stopReason done_reason -model_name -model -model_provider
    -model_id -token_usage -usage -usage_metadata -system_fingerprint -service_tier -id -logprobs
    -safety_ratings -prompt_feedback -created_at -done -total_duration -load_duration
    -prompt_eval_count -prompt_eval_duration -eval_count -eval_duration -stop_sequence -type -role
    -ResponseMetadata -metrics -headers -index -object -status -user -metadata -background"""
_BLOCK = """type text thinking reasoning refusal summary -signature -annotations -index id -extras
    name input args arguments -call_id -status -partial_json -cache_control"""


def _of_message(path: str) -> dict[str, str]:
    made: dict[str, str] = {}
    for inner in (path, f"{path}.kwargs", f"{path}.data"):
        made |= {
            inner: _MESSAGE,
            f"{inner}.content[]": _BLOCK,
            f"{inner}.tool_calls[]": "name args id -type -index -extras",
            f"{inner}.additional_kwargs": """tool_calls function_call reasoning_content refusal
                thinking -parsed -audio""",
            f"{inner}.additional_kwargs.tool_calls[]": "id function -type -index",
            f"{inner}.response_metadata": _METADATA,
        }
    return made


_REQUEST = {"": "messages input tools -stop -model -config"}
for _path in ("messages[]", "messages[][]", "input[]", "[]"):
    _REQUEST |= _of_message(_path)
_RESPONSE = {
    "": "generations output message messages -llm_output -run -type",
    "generations[]": "message text generation_info -type",
    "generations[].generation_info": _METADATA,
    "generations[][]": "message text generation_info -type",
    "generations[][].generation_info": _METADATA,
}
for _path in (
    "generations[].message",
    "generations[][].message",
    "output",
    "message",
    "messages[]",
):
    _RESPONSE |= _of_message(_path)
for _path in ("", "[]"):
    _RESPONSE |= {
        name: f"{_RESPONSE.get(name, '')} {names}" for name, names in _of_message(_path).items()
    }
READS = reads(_REQUEST, _RESPONSE)
READS[""] += f" {' '.join(_COLUMNS)}"
for _column in _COLUMNS[1:]:
    READS |= _of_message(f"{_column}[]") | _of_message(f"{_column}[][]")


def matches(record: dict[str, Any]) -> bool:
    exchange = exchange_in(record)
    if exchange is not None:
        return exchange.api == "langchain"
    return _is_chat(_chat(record)) or field(record.get("inputs"), "prompts") is not None


def _is_chat(messages: list[Any]) -> bool:
    """Return whether messages are LangChain's, one of them perhaps of an unknown type."""
    if is_plain_chat(messages) or not any(map(is_langchain, messages)):
        return False
    for message in messages:
        has_type = isinstance(field(message, "type"), str) and "role" not in message
        if not has_type and not is_langchain(message):
            return False
    return True


def convert(record: dict[str, Any]) -> Iterable[Row]:
    if field(record.get("inputs"), "prompts") is not None:
        reason = "inputs.prompts: the run keeps its prompt as one text, without roles"
        fix = "export runs of chat models that keep inputs.messages"
        raise DataError(reason, "no_messages", fix)
    exchange = exchange_in(record)
    if exchange is None:
        known = known_names(READS[""]).union(_COLUMNS) - {"tools"}
        rest = {name: value for name, value in record.items() if name not in known}
        messages = messages_of(_openai(_chat(record), "messages"), "messages")
        return [make_row(messages, {**rest, "id": record.get("id")}, ())]
    exchange = exchange_of(record)
    prompt, at = _prompt(exchange)
    asked = messages_of(_openai(prompt, at), at)
    if asked[-1:] and asked[-1]["role"] in ("assistant", "tool_call"):
        fix = "take the beginning of the answer out of the request"
        raise DataError(f"{at} ends with an answer", "ends_with_answer", fix)
    rows = []
    for answers, place in _answers(exchange, prompt):
        rows.append([*asked, *messages_of(_openai(answers, place), place)])
    return rows_of(record, exchange, rows, READS, tools=exchange.request.get("tools"))


def _chat(record: dict[str, Any]) -> list[Any]:
    for name in _COLUMNS:
        chat = items(record.get(name))
        if chat:
            is_nested = isinstance(chat[0], list) and len(chat) == 1
            return chat[0] if is_nested and not _is_pair(chat[0]) else chat
    return []


def _prompt(exchange: LoggedExchange) -> tuple[list[Any], str]:
    for name in ("messages", "input"):
        chat = items(exchange.request.get(name))
        if chat and isinstance(chat[0], list) and not _is_pair(chat[0]):
            if len(chat) > 1:
                fix = "make a row of each"
                reason = f"{exchange.at(name)}: {len(chat)} prompts in one run"
                raise DataError(reason, "bad_message", fix)
            return chat[0], f"{exchange.at(name)}[0]"
        if chat:
            return chat, exchange.at(name)
    return [], exchange.at("messages")


def _answers(exchange: LoggedExchange, prompt: list[Any]) -> Iterator[tuple[list[Any], str]]:
    """Yield the messages of each answer, and where they stand."""
    response, at = exchange.response, exchange.response_at
    generations = items(field(response, "generations"))
    at_generations = f"{at}.generations"
    if generations and isinstance(generations[0], list):
        generations, at_generations = generations[0], f"{at_generations}[0]"
    for number, generation in enumerate(generations):
        place = f"{at_generations}[{number}]"
        info = field(generation, "generation_info")
        _check_end(info, f"{place}.generation_info")
        message = field(generation, "message")
        if not isinstance(message, dict):
            message = {"type": "ai", "content": field(generation, "text")}
        yield [message], f"{place}.message"
    if generations:
        return
    for name in ("messages", "output", "message"):
        if field(response, name) is not None:
            response, at = response[name], f"{at}.{name}"
            break
    if isinstance(response, str):
        response = {"type": "ai", "content": response}
    said = listed(response)
    if len(said) == 1 and isinstance(said[0], list):
        said = said[0]
    yield (said[len(prompt) :] if said[: len(prompt)] == prompt else said), at


def _check_end(metadata: Any, where: str) -> None:
    for name in ("finish_reason", "stop_reason", "stopReason", "done_reason"):
        reason = field(metadata, name)
        if isinstance(reason, str):
            check_end(reason.rpartition(".")[2], f"{where}.{name}")


def _openai(messages: list[Any], at: str) -> list[Any]:
    made = []
    for number, message in enumerate(messages):
        if _is_pair(message):
            message = {"type": message[0], "content": message[1]}
        made.append(_message(message, f"{at}[{number}]"))
    return made


def _is_pair(message: Any) -> bool:
    """Return whether it is the short form of a message: ["human", "Hi"]."""
    return isinstance(message, list) and len(message) == 2 and isinstance(message[0], str)


def _message(message: Any, where: str) -> dict[str, Any]:
    """Return a message as OpenAI has it. Raises DataError."""
    body, name = message, field(message, "type") or field(message, "role")
    if field(message, "lc") is not None:
        path = items(message.get("id"))
        body, name = message.get("kwargs"), path[-1] if path else None
    elif isinstance(field(message, "data"), dict):
        body = message["data"]
    role = _ROLES.get(name) if isinstance(name, str) else None
    if name in ("chat", "ChatMessage"):
        role = _ROLES.get(str(field(body, "role")))
    if role is None or not isinstance(body, dict):
        fix = "use system, human, ai or tool"
        raise DataError(f"{where}: unknown type {name!r:.50}", "bad_role", fix)
    made: dict[str, Any] = {"role": role, "content": body.get("content")}
    for key in FLAGS.split():
        if body.get(key) is not None:
            made[key] = body[key]
    if role == "tool":
        text = _text(body.get("content"), where, made)
        if body.get("status") == "error" and not text.lower().startswith("error"):
            text = f"Error: {text}"
        return {**made, "content": text} | {
            key: body.get(key) for key in ("tool_call_id", "name") if body.get(key)
        }
    made["content"] = _text(body.get("content"), where, made)
    if role == "assistant":
        _add_calls(made, body, where)
    return made


def _add_calls(made: dict[str, Any], body: dict[str, Any], where: str) -> None:
    """Add the calls and the reasoning that stand beside an answer's content."""
    broken = items(body.get("invalid_tool_calls"))
    if broken:
        name, arguments = field(broken[0], "name"), field(broken[0], "args")
        reason = f"{where}.invalid_tool_calls[0]: call of {name!r:.50}: {arguments!r:.100}"
        raise DataError(reason, "broken_call", "mend its JSON, or leave the row out")
    _check_end(body.get("response_metadata"), f"{where}.response_metadata")
    beside = body.get("additional_kwargs")
    calls = [_call(call) for call in items(body.get("tool_calls"))]
    copies = [*items(field(beside, "tool_calls"))]
    if isinstance(field(beside, "function_call"), dict):
        copies.append({"function": field(beside, "function_call")})
    blocks = [_call(block) for block in items(body.get("content")) if _is_call_block(block)]
    for name, others in (("additional_kwargs", copies), ("content", blocks)):
        if calls and others and list(map(_said, others)) != list(map(_said, calls)):
            reason = f"{where}: the calls in {name} are not those in tool_calls"
            raise DataError(reason, "bad_call", "keep those of tool_calls alone")
    calls = calls or copies or blocks
    if calls:
        made["tool_calls"] = calls
    for name in ("reasoning_content", "thinking"):
        thought = field(beside, name)
        if isinstance(thought, str) and thought:
            made.setdefault("reasoning_content", thought)
    refusal = field(beside, "refusal")
    if isinstance(refusal, str) and not made["content"]:
        made["content"] = refusal


def _is_call_block(block: Any) -> bool:
    """Return whether a block of a content is a whole call, and no piece of a stream."""
    kind = field(block, "type")
    return kind in ("tool_use", "tool_call", "function_call") and "index" not in block


def _said(call: Any) -> Any:
    """Return the name and the arguments of a call, to be compared."""
    function = field(call, "function")
    arguments = field(function, "arguments")
    if isinstance(arguments, str):
        arguments = _lenient(arguments)
    return field(function, "name"), arguments or {}


def _lenient(text: str) -> Any:
    """Return the value of JSON text as LangChain reads it; the text where it is none."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text


def _call(call: Any) -> Any:
    if not isinstance(call, dict) or "function" in call:
        return call
    arguments = call.get("args", call.get("arguments", call.get("input")))
    named = {"name": call.get("name")}
    if arguments is not None:
        named["arguments"] = arguments
    return {"id": call.get("id"), "function": named}


def _text(content: Any, where: str, made: dict[str, Any]) -> str:
    """Return the text of a content, and add the reasoning in its blocks to the message."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, dict) and made["role"] == "tool":
        return as_text(content)
    texts: list[str] = []
    thoughts: list[str] = []
    for number, block in enumerate(listed(content)):
        place = f"{where}.content[{number}]"
        block = {"type": "text", "text": block} if isinstance(block, str) else block
        text = _text_of_block(block, place)
        if field(block, "type") not in _THOUGHTS:
            texts.append(text)
        elif "".join(texts).strip():
            fix = "put it before the whole answer"
            raise DataError(f"{place}: a reasoning behind the text", "bad_reasoning", fix)
        else:
            thoughts.append(text)
    if any(thoughts):
        made["reasoning_content"] = "\n\n".join(filter(None, thoughts))
    return "".join(texts)


def _text_of_block(block: Any, where: str) -> str:
    """Return the text or the reasoning of a block; "" of a call, which stands in tool_calls too."""
    kind = field(block, "type")
    if kind in _TEXT_BLOCKS and isinstance(block.get("text"), str):
        return str(block["text"])
    if kind == "refusal" and isinstance(block.get("refusal"), str):
        return str(block["refusal"])
    if kind in _THOUGHTS:
        return _thought(block)
    if kind in _CALL_BLOCKS or kind == "redacted_thinking":
        return ""
    if kind in _HOSTED:
        raise hosted_tool(where, str(kind))
    if isinstance(kind, str) and kind in _MEDIA:
        reason = f"{where}: a part of the content is of type {kind}"
        raise DataError(reason, "unsupported_media", "convert rows of text only")
    reason = f"{where}: a block of type {kind!r:.50} is not known"
    raise DataError(reason, "bad_content", "give the content as text")


def _thought(block: dict[str, Any]) -> str:
    for name in _THOUGHTS:
        if isinstance(block.get(name), str):
            return str(block[name])
    texts = [field(part, "text") for part in items(block.get("summary"))]
    return "\n\n".join(text for text in texts if isinstance(text, str))
