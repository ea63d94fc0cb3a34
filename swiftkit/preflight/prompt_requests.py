"""The requests by which each server tells the prompt of a chat request.

    vLLM           POST /v1/chat/completions/render    where it is enabled (--enable-scale-out)
                   POST /v1/chat/completions           return_token_ids
                   POST /tokenize                      the messages in place of a text
    SGLang         POST /v1/chat/completions           return_prompt_token_ids
    swift deploy   POST /v1/chat/completions           return_details
    llama-server   POST /apply-template, /tokenize     the text, then its ids
    Ollama         POST /v1/chat/completions           _debug_render_only (since September 2025)
    any            POST /v1/chat/completions           usage.prompt_tokens

Those that go by /v1/chat/completions generate one token. Source: vLLM 0.32.0, ms-swift 4.6.0 and
llama.cpp b11549, run; SGLang 0.5.23 and Ollama (fb30760), read.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec

from swiftkit.json_text import decode_or_none
from swiftkit.toolcall import reasoning

CHAT = "/v1/chat/completions"
Json = dict[str, Any]
# (page below the server's root, JSON) -> the answer's body; raises NoPromptError
Ask = Callable[[str, Json], Awaitable[bytes]]
_Ids = Annotated[list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(min_length=1)]
_Count = Annotated[int, msgspec.Meta(ge=1)]


class NoPromptError(Exception):
    """A request that did not tell the prompt; its message says why."""


@dataclass(frozen=True)
class ServedPrompt:
    """The prompt that a server sends to the model for a chat request, as far as it tells it.

    `ids` are token ids and `text` is the rendered text, None where the server does not tell them;
    `count` is usage.prompt_tokens, where nothing else was told. `via` is the request that told it.
    """

    server: str  # vllm, sglang, llama-server, swift, ollama, other
    ids: tuple[int, ...] | None
    text: str | None
    count: int | None
    via: str


@dataclass(frozen=True)
class PromptRequest:
    """Messages and tools in OpenAI's form; `settings` are the chat_template_kwargs."""

    model: str
    messages: list[Any]
    tools: list[Any] | None
    settings: Mapping[str, Any]

    def body(self, **more: Any) -> Json:
        body: Json = {"model": self.model, "messages": self.messages}
        if self.tools:
            body["tools"] = self.tools
        if self.settings:
            body["chat_template_kwargs"] = dict(self.settings)
        return body | more


async def _vllm_render(ask: Ask, request: PromptRequest) -> ServedPrompt:
    page = f"{CHAT}/render"
    ids = _field(await ask(page, request.body()), page, _Ids, "token_ids")
    return ServedPrompt("vllm", tuple(ids), None, None, page)


async def _vllm_tokenize(ask: Ask, request: PromptRequest) -> ServedPrompt:
    page = "/tokenize"
    # unlike the chat page, it drops reasoning that stands under the older key
    messages = [_with_reasoning_as(message, "reasoning") for message in request.messages]
    body = request.body(messages=messages, add_generation_prompt=True)
    ids = _field(await ask(page, body), page, _Ids, "tokens")
    return ServedPrompt("vllm", tuple(ids), None, None, page)


async def _llama_template(ask: Ask, request: PromptRequest) -> ServedPrompt:
    page = "/apply-template"
    text = _field(await ask(page, request.body()), page, str, "prompt")
    # as llama-server encodes a chat: with a BOS where the vocabulary wants one
    body = {"content": text, "add_special": True, "parse_special": True, "model": request.model}
    try:
        ids = _field(await ask("/tokenize", body), "/tokenize", _Ids, "tokens")
    except NoPromptError:
        return ServedPrompt("llama-server", None, text, None, page)
    return ServedPrompt("llama-server", tuple(ids), text, None, f"{page}, /tokenize")


async def _ollama_chat(ask: Ask, request: PromptRequest) -> ServedPrompt:
    via = f"{CHAT} (_debug_render_only)"
    body = await ask(CHAT, request.body(max_tokens=1, _debug_render_only=True))
    text = _field(body, via, str, "_debug_info", "rendered_template")
    return ServedPrompt("ollama", None, text, None, via)


async def _chat_ids(
    ask: Ask, request: PromptRequest, server: str, field: str, **more: Any
) -> ServedPrompt:
    """Ask for one token and, by `field`, for the ids of the prompt."""
    via = f"{CHAT} ({field})"
    body = await ask(CHAT, request.body(max_tokens=1, **{field: True}, **more))
    try:
        ids = _field(body, via, _Ids, "prompt_token_ids")
    except NoPromptError:
        ids = _field(body, via, _Ids, "choices", 0, "prompt_token_ids")
    answer = decode_or_none(body)
    text = answer.get("prompt_text") if isinstance(answer, dict) else None
    return ServedPrompt(server, tuple(ids), text if isinstance(text, str) else None, None, via)


async def _usage(ask: Ask, request: PromptRequest) -> ServedPrompt:
    via = f"{CHAT} (usage.prompt_tokens)"
    body = await ask(CHAT, request.body(max_tokens=1))
    return ServedPrompt(
        "other", None, None, _field(body, via, _Count, "usage", "prompt_tokens"), via
    )


Way = Callable[[Ask, PromptRequest], Awaitable[ServedPrompt]]
_SWIFT: Way = partial(_chat_ids, server="swift", field="return_details")
# server -> its ways, the best one first
WAYS: dict[str, tuple[Way, ...]] = {
    "vllm": (
        _vllm_render,
        partial(_chat_ids, server="vllm", field="return_token_ids", return_prompt_text=True),
        _vllm_tokenize,
    ),
    "sglang": (partial(_chat_ids, server="sglang", field="return_prompt_token_ids"),),
    "swift": (_SWIFT,),
    "llama-server": (_llama_template,),
    "ollama": (_ollama_chat,),
    "other": (_SWIFT, partial(_chat_ids, server="other", field="return_token_ids")),
}
LAST_WAY: Way = _usage


def _field(body: bytes, via: str, form: Any, *path: str | int) -> Any:
    """Return a field of a JSON body, of the type `form`. Raises NoPromptError.

    The body itself is not repeated in the error: it may hold the key.
    """
    try:
        value = msgspec.json.decode(body)
        for key in path:
            value = value[key]
        return msgspec.convert(value, form)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        reason = "a web page" if body.lstrip()[:1] == b"<" else f"{type(error).__name__}: {error}"
        name = ".".join(map(str, path))
        raise NoPromptError(f"{via}: no {name} in the answer ({reason})") from None


def _with_reasoning_as(message: Any, key: str) -> Any:
    """Return a message with its reasoning under `key`."""
    if not isinstance(message, dict):
        return message
    renamed = {}
    for name, value in message.items():
        if name not in reasoning.KEYS:
            renamed[name] = value
        elif value is not None:
            renamed[key] = value
    return renamed
