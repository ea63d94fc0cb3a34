"""One chat-completions request, read: what ms-swift is to be asked, and what is to become of its
answer.

What a server can do is honoured, what it cannot is refused by name; nothing that bears on the
answer is dropped in silence. Source: the OpenAI API reference, chat completions; the last group of
fields is ms-swift's own.
"""

from typing import Annotated, Any

import msgspec

from swiftkit.serving.errors import RequestFault
from swiftkit.serving.messages import messages_from, tools_from
from swiftkit.toolcall.formats import hermes

_Whole = Annotated[int, msgspec.Meta(ge=1)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
_Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    messages: Annotated[list[Any], msgspec.Meta(min_length=1)]
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    max_tokens: _Whole | None = None
    max_completion_tokens: _Whole | None = None
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
    num_beams: _Whole | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    images: list[str] | None = None
    audios: list[str] | None = None
    videos: list[str] | None = None
    return_details: bool | None = None


class Powers(msgspec.Struct, frozen=True):
    """What a server can do. `no_json` says why it cannot hold an answer to a JSON schema, "" where
    it can; `no_thinking` is what its template begins an answer with that has no reasoning."""

    models: tuple[str, ...]
    backend: str = "transformers"
    wire: str = ""  # the name of the agent template: how calls are written
    reads_media: bool = False
    max_logprobs: int = 20
    no_json: str = "nothing here can hold an answer to a schema"
    no_thinking: str = ""


class Asked(msgspec.Struct, frozen=True):
    """`fields` are those of ms-swift's own request. `schema`: JSON Schema that the generated text
    must follow; `suffix`: what stands behind that text."""

    model: str
    fields: dict[str, Any]
    stops: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()  # the names of those that are offered
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    parallel: bool = True
    schema: dict[str, Any] | None = None
    suffix: str = ""


_decode = msgspec.json.Decoder(_Body).decode
_SWIFT = (  # what goes on to ms-swift as it is
    *(
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "repetition_penalty",
    ),
    *(
        "num_beams",
        "length_penalty",
        "logprobs",
        "top_logprobs",
        "return_details",
        "images",
        "audios",
        "videos",
    ),
)
_ONLY_VLLM = ("frequency_penalty", "presence_penalty", "min_p")
_ONLY_TRANSFORMERS = ("num_beams", "length_penalty")
_OLD = "is OpenAI's old form: send tools and tool_choice"
_REFUSED = {
    "functions": _OLD,
    "function_call": _OLD,
    "audio": "is not supported: this server answers in text",
    "web_search_options": "is not supported: this server has no search",
    "moderation": "is not supported: this server moderates nothing",
    "logit_bias": "is not supported: ban or force words in the prompt, or by response_format",
}


def read_request(body: bytes, powers: Powers) -> Asked:
    """What the body asks for. Raises RequestFault, which says what to change."""
    asked = _decoded(body)
    if asked.model not in powers.models:
        served = ", ".join(powers.models)
        raise RequestFault(
            f"the model {asked.model!r} is not served here: {served}",
            "model",
            404,
            "model_not_found",
        )
    _check(asked, powers)
    tools = tools_from(asked.tools)
    forced = _forced(asked, tools, powers)
    schema = _schema(asked, tools, powers)
    offered = [] if asked.tool_choice == "none" else forced or tools
    fields = _fields(asked, powers) | {"tools": offered or None}
    if schema is not None:
        fields["chat_template_kwargs"] = {
            "enable_thinking": False,
            **fields["chat_template_kwargs"],
        }
    names = tuple(tool["function"]["name"] for tool in offered)
    made = Asked(
        asked.model,
        fields,
        _stops(asked.stop),
        names,
        asked.n or 1,
        bool(asked.stream),
        bool((asked.stream_options or {}).get("include_usage")),
        asked.parallel_tool_calls is not False,
        schema,
    )
    return _with_call(made, forced, powers) if forced else made


def _decoded(body: bytes) -> _Body:
    try:
        return _decode(body)
    except msgspec.ValidationError as error:  # says what was expected, and where
        message = str(error).replace("Object contains unknown field", "unknown parameter")
        place = message.rpartition(" - at `$.")[2].rstrip("`") if " - at `$." in message else None
        raise RequestFault(message, place) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestFault(f"the body is no JSON: {error}") from error


def _check(asked: _Body, powers: Powers) -> None:
    """Refuse what would have no effect, unless it asks for what is done anyway."""
    for name, why in _REFUSED.items():
        if getattr(asked, name):
            raise RequestFault(f"{name} {why}", name)
    if asked.modalities not in (None, ["text"]):
        raise RequestFault("modalities: this server answers in text alone", "modalities")
    if asked.verbosity not in (None, "medium"):
        raise RequestFault(
            "verbosity is not supported: ask for short answers in the prompt", "verbosity"
        )
    if asked.reasoning_effort is not None and powers.wire != "harmony":
        message = "reasoning_effort is gpt-oss's: leave it out, or send chat_template_kwargs {'enable_thinking': false}"
        raise RequestFault(message, "reasoning_effort")
    if (asked.top_logprobs or 0) > powers.max_logprobs:
        raise RequestFault(f"top_logprobs is limited to {powers.max_logprobs} here", "top_logprobs")
    dead = _ONLY_TRANSFORMERS if powers.backend == "vllm" else _ONLY_VLLM
    for name in dead:
        if getattr(asked, name) not in (None, 0, 1 if name in _ONLY_TRANSFORMERS else 0):
            raise RequestFault(
                f"{name} has no effect with the {powers.backend} backend: leave it out", name
            )


def _fields(asked: _Body, powers: Powers) -> dict[str, Any]:
    given = {name: value for name in _SWIFT if (value := getattr(asked, name)) is not None}
    options = dict(asked.chat_template_kwargs or {})
    if asked.reasoning_effort is not None:
        options["reasoning_effort"] = asked.reasoning_effort
    if given.get("top_p") == 0:  # the likeliest token alone
        given |= {"top_p": 1.0, "temperature": 0.0}
    return given | {
        "model": asked.model,
        "messages": messages_from(asked.messages, powers.reads_media),
        "max_tokens": asked.max_completion_tokens or asked.max_tokens,
        "stop": list(_stops(asked.stop)),
        "stream": bool(asked.stream),
        "chat_template_kwargs": options,
    }


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if "" in stops:
        raise RequestFault("an empty stop would stop at once: leave it out", "stop")
    return stops


def _schema(asked: _Body, tools: list[Any], powers: Powers) -> dict[str, Any] | None:
    """The JSON Schema of the answer that response_format asks for."""
    wanted = asked.response_format or {"type": "text"}
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        schema: Any = {"type": "object"}
    elif kind == "json_schema":
        described = wanted.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
    else:
        raise RequestFault(
            "response_format.type: write text, json_object or json_schema", "response_format"
        )
    if not isinstance(schema, dict):
        raise RequestFault(
            "response_format.json_schema.schema is no JSON Schema", "response_format"
        )
    if powers.no_json:
        raise RequestFault(
            f"response_format {kind} is not supported: {powers.no_json}", "response_format"
        )
    if tools and asked.tool_choice != "none":
        message = f"response_format {kind} and tools cannot both be had: drop one, or send tool_choice 'none'"
        raise RequestFault(message, "response_format")
    return schema


def _forced(asked: _Body, tools: list[dict[str, Any]], powers: Powers) -> list[dict[str, Any]]:
    """The tools of which one must be called; none where the model may choose."""
    choice = asked.tool_choice
    if choice in (None, "auto", "none"):
        return []
    if choice == "required":
        wanted = tools
    elif isinstance(choice, dict) and isinstance(function := choice.get("function"), dict):
        wanted = [tool for tool in tools if tool["function"]["name"] == function.get("name")]
    else:
        message = "tool_choice: write none, auto, required or {'type': 'function', 'function': {'name': ...}}"
        raise RequestFault(message, "tool_choice")
    if not wanted:
        raise RequestFault("tool_choice wants a call, and tools offer none such", "tool_choice")
    why = powers.no_json or (
        "" if powers.wire == "hermes" else f"not in the {powers.wire or 'plain'} format"
    )
    if why:
        raise RequestFault(
            f"tool_choice can only be none or auto: a call cannot be forced: {why}", "tool_choice"
        )
    return wanted


def _with_call(asked: Asked, forced: list[dict[str, Any]], powers: Powers) -> Asked:
    """The answer begun as a Hermes call; what follows is held to the schemas of the tools."""
    options = asked.fields["chat_template_kwargs"] | {
        "response_prefix": f"{powers.no_thinking}{hermes.OPEN}\n"
    }
    fields = asked.fields | {"chat_template_kwargs": options}
    return msgspec.structs.replace(
        asked, fields=fields, schema=_calls_schema(forced), suffix=f"\n{hermes.CLOSE}"
    )


def _calls_schema(tools: list[dict[str, Any]]) -> dict[str, Any]:
    """The schema of one call of these tools, in Hermes' form; what a tool defines for itself comes
    to the top."""
    calls: list[dict[str, Any]] = []
    definitions: dict[str, Any] = {}
    for tool in tools:
        function = tool["function"]
        # Nobody forces a call to get parameters that the tool does not have.
        arguments = {
            "additionalProperties": False,
            **(function.get("parameters") or {"type": "object"}),
        }
        for place in ("$defs", "definitions"):
            for name, schema in (arguments.pop(place, None) or {}).items():
                if definitions.setdefault(place, {}).setdefault(name, schema) != schema:
                    raise RequestFault(
                        f"tools define {name!r} in two ways: give the two their own names", "tools"
                    )
        parts = {"name": {"const": function["name"]}, "arguments": arguments}
        calls.append(
            {
                "type": "object",
                "properties": parts,
                "required": list(parts),
                "additionalProperties": False,
            }
        )
    return definitions | (calls[0] if len(calls) == 1 else {"anyOf": calls})
