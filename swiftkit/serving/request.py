"""Read a chat-completions request: the request to ms-swift, and how to answer the client.

What a server can do is honoured, what it cannot is refused by name; nothing that bears on the
answer is dropped in silence. Source: the OpenAI API reference, chat completions; the last group of
fields is ms-swift's own.
"""

from typing import Annotated, Any

import msgspec

from swiftkit.json_text import replace_escaped_surrogates
from swiftkit.serving.errors import RequestError
from swiftkit.serving.messages import messages_from, tools_from
from swiftkit.toolcall.formats import hermes

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
_Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Tools = list[dict[str, Any]]


class ChatBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request, as it comes."""

    model: str
    messages: Annotated[list[Any], msgspec.Meta(min_length=1)]
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: _Share | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    seed: _Seed | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0)] | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    logit_bias: dict[str, float] | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    modalities: list[str] | None = None
    audio: Any = None
    web_search_options: Any = None
    moderation: Any = None
    functions: Any = None
    function_call: Any = None
    # OpenAI's platform: no answer depends on them.
    user: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    prediction: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    # ms-swift's own
    top_k: int | None = None
    min_p: _Share | None = None
    repetition_penalty: Annotated[float, msgspec.Meta(gt=0)] | None = None
    length_penalty: float | None = None
    num_beams: _Count | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    images: list[str] | None = None
    audios: list[str] | None = None
    videos: list[str] | None = None
    return_details: bool | None = None


class ServerFeatures(msgspec.Struct, frozen=True):
    """The features of a server that requests depend on."""

    models: tuple[str, ...]
    backend: str = "transformers"
    wire: str = ""  # the name of the agent template: how calls are written
    reads_media: bool = False
    max_logprobs: int = 20
    # why it cannot hold an answer to a JSON schema, "" where it can
    no_json: str = "nothing here can hold an answer to a schema"
    no_thinking: str = ""  # what its template begins an answer without reasoning with


class ChatRequest(msgspec.Struct, frozen=True):
    """A request that the server will answer."""

    model: str
    fields: dict[str, Any]  # of ms-swift's own request
    stops: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()  # the names of those that are offered
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    parallel: bool = True
    schema: dict[str, Any] | None = None  # that the generated text must follow
    suffix: str = ""  # the text that follows it


_decode = msgspec.json.Decoder(ChatBody).decode
# These go on to ms-swift as they are.
_SWIFT_FIELDS = (
    "temperature top_p top_k min_p seed frequency_penalty presence_penalty repetition_penalty"
    " num_beams length_penalty logprobs top_logprobs return_details images audios videos"
).split()
# Fields that one backend alone knows -> the values that ask for what is done anyway
_ONLY_VLLM = {"frequency_penalty": (0,), "presence_penalty": (0,), "min_p": (0,)}
_ONLY_TRANSFORMERS = {"num_beams": (0, 1), "length_penalty": (0, 1)}
_OLD_FORM = "is OpenAI's old form: send tools and tool_choice"
_REFUSED = {
    "functions": _OLD_FORM,
    "function_call": _OLD_FORM,
    "audio": "is not supported: this server answers in text",
    "web_search_options": "is not supported: this server has no search",
    "moderation": "is not supported: this server moderates nothing",
    "logit_bias": "is not supported: ban or force words in the prompt, or by response_format",
}


def read_request(text: bytes, server: ServerFeatures) -> ChatRequest:
    """Read the body of a request. Raises RequestError, which says what to change."""
    body = _decode_body(text)
    if body.model not in server.models:
        message = f"the model {body.model!r} is not served here: {', '.join(server.models)}"
        raise RequestError(message, "model", 404, "model_not_found")
    _check_support(body, server)
    tools = tools_from(body.tools)
    forced = _forced_tools(body, tools, server)
    schema = _response_schema(body, tools, server)
    offered = [] if body.tool_choice == "none" else forced or tools
    fields = _swift_fields(body, server) | {"tools": offered or None}
    options, suffix = dict(body.chat_template_kwargs or {}), ""
    if body.reasoning_effort is not None:
        options["reasoning_effort"] = body.reasoning_effort
    if schema is not None:
        options = {"enable_thinking": False, **options}
    if forced:  # the answer begins as a Hermes call; what follows is held to the tools' schemas
        options["response_prefix"] = f"{server.no_thinking}{hermes.OPEN}\n"
        schema, suffix = _calls_schema(forced), f"\n{hermes.CLOSE}"
    return ChatRequest(
        model=body.model,
        fields=fields | {"chat_template_kwargs": options},
        stops=tuple(fields["stop"]),
        tools=tuple(tool["function"]["name"] for tool in offered),
        n=body.n or 1,
        stream=bool(body.stream),
        include_usage=bool((body.stream_options or {}).get("include_usage")),
        parallel=body.parallel_tool_calls is not False,
        schema=schema,
        suffix=suffix,
    )


def _decode_body(text: bytes) -> ChatBody:
    try:
        return _decode(replace_escaped_surrogates(text.decode()))  # a tool or a model may say them
    except msgspec.ValidationError as error:  # "Expected `int`, got `str` - at `$.seed`"
        message = str(error).replace("Object contains unknown field", "unknown parameter")
        _, at, place = message.rpartition(" - at `$.")
        raise RequestError(message, place.rstrip("`") if at else None) from error
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {error}") from error


def _check_support(body: ChatBody, server: ServerFeatures) -> None:
    """Refuse what would have no effect, unless it asks for what is done anyway."""
    for name, reason in _REFUSED.items():
        if getattr(body, name):
            raise RequestError(f"{name} {reason}", name)
    if body.modalities not in (None, ["text"]):
        raise RequestError("modalities: this server answers in text alone", "modalities")
    if body.verbosity not in (None, "medium"):
        fix = "ask for short answers in the prompt"
        raise RequestError(f"verbosity is not supported: {fix}", "verbosity")
    if body.reasoning_effort is not None and server.wire != "harmony":
        message = "reasoning_effort is gpt-oss's: leave it out, or send chat_template_kwargs"
        raise RequestError(f"{message} {{'enable_thinking': false}}", "reasoning_effort")
    if (body.top_logprobs or 0) > server.max_logprobs:
        limit = server.max_logprobs
        raise RequestError(f"top_logprobs is limited to {limit} here", "top_logprobs")
    unknown = _ONLY_TRANSFORMERS if server.backend == "vllm" else _ONLY_VLLM
    for name, harmless in unknown.items():
        if getattr(body, name) not in (None, *harmless):
            message = f"{name} has no effect with the {server.backend} backend: leave it out"
            raise RequestError(message, name)


def _swift_fields(body: ChatBody, server: ServerFeatures) -> dict[str, Any]:
    """Return the fields of ms-swift's request but tools and chat_template_kwargs."""
    messages = messages_from(body.messages, server.reads_media)
    fields = {}
    for name in _SWIFT_FIELDS:
        value = getattr(body, name)
        if value is not None:
            fields[name] = value
    if body.top_p == 0:  # the likeliest token alone
        fields |= {"top_p": 1.0, "temperature": 0.0}
    stops = [body.stop] if isinstance(body.stop, str) else list(body.stop or [])
    if "" in stops:
        raise RequestError("an empty stop would stop at once: leave it out", "stop")
    return fields | {
        "model": body.model,
        "messages": messages,
        "max_tokens": body.max_completion_tokens or body.max_tokens,
        "stop": stops,
        "stream": bool(body.stream),
    }


