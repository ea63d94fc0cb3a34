r"""One exchange with a model, as logs keep it: a request, and the response to it.

    {"request": {"messages": [...], "tools": [...]}, "response": {"choices": [...]}}

Both are the bodies of an API, as objects or as JSON text, under names of the log's own: OpenAI's
batches (body, response.body), LiteLLM (kwargs, proxy_server_request or the messages themselves, and
response), Langfuse, Braintrust and Weave (input, output), LangSmith (inputs, outputs), Helicone
(request_body, response_body), Portkey (request.body, response.body), OpenPipe (reqPayload,
respPayload), AWS (input.inputBodyJson, modelInput), Anthropic's batches (params, result.message).
A converter of each API reads what is in them. Here they are found and told apart, and failed, cut,
filtered and redacted answers are refused.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from swiftkit.data.json_values import field, items
from swiftkit.data.roles import is_plain_chat
from swiftkit.data.rows import make_row
from swiftkit.data.streams import assembled
from swiftkit.data.unread_fields import known_names
from swiftkit.errors import DataError
from swiftkit.json_text import decode, decode_or_none
from swiftkit.records import Message, Row
from swiftkit.scoring.ending import CUT_WORDS, FILTERED_WORDS

Place = tuple[str, ...]


def _places(names: str) -> tuple[Place, ...]:
    return tuple(tuple(name.split(".")) for name in names.split())


REQUESTS = _places(
    "request.body request request_body requestBody reqPayload request_json raw_request llm_request"
    " request_payload req full_request proxy_server_request.body proxy_server_request body inputs"
    " input.inputBodyJson modelInput params kwargs sample span_data input"
)
RESPONSES = _places(
    "response.body response response_body responseBody respPayload response_json raw_response"
    " llm_response response_payload resp res full_response response_obj outputs"
    " output.outputBodyJson modelOutput result.message result sample span_data.output output"
    " completion output_message reply"
)
_COLUMNS = frozenset(place[0] for place in (*REQUESTS, *RESPONSES)) | {"choices"}
_PROMPTS = ("messages", "contents", "input")  # one of them is in each request
_ANSWERS = (  # one of them is in a response that is its API's own
    "candidates", "stop_reason", "stopReason", "generations",
)  # fmt: skip
_PLAIN_PAIRS = (("inputs",), ("input",))  # where LangSmith and Langfuse have a text with a name
QUESTIONS = ("question", "query", "input", "prompt", "text", "message", "content", "user_input")
_RESPONSE_KEYS = frozenset(
    ("message", "messages", "content", "tool_calls", "output", "error", "body")
)
_IDS = ("custom_id", "key", "recordId", "id", "request_id", "requestId")
_TOOLS_BESIDE = _places(
    "tools model_parameters.tools modelParameters.tools optional_params.tools metadata.tools"
    " extra.invocation_params.tools invocation_params.tools kwargs.optional_params.tools"
)
_ERRORS = ("error", "error_str", "error_message", "errorMessage", "errorCode")
_STATUSES = _places(
    "status_code response.status_code response.status response_status responseStatus statusCode"
    " response_status_code status level result.type"
)
_REASONS = ("finish_reason", "finishReason", "stop_reason", "stopReason")  # beside the bodies
_FAILED = frozenset(("failure", "failed", "error", "errored", "expired", "canceled", "cancelled"))
_BLOCKS = ("tool_use", "tool_result", "thinking", "redacted_thinking")
_BEDROCK_PARTS = (
    "text", "toolUse", "toolResult", "reasoningContent", "cachePoint", "guardContent", "image",
    "document", "video", "citationsContent",
)  # fmt: skip
_LANGCHAIN_TYPES = (
    "system", "human", "ai", "tool", "function", "developer", "chat", "AIMessageChunk",
    "HumanMessageChunk", "SystemMessageChunk", "ToolMessageChunk",
)  # fmt: skip
_ITEM_TYPE = re.compile(
    r"message|reasoning|item_reference|\w*compaction\w*|(?!tool_call)\w+_call(_output)?"
    r"|mcp_\w+|additional_tools|program(_output)?"
)
# LiteLLM and Langfuse write these in place of a text
_LEFT_OUT = re.compile(
    r"\(litellm_truncated|^redacted-by-litellm$|^<truncated due to size exceeding limit>"
)
# why an answer ended, in the words of all APIs
_WHOLE = frozenset((
    "stop", "tool_calls", "function_call", "eos", "eos_token", "stop_sequence", "end_turn",
    "tool_use", "completed", "complete", "tool_call", "finish_reason_unspecified",
))  # fmt: skip
# what logs say about an exchange, and a row has no use for
METADATA = """
-accountId -additional_args -ai_model -ai_org -api_base -api_key -bookmarked -cache_hit -cache_key
-calculatedInputCost -calculatedOutputCost -calculatedTotalCost -call_type -client_request_id
-completionStartTime -completionTokens -completion_start_time -completion_tokens -cost
-costDetails -costUSD -cost_breakdown -cost_currency -cost_usd -country_code -created -createdAt
-created_at -custom_id -custom_llm_provider -databricks_request_id -delay_ms -dotted_order
-endTime -end_time -end_user -ended_at -endpoint -environment -events -execution_duration_ms
-helicone_user -hidden_params -htmlPath -id -identity -inputPrice -inputTokens -is_success -key
-latency -level -litellm_call_id -litellm_params -litellm_trace_id -llmSchema -log_event_type
-logging_time -method -model -modelId -model_group -model_id -model_map_information
-model_override -model_version -name -object -op_name -operation -organization_id
-original_response -outputPrice -outputTokens -parentObservationId -parent_id -parent_run_id
-processed_time -projectId -project_id -promptId -promptName -promptTokens -promptVersion
-prompt_id -prompt_slug -prompt_tokens -provider -recordId -region -release -req_units -requestId
-request_created_at -request_id -request_model -request_path -request_properties -request_tags
-request_time -request_url -request_user_id -requester_ip_address -res_units -responseStatus
-responseTime -response_cost -response_created_at -response_id -response_model -response_status
-response_status_code -response_time -root_span_id -run_type -schemaType -schemaVersion -seed
-serialized -served_entity_id -sessionId -session_id -session_name -span_attributes -span_id
-spend -standard_logging_object -startTime -start_time -started_at -status -statusCode
-status_code -status_fields -stop -store -stream -streamed_data -success -tags -target_url
-team_id -timeToFirstToken -time_to_first_token -timestamp -totalCost -totalPrice -totalTokens
-total_tokens -total_units -traceId -trace_id -type -updatedAt -updated_at -url -usage
-usageDetails -user -userId -user_agent -version
"""
_PLACES = " ".join(f"{place[0]}~" for place in (*REQUESTS, *RESPONSES))  # some as JSON text
READS: dict[str, str] = {
    "": f"""{METADATA} {_PLACES} messages~ tools {" ".join(_ERRORS)} {" ".join(_REASONS)} metadata
        extra model_parameters modelParameters optional_params invocation_params""",
    "metadata": "tools -*",
    "extra": "invocation_params -*",
    "extra.invocation_params": "tools -*",
    "model_parameters": "tools -*",
    "modelParameters": "tools -*",
    "optional_params": "tools -*",
    "invocation_params": "tools -*",
}
# what stands beside a body
_AROUND = {
    "request": "body~ -url -method -headers",
    "response": "body~ -status -status_code -headers -request_id -responseTime",
    "proxy_server_request": "body~ -url -method -headers",
    "input": "inputBodyJson~ -inputContentType -inputTokenCount -cacheReadInputTokenCount"
    " -cacheWriteInputTokenCount",
    "output": "outputBodyJson~ -outputContentType -outputTokenCount",
    "result": "message~ -type",
    "span_data": "output~ -type -model -model_config -usage",
    "sample": "input~ output~ finish_reason -model -seed -temperature -max_completion_tokens -top_p"
    " -usage",
}


class LoggedExchange(NamedTuple):
    """A request and its response, and where they stand in the record ("" is the record itself)."""

    request: dict[str, Any]  # {} where the record has none
    response: Any  # None where the record has none
    request_at: str
    response_at: str
    # whose API the bodies are written in: openai, responses, anthropic, gemini, bedrock, langchain;
    # "" for none of them
    api: str = ""

    def at(self, name: str) -> str:
        """Return the place of a key of the request; of its one list, where it is nothing else."""
        if not self.request_at or self.request.get(_BARE):
            return self.request_at or name
        return f"{self.request_at}.{name}"


_BARE = "\0bare"  # marks a request that is a list of messages, and no object


def reads(
    request: Mapping[str, str],
    response: Mapping[str, str],
    own: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return what a converter reads of an exchange, wherever it stands (see unread_fields.py).

    request, response: what it reads of the two bodies, by paths within them. The record itself may
    be the request, and hold what `own` has of the response.
    """
    made = dict(READS)
    no_places: tuple[Place, ...] = ((),)
    for places, parts in (
        (REQUESTS, request), (RESPONSES, response), (no_places, request), (no_places, own or {}),
    ):  # fmt: skip
        for place in places:
            for path, names in parts.items():
                inner = ".".join((*place, path) if path else place)
                if path.startswith("[]"):
                    inner = f"{'.'.join(place)}{path}"
                made[inner] = f"{made.get(inner, '')} {names}"
    for path, names in _AROUND.items():
        made[path] = f"{made.get(path, '')} {names}"
    return made


