r"""Logs of OpenAI chat completions: a request with messages and tools, and the response to it.

Source: what vLLM, LiteLLM, Langfuse, LangSmith, Helicone, Portkey and OpenAI's batches keep. A real
row, and one of Langfuse's:

    {"request": {"model": "m", "messages": [{"role": "user", "content": "Weather in Bergen?"}],
                 "tools": [{"type": "function", "function": {"name": "get_weather", ...}}]},
     "response": {"id": "chatcmpl-1", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", ...}]}}]}}
    {"id": "o1", "type": "GENERATION", "input": [{"role": "user", "content": "Hi"}],
     "output": {"role": "assistant", "content": "Hello."}, "modelParameters": {...}}

data/exchange.py says where the two halves may stand. The response is a chat completion, the chunks
of its stream or their text, Ollama's {message, done_reason}, a message, messages, or text. Each of
several choices is a row of its own, `ID~choice2` and so on. A refusal is the answer's text. Tools
that Langfuse puts among the messages, and custom tools (a call's text becomes its argument `input`)
are read. Refused are answers that were cut off, filtered or redacted, or never came.

The output file of a batch (of vLLM's, too) has no requests: its input file is found in the folder
requests/ beside it, under the same name, by custom_id.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from swiftkit.data.custom_tools import as_function, as_function_call
from swiftkit.data.exchange import (
    QUESTIONS,
    LoggedExchange,
    check_end,
    exchange_in,
    exchange_of,
    reads,
    rows_of,
)
from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.json_values import field, items, listed
from swiftkit.data.messages import REASONING, placed
from swiftkit.data.roles import is_message, role_of
from swiftkit.data.turns import hosted_tool
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.tools import are_tools

ORDER = 290
COMPANION, COMPANION_ID = "requests", "custom_id"

# what is read of a message beside what any chat has
_MORE = """refusal additional_kwargs provider_specific_fields thinking_blocks -id -type -index
    -stop_reason"""


def _reads_of(path: str) -> dict[str, str]:
    """Return what is read of a message at this path, or of messages at "...[]"."""
    made = {}
    for key, names in reads_of("@").items():
        made[key.replace("@[]", path).removeprefix(".")] = names
    inside = f"{path}." if path else ""
    more = {
        path: _MORE,
        f"{inside}content[]": "refusal thinking -closed",
        f"{inside}thinking_blocks[]": "thinking -type -signature -data",
        f"{inside}provider_specific_fields": "reasoning_content thinking_blocks -*",
        f"{inside}tool_calls[]": "custom args",
        f"{inside}tool_calls[].custom": "name input",
        f"{inside}additional_kwargs": "tool_calls reasoning_content -refusal",
    }
    return {key: f"{made.get(key, '')} {more.get(key, '')}" for key in made | more}


_BODY = """
    messages input tools functions reasoning_effort chat_template_kwargs extra_body -model
    -temperature -top_p -top_k -min_p -n -max_tokens -max_completion_tokens -stop -stream
    -stream_options -tool_choice -function_call -parallel_tool_calls -seed -user -logprobs
    -top_logprobs -presence_penalty -frequency_penalty -repetition_penalty -logit_bias -metadata
    -store -service_tier -api_key -timeout -litellm_call_id -litellm_params -call_type
    -custom_llm_provider -optional_params -original_response -additional_args -start_time -end_time
    -standard_logging_object -response_cost -log_event_type -cache_hit -prompt_cache_key
    -safety_identifier -litellm_trace_id -completion_start_time -api_call_start_time -model_id
    -verbosity -modalities -prediction -web_search_options -cache -max_retries -skip_special_tokens
