"""Read the body of a chat completion into a Response: what the OpenAI form says, and what servers
really send.

`text` is the model's own output. Where the endpoint has parsed calls out of it that cannot be read
(broken arguments), `tool_calls` is None and the markup is put back into `text`, so that the journal
holds what the model wrote and a score finds it malformed, not absent.
"""

from typing import Any

import msgspec

from swiftkit.records import Response
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.formats import detect, hermes


class BadBodyError(ValueError):
    """A body that is no chat completion: cut off, garbage, another content type."""


class _Message(msgspec.Struct):
    content: Any = None
    tool_calls: Any = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: Any = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: Any = None


_decode = msgspec.json.Decoder(_Completion).decode


def read_completion(body: bytes, sample_id: str, trial: int, latency: float) -> Response:
    """The first choice of an OpenAI chat completion; `latency` in seconds. Raises BadBodyError."""
    try:
        completion = _decode(body)
        choice = completion.choices[0]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError) as error:
        start = body[:80].decode("utf-8", "replace")
        raise BadBodyError(f"the body is no chat completion ({error}): {start!r}") from None
    text, calls = _text(choice.message.content), None
    if raw := choice.message.tool_calls:
        parsed = openai_calls.parse({"tool_calls": raw})
        if parsed.malformed:
            text = (
                text
                if hermes.OPEN in text
                else ("" if detect.is_harmony(text) else text) + _markup(raw)
            )
        else:
            calls = parsed.calls
    finish = choice.finish_reason if isinstance(choice.finish_reason, str) else ""
    return Response(sample_id, trial, text, calls, finish, _usage(completion.usage), latency)


def _text(content: Any) -> str:
    """The content as text; some servers give a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _usage(usage: Any) -> dict[str, int]:
    """The flat counts of tokens; the nested details that some servers add are left out."""
    if not isinstance(usage, dict):
        return {}
    return {name: count for name, count in usage.items() if type(count) is int}


def _markup(raw: Any) -> str:
    """Hermes blocks of calls that cannot be read; never such that they can be read after all."""
    calls = raw if isinstance(raw, list) else [raw]
    return "".join(f"\n{hermes.OPEN}\n{_block(call)}\n{hermes.CLOSE}" for call in calls)


def _block(call: Any) -> str:
    function = call.get("function", call) if isinstance(call, dict) else call
    if isinstance(function, dict) and isinstance(arguments := function.get("arguments"), str):
        block = f'{{"name": {_json(function.get("name"))}, "arguments": {arguments}}}'
        if hermes.parse(f"{hermes.OPEN}{block}{hermes.CLOSE}").malformed:
            return block
    return _json(function)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