def _response_schema(
    body: ChatBody, tools: _Tools, server: ServerFeatures
) -> dict[str, Any] | None:
    """Return the JSON Schema of the answer that response_format asks for."""
    place = "response_format"
    wanted = body.response_format or {"type": "text"}
    kind = wanted.get("type")
    schema: Any = None
    if kind == "text":
        return None
    if kind == "json_object":
        schema = {"type": "object"}
    elif kind == "json_schema":
        described = wanted.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
    else:
        raise RequestError(f"{place}.type: write text, json_object or json_schema", place)
    if not isinstance(schema, dict):
        raise RequestError(f"{place}.json_schema.schema is not a JSON Schema", place)
    if server.no_json:
        raise RequestError(f"{place} {kind} is not supported: {server.no_json}", place)
    if tools and body.tool_choice != "none":
        fix = "drop one, or send tool_choice 'none'"
        raise RequestError(f"{place} {kind} and tools cannot both be had: {fix}", place)
    return schema


def _forced_tools(body: ChatBody, tools: _Tools, server: ServerFeatures) -> _Tools:
    """Return the tools of which one must be called; none where the model may choose."""
    match body.tool_choice:
        case None | "auto" | "none":
            return []
        case "required":
            wanted = tools
        case {"function": dict(function)}:
            name = function.get("name")
            wanted = [tool for tool in tools if tool["function"]["name"] == name]
        case _:
            function_form = "{'type': 'function', 'function': {'name': ...}}"
            message = f"tool_choice: write none, auto, required or {function_form}"
            raise RequestError(message, "tool_choice")
    if not wanted:
        raise RequestError("tool_choice wants a call, and tools offer none such", "tool_choice")
    reason = server.no_json
    if not reason and server.wire != "hermes":
        reason = f"not in the {server.wire or 'plain'} format"
    if reason:
        message = f"tool_choice can only be none or auto: a call cannot be forced: {reason}"
        raise RequestError(message, "tool_choice")
    return wanted


def _calls_schema(tools: _Tools) -> dict[str, Any]:
    """Return the schema of one call of these tools, in Hermes' form.

    The definitions ($defs) of all tools come to the top, where their references look for them.
    """
    calls: list[dict[str, Any]] = []
    definitions: dict[str, Any] = {}
    for tool in tools:
        function = tool["function"]
        parameters = function.get("parameters") or {"type": "object"}
        # Nobody forces a call to get parameters that the tool does not have.
        arguments = {"additionalProperties": False, **parameters}
        for place in ("$defs", "definitions"):
            for name, schema in (arguments.pop(place, None) or {}).items():
                if definitions.setdefault(place, {}).setdefault(name, schema) != schema:
                    message = f"tools define {name!r} in two ways: give the two their own names"
                    raise RequestError(message, "tools")
        parts = {"name": {"const": function["name"]}, "arguments": arguments}
        call = {"type": "object", "properties": parts, "required": list(parts)}
        calls.append(call | {"additionalProperties": False})
    return definitions | (calls[0] if len(calls) == 1 else {"anyOf": calls})