"""
_CHOICE = """message finish_reason delta done_reason -index -logprobs -stop_reason -token_ids
    -content_filter_results -native_finish_reason -matched_stop -hidden_states"""
_ABOUT = """-object -created -model -usage -service_tier -system_fingerprint -prompt_filter_results
    -prompt_logprobs -prompt_token_ids -usage_metadata -moderation -kv_transfer_params -provider
    -created_at -done -total_duration -load_duration -prompt_eval_count -prompt_eval_duration
    -eval_count -eval_duration -metadata -request_id -tool_choice -seed -top_p -temperature
    -response_ms -timings"""
_COMPLETION = f"choices messages output error tools {_ABOUT}"
_ANSWERS = ("output", "answer", "response", "text", "result", "completion")  # each a text
_REQUEST = {"": _BODY, "extra_body": "chat_template_kwargs -*"}
for _path in ("messages[]", "input[]", "[]"):
    _REQUEST |= _reads_of(_path)
_RESPONSE: dict[str, str] = {}
for _path in (
    "", "choices[].message", "message", "messages[]", "output", "[]", "[].message",
    "[].choices[].delta",
):  # fmt: skip
    _RESPONSE |= _reads_of(_path)
_RESPONSE |= {
    "": f"{_RESPONSE['']} {_CHOICE} {_COMPLETION}",
    "choices[]": _CHOICE,
    "[]": f"{_RESPONSE['[]']} {_CHOICE} {_COMPLETION}",
    "[].choices[]": _CHOICE,
}
_OWN = {path: names for path, names in _RESPONSE.items() if path.startswith("choices")}
READS = reads(_REQUEST, _RESPONSE, _OWN | {"": f"choices {_ABOUT}"})
for _path, _names in (("input", QUESTIONS), ("inputs", QUESTIONS), ("outputs", _ANSWERS)):
    READS[_path] = f"{READS[_path]} {' '.join(_names)}"


class _LoggedAnswer(NamedTuple):
    messages: list[Any]
    reason: Any  # why it ended
    at: str


def matches(record: dict[str, Any]) -> bool:
    exchange = exchange_in(record)
    if exchange is None or exchange.api != "openai":
        return False
    if exchange.request_at or isinstance(record.get("choices"), list):
        return True
    # a chat whose last word is an answer has it already; its other columns are about it
    chat = _prompt(exchange)
    return not _is_answer(chat[-1] if chat else None)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    exchange = exchange_of(record)
    request = exchange.request
    chat, tools = _without_tools(_prompt(exchange))
    at = exchange.at("messages" if request.get("messages") else "input")
    if _is_answer(chat[-1] if chat else None):
        fix = "write the whole answer into the response, and take its beginning out of the request"
        raise DataError(f"{at} ends with an answer", "ends_with_answer", fix)
    messages = messages_of(_readable(chat), at)
    rows = []
    for answer in _answers(exchange.response, exchange.response_at, chat):
        check_end(answer.reason, f"{answer.at}.finish_reason")
        said = _said(answer)
        rows.append([*messages, *(placed(message, answer.at) for message in said)])
    given = request.get("tools") or request.get("functions") or tools
    given = given or field(exchange.response, "tools")  # of a stored completion
    extra = request.get("extra_body")
    settings = request.get("chat_template_kwargs") or field(extra, "chat_template_kwargs")
    return rows_of(
        record,
        exchange,
        rows,
        READS,
        tools=_tools(given, exchange.at("tools")),
        reasoning_effort=request.get("reasoning_effort"),
        chat_template_kwargs=settings,
    )


def _said(answer: _LoggedAnswer) -> list[Message]:
    try:
        return messages_of(_readable(answer.messages), answer.at)
    except DataError as error:
        if len(answer.messages) > 1:
            raise
        # no list, but the one message
        reason = error.reason.replace(f"{answer.at}[0]", answer.at, 1)
        raise DataError(reason, error.code, error.fix) from error


def _tools(given: Any, at: str) -> Any:
    if not isinstance(given, list):
        return given
    tools = []
    for number, tool in enumerate(given):
        kind = field(tool, "type")
        has_name = field(tool, "function") or field(tool, "name") or field(tool, "custom")
        if isinstance(kind, str) and not has_name:
            raise hosted_tool(f"{at}[{number}]", kind)
        tools.append(as_function(tool))
    return tools


def _prompt(exchange: LoggedExchange) -> list[Any]:
    return items(exchange.request.get("messages")) or items(exchange.request.get("input"))


def _is_answer(message: Any) -> bool:
    return role_of(message) == "assistant"


def _without_tools(chat: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the messages, and the tools that Langfuse's LangChain handler puts among them."""
    messages, tools = [], []
    for message in chat:
        content = field(message, "content")
        is_tool = field(message, "role") == "tool" and isinstance(content, dict)
        if is_tool and are_tools(content):
            tools.append(content)
        else:
            messages.append(message)
    return messages, tools


