"""Read the body of a chat completion into a Response, also as servers really send it.

`text` is the model's own output. Where the endpoint has parsed calls out of it that cannot be read
(broken arguments), `tool_calls` is None and the markup is put back into `text`, so that the journal
holds what the model wrote and a score finds it malformed, not absent.
"""

from typing import Any

import msgspec

from swiftkit.json_text import decode_or_none, replace_escaped_surrogates
from swiftkit.records import Response
from swiftkit.terminal import shorten
from swiftkit.toolcall import detect, openai_calls
from swiftkit.toolcall.formats import hermes

_MOST_TOKENS = 1 << 53  # a larger count is none
# reasons to end that mean a fault of the server: vLLM and SGLang say abort, DeepSeek
# insufficient_system_resource, GLM network_error
_FAULTS = frozenset((
    "error", "abort", "aborted", "cancelled", "canceled", "failed", "timeout", "network_error",
    "insufficient_system_resource",
))  # fmt: skip


class BadBodyError(ValueError):
    """A body that is no chat completion: cut off, garbage, another content type, an error."""


class ChatMessage(msgspec.Struct):
    content: Any = None
    tool_calls: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    thinking: Any = None
    refusal: Any = None
    function_call: Any = None  # of OpenAI's form before tool_calls; some gateways write it still


class ChatChoice(msgspec.Struct):
    message: ChatMessage
    finish_reason: Any = None
    error: Any = None


class ChatCompletion(msgspec.Struct):
    choices: list[ChatChoice]
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(ChatCompletion).decode


def read_completion(
    body: bytes, sample_id: str, trial: int, latency: float = 0.0, first_token: float = 0.0
) -> Response:
    """Return the first choice of a chat completion; times in seconds. Raises BadBodyError.

    A refusal (OpenAI's field beside an empty `content`) is the model's own text.
    """
    completion = _completion(body)
    choice = completion.choices[0]
    message, raw_calls, calls = choice.message, choice.message.tool_calls, None
    if not raw_calls and message.function_call:
        raw_calls = [{"function": message.function_call}]
    text = message.content if isinstance(message.content, str) else _text(message.content)
    if not text and isinstance(message.refusal, str):
        text = message.refusal
    if raw_calls:
        parsed = openai_calls.parse({"tool_calls": raw_calls})
        if not parsed.malformed:
            calls = parsed.calls
        elif hermes.OPEN not in text:
            # Harmony's channels beside Hermes' blocks would be read instead of these
            is_harmony = detect.format_of(text) == "harmony"
            text = _markup(raw_calls) if is_harmony else text + _markup(raw_calls)
    finish = choice.finish_reason if isinstance(choice.finish_reason, str) else ""
    usage: dict[str, int] = {}
    if isinstance(completion.usage, dict):  # some servers add nested details to the counts
        for name, count in completion.usage.items():
            if isinstance(count, float) and count.is_integer():  # of a gateway in JavaScript or Lua
                count = int(count)
            if type(count) is int and 0 <= count < _MOST_TOKENS:
                usage[name] = count
    key, reasoning = _reasoning(message)
    return Response(
        sample_id,
        trial,
        text,
        calls,
        finish,
        usage,
        latency,
        first_token=first_token,
        reasoning=reasoning,
        reasoning_key=key,
    )


def _completion(body: bytes) -> ChatCompletion:
    """Return a completion with one choice at least. Raises BadBodyError, also for an error beside
    choices: what text they hold is a part of an answer."""
    try:
        completion = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        completion = _odd_completion(body, error)
    if completion.error:
        raise BadBodyError(f"with an error: {_said(completion.error)}")
    if not completion.choices:
        raise BadBodyError("the body is no chat completion: it has no choices")
    choice = completion.choices[0]
    reason = choice.finish_reason
    is_fault = isinstance(reason, str) and reason.lower() in _FAULTS
    if choice.error or is_fault:
        raise BadBodyError(f"with an error: {_said(choice.error or f'finish_reason {reason}')}")
    return completion


def _odd_completion(body: bytes, error: Exception) -> ChatCompletion:
    """Return a completion behind a byte order mark, or with halves of surrogate pairs, which a
    model may write. Raises BadBodyError, with the error that the body says, or that was met."""
    try:
        return _decode(replace_escaped_surrogates(body.decode("utf-8-sig")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    match decode_or_none(body):
        case {"error": said} if said:
            raise BadBodyError(f"with an error: {_said(said)}")
    start = body[:80].decode("utf-8", "replace")
    raise BadBodyError(f"the body is no chat completion ({error}): {start!r}")


def _text(content: Any) -> str:
    """Return the text of a `content` that is no text itself: null, or a list of parts, of which
    those that are null or bring no text are nothing. Raises BadBodyError for other shapes."""
    if content is None:
        return ""
    if not isinstance(content, list):
        raise BadBodyError(f"its content is neither text nor a list of parts: {_said(content)}")
    texts = []
    for part in content:
        text = part
        if isinstance(part, dict):
            text = part.get("text")
            if text is None and part.get("type") == "refusal":
                text = part.get("refusal")
        if text is not None and not isinstance(text, str):
            raise BadBodyError(f"its content has a part that is no text: {_said(part)}")
        texts.append(text or "")
    return "".join(texts)


def _said(error: Any) -> str:
    """Return an error object's message, or what there is, in one line."""
    if isinstance(error, dict) and error.get("message"):
        error = error["message"]
    return shorten(error, 200) if error else "without a word"


def _reasoning(message: ChatMessage) -> tuple[str, str]:
    """Return the key under which the endpoint gives reasoning, and the reasoning; both "" without.

    A server that gives two keys the same text (some releases of vLLM) takes back the new one.
    """
    for key in ("reasoning", "reasoning_content", "thinking"):
        text = getattr(message, key)
        if text and isinstance(text, str):
            return key, text
    return "", ""


def _markup(raw_calls: Any) -> str:
    """Return Hermes blocks of calls that cannot be read, written so that they stay unreadable."""
    blocks = []
    for call in raw_calls if isinstance(raw_calls, list) else [raw_calls]:
        function = call.get("function", call) if isinstance(call, dict) else call
        block = _json(function)
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            name, arguments = _json(function.get("name")), function["arguments"]
            original = f'{{"name": {name}, "arguments": {arguments}}}'
            if hermes.parse(f"{hermes.OPEN}{original}{hermes.CLOSE}").malformed:
                block = original
        if not hermes.parse(f"{hermes.OPEN}{block}{hermes.CLOSE}").malformed:
            block = _json([block])  # a list of text is no call
        blocks.append(f"\n{hermes.OPEN}\n{block}\n{hermes.CLOSE}")
    return "".join(blocks)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