# the last record and its exchange: each converter of an API asks for it in turn
_last: list[Any] = [None, None]


def exchange_in(record: Mapping[str, Any]) -> LoggedExchange | None:
    """Return the exchange that a record holds, or None. Never raises."""
    if _COLUMNS.isdisjoint(record):
        return None
    if _last[0] is not record:
        _last[:] = record, _found(record)
    return _last[1]  # type: ignore[no-any-return]


def _found(record: Mapping[str, Any]) -> LoggedExchange | None:
    request, request_at = _request(record)
    response, response_at = _response(record, request_at)
    if request_at is None:
        is_batch = any(record.get(name) for name in _IDS[:3])
        if not _is_api(response) and not (is_batch and _has_failed(record)):
            return None
        request_at = "request"
    elif response is None and not request_at and not _has_failed(record):
        return None  # a chat, and not one that waits for its answer
    api = _api_of(request, response, is_beside=bool(request_at))
    if not api and not request:
        api = "openai"  # a line of a batch that failed
    return LoggedExchange(request, response, request_at, response_at, api)


def _is_api(response: Any) -> bool:
    """Return whether a response by itself shows what it is."""
    if not isinstance(response, dict):
        return False
    has_name = any(response.get(name) is not None for name in _ANSWERS)
    return (
        has_name
        or _are_choices(response.get("choices"))
        or response.get("object") == "response"
        or response.get("type") == "message"
    )


