"""`swift deploy` of gpt-oss answers as OpenAI's API does: calls and reasoning apart, content without markup.

Imported by harmony_template.py where a server runs. ms-swift leaves the raw text in `content` beside the calls, ends
with finish_reason `stop`, and fails on a history in which a message with calls has no content. A malformed answer
stays raw, so that the client sees what the model wrote.
"""

from dataclasses import asdict
from typing import Any

from swift.infer_engine.protocol import ChatCompletionRequest
from swift.pipelines.infer.deploy import SwiftDeploy

from swiftkit.toolcall import harmony

_convert = ChatCompletionRequest.convert_to_base64
_post_process = SwiftDeploy._post_process


def _read_request(request: Any) -> None:
    for message in request.messages:
        if message.get("content") is None:  # OpenAI's own client sends null beside tool_calls
            message["content"] = ""
    _convert(request)


def _answer(server: Any, request_info: dict[str, Any], response: Any, return_cmpl_response: bool = False) -> Any:
    is_chat = not return_cmpl_response and server.infer_engine.template.template_meta.agent_template == "harmony"
    if is_chat and hasattr(response.choices[0], "delta"):
        _tidy_chunk(request_info, response.choices[0])
    elif is_chat:
        for choice in response.choices:
            _tidy(choice)
    return _post_process(server, request_info, response, return_cmpl_response)


def _tidy(choice: Any) -> None:
    parsed = harmony.parse(choice.message.content)
    if parsed.malformed:
        return
    choice.message.content = parsed.content
    choice.message.reasoning_content = parsed.reasoning or None
    if parsed.calls:
        choice.finish_reason = "tool_calls"


def _tidy_chunk(request_info: dict[str, Any], choice: Any) -> None:
    """The part of the stream that has become readable; the whole answer so far is kept in `request_info`."""
    raw = request_info["raw"] = request_info.get("raw", "") + (choice.delta.content or "")
    shown = request_info.get("shown", ("", ""))
    parsed = harmony.parse(raw)
    finished = bool(choice.finish_reason)
    visible = (parsed.reasoning, parsed.content) if finished and not parsed.malformed else harmony.visible(raw)
    request_info["shown"] = visible
    reasoning, content = (new[len(old) :] for new, old in zip(visible, shown, strict=True))
    choice.delta.reasoning_content = reasoning or None
    choice.delta.content = raw if finished and parsed.malformed else content
    if choice.delta.tool_calls:
        choice.delta.tool_calls = [{"index": n, **asdict(call)} for n, call in enumerate(choice.delta.tool_calls)]
        choice.finish_reason = "tool_calls"


ChatCompletionRequest.convert_to_base64 = _read_request
SwiftDeploy._post_process = _answer
