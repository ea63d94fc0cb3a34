"""A request's messages and tools, as OpenAI's clients write them, in the form that ms-swift
takes."""

from typing import Any

from swiftkit.errors import DataError
from swiftkit.serving.errors import RequestFault
from swiftkit.toolcall.call import call_from

# the last two are ms-swift's own
_ROLES = ("system", "user", "assistant", "tool", "tool_call", "tool_response")
_MEDIA = ("image", "audio", "video")
_MEDIA_PARTS = (*_MEDIA, *(f"{kind}_url" for kind in _MEDIA))
_TEXTS = {"text": "text", "refusal": "refusal"}  # the parts that are text -> where it stands


def messages_from(messages: list[Any], reads_media: bool = False) -> list[dict[str, Any]]:
    """Every content a text (or parts with media), developers as system, system messages joined in
    front.

    Raises RequestFault, which names the message.
    """
    read = [
        _message(message, f"messages[{index}]", reads_media)
        for index, message in enumerate(messages)
    ]
    # Templates take one system message, the first; clients that add another later mean it for all
    # that follows.
    orders = [message["content"] for message in read if message["role"] == "system"]
    rest = [message for message in read if message["role"] != "system"]
    if not rest:
        raise RequestFault("messages hold no question: add a message of role user", "messages")
    return [{"role": "system", "content": "\n\n".join(orders)}, *rest] if orders else rest


def tools_from(tools: list[Any] | None) -> list[dict[str, Any]]:
    """The functions that are offered, without what concerns the API alone. Raises RequestFault."""
    return [_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools or [])]


def _message(message: Any, where: str, reads_media: bool) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise RequestFault(f"{where} is not an object", where)
    role = "system" if message.get("role") == "developer" else message.get("role")
    if role == "function" or message.get("function_call"):
        raise RequestFault(
            f"{where}: functions are OpenAI's old form: send tool_calls and role tool", where
        )
    if role not in _ROLES:
        fix = f"write one of developer, {', '.join(_ROLES[:4])}"
        raise RequestFault(f"{where}.role is {role!r}: {fix}", f"{where}.role")
    content = _content(message.get("content"), f"{where}.content", reads_media and role == "user")
    read = {**message, "role": role, "content": content}
    if calls := message.get("tool_calls"):
        read["tool_calls"] = _calls(calls, f"{where}.tool_calls")
    else:
        read.pop("tool_calls", None)
    return read


def _content(content: Any, where: str, reads_media: bool) -> Any:
    """Text; where there are pictures and the like, the parts."""
    if content is None:  # beside tool_calls it is null, or absent
        return ""
    if isinstance(content, list):
        parts = [
            _part(part, f"{where}[{index}]", reads_media) for index, part in enumerate(content)
        ]
        return (
            parts
            if any(part["type"] != "text" for part in parts)
            else "".join(part["text"] for part in parts)
        )
    if not isinstance(content, str):
        raise RequestFault(f"{where} is neither text nor a list of parts", where)
    return content


def _part(part: Any, where: str, reads_media: bool) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in _TEXTS and isinstance(text := part.get(_TEXTS[kind]), str):
        return {"type": "text", "text": text}
    if kind in _MEDIA_PARTS and reads_media and part.get(kind):
        return dict(part)
    if kind in _MEDIA_PARTS:
        raise RequestFault(f"{where}: this model reads text alone here, and got {kind}", where)
    raise RequestFault(
        f"{where} is no part that this server reads: send {{'type': 'text', 'text': ...}}", where
    )


def _calls(calls: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise RequestFault(f"{where} is not a list", where)
    return [_call(call, f"{where}[{index}]") for index, call in enumerate(calls)]


def _call(call: Any, where: str) -> dict[str, Any]:
    try:
        name = call_from(call, where).name
    except DataError as error:
        raise RequestFault(str(error), where) from error
    function = call.get("function", call)
    read = {
        "type": "function",
        "function": {"name": name, "arguments": function.get("arguments") or "{}"},
    }
    return {"id": call["id"], **read} if call.get("id") else read


def _tool(tool: Any, where: str) -> dict[str, Any]:
    function = (
        tool.get("function")
        if isinstance(tool, dict) and tool.get("type", "function") == "function"
        else None
    )
    if (
        not isinstance(function, dict)
        or not isinstance(name := function.get("name"), str)
        or not name
    ):
        raise RequestFault(
            f"{where}: write {{'type': 'function', 'function': {{'name': ..., ...}}}}", where
        )
    if not isinstance(function.get("parameters") or {}, dict):
        raise RequestFault(f"{where}.function.parameters is no JSON Schema", where)
    # `strict` is an order to the API, and models have not seen it in training.
    said = {key: value for key, value in function.items() if key != "strict" and value is not None}
    return {"type": "function", "function": said}