def _are_choices(value: Any) -> bool:
    """Return whether it is a list of a model's answers, and not one of options to choose from."""
    names = ("message", "delta", "finish_reason")
    return bool(items(value)) and any(field(value[0], name) is not None for name in names)


def _request(record: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return the request and its place; None where there is none."""
    own = _opened_prompts(record)
    if own is not None and record.get("proxy_server_request") in (None, "", {}, "{}"):
        return own, ""
    for place in REQUESTS:
        if place[0] not in record:
            continue
        value = _value_at(record, place)
        if isinstance(value, dict):
            opened = _opened_prompts(value)
            if opened is not None:
                return opened, ".".join(place)
            question = _question(value)
            if question and place in _PLAIN_PAIRS:
                return {"messages": question, _BARE: True}, ".".join(place)
        elif _is_chat(value) and place != ("input",):
            return {"messages": value, _BARE: True}, ".".join(place)
    return (own, "") if own is not None else ({}, None)


def _opened_prompts(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a request's body with its prompt as a list; None where it has no prompt."""
    for name in _PROMPTS:
        value = _opened(body.get(name))
        is_list = isinstance(value, list) and value and isinstance(value[0], dict | list)
        # JSON text may be what an instruction is about, such as a matrix
        if is_list and (isinstance(body[name], list) or _is_item(value[0])):
            return {**body, name: value}
        if name == "contents" and isinstance(value, dict | str) and value:
            return {**body, name: [value]}
    value = _opened(body.get("input"))
    return dict(body) if isinstance(value, str) and value.strip() else None


def _is_item(value: Any) -> bool:
    """Return whether a list of JSON text begins with a message, or with a list of messages."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict):
        return False
    has_type = "type" in first and not first.keys().isdisjoint(("content", "call_id", "summary"))
    return has_type or not first.keys().isdisjoint(("role", "parts", "kwargs"))


def _question(body: Mapping[str, Any]) -> list[Any]:
    """Return the message of a request that is one text under a usual name; [] for any other."""
    if len(body) != 1:
        return []
    [(name, text)] = body.items()
    is_asked = name in QUESTIONS and isinstance(text, str) and bool(text.strip())
    return [{"role": "user", "content": text}] if is_asked else []


def _is_chat(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(field(value[0], "role"), str)


def _response(record: Mapping[str, Any], request_at: str | None) -> tuple[Any, str]:
    for place in RESPONSES:
        if place[0] not in record:
            continue
        at = ".".join(place)
        value = _value_at(record, place)
        if at == request_at == "sample":
            value, at = field(value, "output"), "sample.output"
        if value in (None, "", {}, []) or at == request_at:
            continue
        text = _text_at(record, place)
        if text is not None and not _is_response(value):
            value = text  # an answer that is JSON itself
        return assembled(value), at
    return (dict(record), "") if _are_choices(record.get("choices")) else (None, "response")


def _is_response(value: Any) -> bool:
    """Return whether JSON text holds a response, and is not one."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return _is_api(value) or not _RESPONSE_KEYS.isdisjoint(value)


def _text_at(record: Mapping[str, Any], place: Place) -> str | None:
    value = _value_at(record, place[:-1]) if len(place) > 1 else record
    text = field(value, place[-1])
    return text if isinstance(text, str) else None


def _value_at(record: Any, place: Place) -> Any:
    """Return the value at a place, JSON text on the way read; None where nothing is."""
    value = record
    for name in place:
        value = _opened(field(value, name))
    return value


def _opened(value: Any) -> Any:
    """Return what JSON text of an object or a list holds; anything else as it is."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        decoded = decode_or_none(value)
        return decoded if isinstance(decoded, dict | list) else value
    return value


def api_of(record: Mapping[str, Any]) -> str:
    """Return whose API the exchange of a record is written in; "" without one. Never raises."""
    exchange = exchange_in(record)
    return exchange.api if exchange else ""


def _api_of(request: Mapping[str, Any], response: Any, *, is_beside: bool) -> str:
    """Return the API; is_beside: the request has a place of its own in the record."""
    answer = response if isinstance(response, dict) else {}
    messages = items(request.get("messages")) or items(request.get("input"))
    if request.get("contents") or answer.get("candidates") is not None:
        return "gemini"
    if (
        answer.get("generations") is not None
        or any(map(is_langchain, messages))
        or is_langchain(response)
    ):
        return "langchain"
    if field(answer.get("output"), "message") or any(map(is_bedrock, messages)):
        return "bedrock"
    is_anthropic = answer.get("type") == "message" or answer.get("stop_reason") is not None
    has_choices = answer.get("choices") is not None
    if is_anthropic or (not has_choices and any(map(has_blocks, messages))):
        return "anthropic"
    has_items = isinstance(answer.get("output"), list) or are_items(response)
    if request.get("input") and (has_items or (response is None and are_items(messages))):
        return "responses"
    is_asked = response is None and isinstance(request.get("input"), str)
    if answer.get("object") == "response" or (is_asked and is_beside):
        return "responses"
    return "openai" if messages or has_choices else ""


def is_langchain(value: Any) -> bool:
    """Return whether it is a message of LangChain's, or a list of such, in any of its forms."""
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], str):
            return value[0] in _LANGCHAIN_TYPES  # its short form
        return bool(value) and all(map(is_langchain, value))
    if not isinstance(value, dict) or "role" in value:
        return False
    if value.get("lc") == 1 and "kwargs" in value:
        return True
    has_text = "content" in value or isinstance(value.get("data"), dict)
    return has_text and value.get("type") in _LANGCHAIN_TYPES