def _answers(response: Any, at: str, chat: list[Any]) -> Iterator[_LoggedAnswer]:
    """Yield the answers that a response holds. Raises DataError (bad_answer)."""
    if isinstance(response, str):
        yield _LoggedAnswer([{"role": "assistant", "content": response}], None, at)
        return
    if isinstance(response, list) and response and field(response[0], "message"):
        response = {"choices": response}
    if isinstance(response, list) and response and all(map(is_message, response)):
        yield _LoggedAnswer(_new_messages(response, chat), None, at)
        return
    if not isinstance(response, dict):
        raise _unreadable(at)
    if response.get("choices") is not None:
        yield from _choices(items(response["choices"]), at)
        return
    reason = response.get("finish_reason") or response.get("done_reason")
    if isinstance(response.get("messages"), list):
        yield _LoggedAnswer(_new_messages(response["messages"], chat), reason, f"{at}.messages")
        return
    message = _only_message(response)
    if not isinstance(message, dict):
        raise _unreadable(at)
    yield _LoggedAnswer([{"role": "assistant", **message}], reason, at)


def _only_message(response: dict[str, Any]) -> Any:
    """Return the message that a response holds, or is."""
    if response.get("content") is not None or response.get("tool_calls"):
        return response
    message = response.get("message") or response.get("output")
    if not message and len(response) == 1:
        [(name, text)] = response.items()
        message = text if name in _ANSWERS else None
    return {"content": message} if isinstance(message, str) else message


def _choices(choices: list[Any], at: str) -> Iterator[_LoggedAnswer]:
    at = f"{at}.choices" if at else "choices"
    for number, choice in enumerate(choices):
        place = f"{at}[{number}]"
        message = field(choice, "message")
        if not isinstance(message, dict):
            raise _unreadable(place)
        yield _LoggedAnswer(
            [{"role": "assistant", **message}], field(choice, "finish_reason"), place
        )


def _new_messages(messages: list[Any], chat: list[Any]) -> list[Any]:
    """Return what an agent's state has behind the messages that it was asked with."""
    return messages[len(chat) :] if messages[: len(chat)] == chat else messages


def _unreadable(at: str) -> DataError:
    fix = "write a chat completion, a message, or text"
    return DataError(f"{at or 'the row'}: no answer of a chat in it", "bad_answer", fix)


def _readable(messages: list[Any]) -> list[Any]:
    """Return messages with refusals as text, and calls of custom tools as calls of functions."""
    readable = []
    for message in messages:
        if isinstance(message, dict):
            message = _message(message)
        readable.append(message)
    return readable


def _message(message: dict[str, Any]) -> dict[str, Any]:
    made = dict(message)
    refusal = made.get("refusal")
    if isinstance(refusal, str) and refusal and not made.get("content"):
        made["content"] = refusal
    beside = made.get("additional_kwargs")  # LangChain's
    calls = made.get("tool_calls") or field(beside, "tool_calls")
    if isinstance(calls, list) and calls:
        made["tool_calls"] = [as_function_call(_of_langchain(call)) for call in calls]
    parts = made.get("content")
    thoughts: list[Any] = [
        field(beside, "reasoning_content"),
        field(made.get("provider_specific_fields"), "reasoning_content"),
        _thinking(made.get("thinking_blocks")),
    ]
    if isinstance(parts, list):
        made["content"] = [_part(part) for part in parts if field(part, "type") != "thinking"]
        thoughts.append(_thinking([part for part in parts if field(part, "type") == "thinking"]))
    if not any(made.get(key) for key in REASONING.split()):
        made["reasoning_content"] = next(filter(None, thoughts), None)
    return made


def _of_langchain(call: Any) -> Any:
    """Return a call as LangChain has it, {name, args, id}, as OpenAI has it; any other as it is."""
    if isinstance(call, dict) and "args" in call and "function" not in call:
        return {
            "id": call.get("id"),
            "function": {"name": call.get("name"), "arguments": call["args"]},
        }
    return call


def _thinking(blocks: Any) -> str:
    """Return the reasoning of blocks as LiteLLM (a text) or Mistral (parts of text) has them."""
    texts = []
    for block in items(blocks):
        for part in listed(field(block, "thinking")):
            text = part if isinstance(part, str) else field(part, "text")
            texts.append(text if isinstance(text, str) else "")
    return "".join(texts)


def _part(part: Any) -> Any:
    if field(part, "type") == "refusal":
        return {"type": "text", "text": field(part, "refusal")}
    return part