def is_bedrock(message: Any) -> bool:
    """Return whether a message has parts as Bedrock's converse has them: without a type."""
    for part in items(field(message, "content")):
        if isinstance(part, dict) and "type" not in part:
            return any(name in part for name in _BEDROCK_PARTS)
    return False


def has_blocks(message: Any) -> bool:
    """Return whether a message has blocks that only Anthropic's messages have."""
    return any(field(block, "type") in _BLOCKS for block in items(field(message, "content")))


def are_items(value: Any) -> bool:
    """Return whether it is a list of items of OpenAI's Responses API, one of which a chat of
    messages could not have."""
    if is_plain_chat(value):
        return False
    has_other = False
    for item in items(value):
        kind = field(item, "type")
        is_item = isinstance(kind, str) and bool(_ITEM_TYPE.fullmatch(kind))
        if not is_item and (kind is not None or not isinstance(field(item, "role"), str)):
            return False
        parts = items(field(item, "content"))
        has_parts = any(field(part, "type") in ("input_text", "output_text") for part in parts)
        has_other = has_other or is_item or has_parts
    return has_other


def exchange_of(record: Mapping[str, Any]) -> LoggedExchange:
    """Return the exchange of a record, whose request and response are there and did not fail.

    Raises DataError: no_request, no_response, failed_request, incomplete_log, duplicate_key.
    """
    exchange = exchange_in(record)
    if exchange is None:
        fix = "give both, as objects or JSON text"
        raise DataError("the row has no request and response", "no_request", fix)
    _check_success(record, exchange)
    for name in _REASONS:
        check_end(record.get(name), name)
        check_end(field(record.get("sample"), name), f"sample.{name}")
    if not exchange.request:
        reason = f"{exchange.response_at or 'the row'}: a response without its request"
        for place in REQUESTS:
            if isinstance(field(_value_at(record, place), "prompt"), str):
                name = ".".join((*place, "prompt"))
                fix = "log chat completions; or train on prompt and answer as plain text"
                raise DataError(f"{name} is one text without roles", "no_messages", fix)
        fix = "write the request beside it, as in {request, response}"
        if any(record.get(name) for name in _IDS[:3]):
            fix = (
                "put the batch's input file beside the output file, into a folder requests/ and"
                " under the output file's name: requests/NAME"
            )
        raise DataError(reason, "no_request", fix)
    if exchange.response is None:
        reason = f"{exchange.request_at or 'the row'}: a request without a response"
        fix = (
            "convert the log that has the answers; for a batch the output file, with this one as"
            " requests/NAME beside it"
        )
        raise DataError(reason, "no_response", fix)
    for where in (exchange.request_at, exchange.response_at):
        _check_texts_of_json(record, where)
    _check_only_one(record, exchange)
    return exchange


def _check_only_one(record: Mapping[str, Any], exchange: LoggedExchange) -> None:
    """Refuse another request or response beside the one that is read (two_requests)."""
    used = _used_columns(exchange)
    for name in (*_PROMPTS, *_COLUMNS) if exchange.request_at else _COLUMNS:
        if name not in record or name in used:
            continue
        other = _opened(record[name])
        is_request = isinstance(other, dict) and _opened_prompts(other) is not None
        is_request = is_request or (_is_chat(other) and other != exchange.request.get(name))
        if is_request or _is_api(other):
            places = f"{exchange.request_at or 'messages'}, {exchange.response_at} and {name}"
            reason = f"more than one request or response: {places}"
            raise DataError(reason, "two_requests", "keep one of each")


def _used_columns(exchange: LoggedExchange) -> frozenset[str]:
    at = (exchange.request_at.partition(".")[0], exchange.response_at.partition(".")[0])
    return frozenset(at).union(() if exchange.request_at else _PROMPTS)


def _check_texts_of_json(record: Any, at: str) -> None:
    """Refuse two values of one key in JSON text on the way to a body (duplicate_key)."""
    value = record
    for name in at.split("."):
        value = field(value, name)
        if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
            value = decode(value, at, "incomplete_log", "log the whole body")


def _has_failed(record: Mapping[str, Any]) -> bool:
    """Return whether a record has room for a response, and says why it is empty."""
    if record.keys().isdisjoint(("response", "output", "outputs")):
        return False
    try:
        _check_success(record, LoggedExchange({}, None, "", ""))
    except DataError:
        return True
    return False


def _check_success(record: Mapping[str, Any], exchange: LoggedExchange) -> None:
    fix = "leave failed requests out"
    for status_at in _STATUSES:
        if status_at[0] not in record:
            continue
        status = _value_at(record, status_at)
        is_code = isinstance(status, int | float) and status >= 400
        if is_code or (isinstance(status, str) and status.lower() in _FAILED):
            raise DataError(f"{'.'.join(status_at)} is {status}", "failed_request", fix)
    holders: tuple[tuple[str, Any], ...] = (
        ("", record), ("response", record.get("response")), ("result", record.get("result")),
        (exchange.response_at, exchange.response),
    )  # fmt: skip
    for where, holder in holders:
        for name in _ERRORS:
            error = field(holder, name)
            if error not in (None, "", {}, [], False):
                place = f"{where}.{name}" if where else name
                raise DataError(f"{place}: {str(error)[:200]}", "failed_request", fix)


def check_end(reason: Any, where: str) -> None:
    """Refuse an answer that ended for another reason than that the model was done.

    Raises DataError: cut_answer, filtered_answer, failed_request.
    """
    word = reason.lower() if isinstance(reason, str) else ""
    if not word or word in _WHOLE:
        return
    if word in CUT_WORDS:
        fix = "ask again with more tokens, or leave the row out: it would teach to stop there"
        raise DataError(f"{where} is {reason}: the answer was cut off", "cut_answer", fix)
    if word in FILTERED_WORDS:
        problem = "the answer was held back"
        raise DataError(f"{where} is {reason}: {problem}", "filtered_answer", "leave the row out")
    problem = f"{where} is {reason}: the answer did not end by itself"
    raise DataError(problem, "failed_request", "leave the row out, or ask again")


def rows_of(
    record: Mapping[str, Any],
    exchange: LoggedExchange,
    answers: Iterable[list[Message]],
    names: Mapping[str, str],
    **columns: Any,
) -> list[Row]:
    """Return a row for each answer to one request; where there are several, each with an id.

    answers: whole conversations. names: READS of the converter. columns: tools, reasoning_effort
    and the like; without tools here, those beside the bodies count.
    """
    beside = _opened(record.get("tools"))
    if columns.get("tools") and beside and beside != exchange.request.get("tools"):
        reason = f"{exchange.at('tools')} and tools: two different lists of tools"
        raise DataError(reason, "two_tool_lists", "keep one of them")
    if not columns.get("tools"):
        for place in reversed(_TOOLS_BESIDE):
            columns["tools"] = _value_at(record, place) or columns.get("tools")
    known = known_names(names[""]) - (_COLUMNS - _used_columns(exchange))
    rest = {name: value for name, value in record.items() if name not in known}
    identity = identity_of_log(record, exchange)
    rows: list[Row] = []
    for number, messages in enumerate(answers, 1):
        _check_texts(messages)
        row = make_row(messages, {**rest, **columns, "id": identity}, ())
        if identity and number > 1:
            row["id"] = f"{identity}~choice{number}"
        rows.append(row)
    if not rows:
        fix = "leave the row out"
        raise DataError(f"{exchange.response_at}: no answer", "no_response", fix)
    return rows


def identity_of_log(record: Mapping[str, Any], exchange: LoggedExchange) -> Any:
    """Return the id of an exchange: the log's own, or the response's; None without one."""
    for name in _IDS:
        if isinstance(record.get(name), str | int) and record[name] != "":
            return record[name]
    return field(exchange.response, "id")


def _check_texts(messages: Iterable[Message]) -> None:
    for message in messages:
        found = _LEFT_OUT.search(message["content"])
        if found:
            reason = f"the log holds {found[0]!r} in place of a text of {message['role']}"
            fix = "log whole texts; leave these rows out"
            raise DataError(reason, "incomplete_log", fix)
