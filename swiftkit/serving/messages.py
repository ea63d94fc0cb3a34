"""The messages and tools of a request, from OpenAI's form into the one that ms-swift takes."""

from typing import Any

from swiftkit.errors import DataError
from swiftkit.serving.errors import RequestError
from swiftkit.toolcall.openai_calls import readable
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import KEYS, join, reasoning_of

_ROLES = ("system", "user", "assistant", "tool")
_SWIFT_ROLES = ("tool_call", "tool_response")
_MEDIA_PARTS = ("image", "audio", "video", "image_url", "audio_url", "video_url")


def messages_from(messages: list[Any], reads_media: bool = False) -> list[dict[str, Any]]:
    """Return the messages with each content a text, or parts where it has media.

    Developers are system; system messages are joined in front, because templates take the first
    alone, and clients that add another mean it for all that follows. Raises RequestError, which
    names the message.
    """
    orders, others = [], []
    for index, item in enumerate(messages):
        message = _message(item, f"messages[{index}]", reads_media)
        if message["role"] == "system":
            orders.append(message["content"])
        else:
            others.append(message)
    if not others:
        raise RequestError("messages hold no question: add a message of role user", "messages")
    if orders:
        return [{"role": "system", "content": "\n\n".join(orders)}, *others]
    return others


def fold_reasoning(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with each reasoning in its text, where swift's own templates read it.
    Raises DataError (bad_reasoning)."""
    folded = []
    for index, message in enumerate(messages):
        reasoning = message.get(KEYS[0])
        if reasoning and message["role"] == "assistant":
            rest = {key: value for key, value in message.items() if key != KEYS[0]}
            text = join(reasoning, message["content"], f"messages[{index}]")
            message = rest | {"content": text}
        folded.append(message)
    return folded


def tools_from(tools: list[Any] | None) -> list[dict[str, Any]]:
    """Return the offered functions without what concerns the API alone. Raises RequestError."""
    return [_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools or [])]


def _message(message: Any, where: str, reads_media: bool) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise RequestError(f"{where} is not an object", where)
    role = message.get("role")
    if role == "developer":
        role = "system"
    if role == "function" or message.get("function_call"):
        fix = "send tool_calls and role tool"
        raise RequestError(f"{where}: functions are OpenAI's old form: {fix}", where)
    if role not in (*_ROLES, *_SWIFT_ROLES):
        fix = f"write one of developer, {', '.join(_ROLES)}"
        raise RequestError(f"{where}.role is {role!r}: {fix}", f"{where}.role")
    content = _content(message.get("content"), f"{where}.content", reads_media and role == "user")
    result = {**message, "role": role, "content": content}
    if role == "assistant":
        result = _with_reasoning(result, where)
    calls, place = result.pop("tool_calls", None), f"{where}.tool_calls"
    if calls and not isinstance(calls, list):
        raise RequestError(f"{place} is not a list", place)
    if calls:
        result["tool_calls"] = [_call(call, f"{place}[{i}]") for i, call in enumerate(calls)]
    return result


def _with_reasoning(message: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the message with its reasoning under one key, whichever the client uses."""
    for key in KEYS:
        if not isinstance(message.get(key), str | None):
            place = f"{where}.{key}"
            raise RequestError(f"{place} is not text", place)
    try:
        reasoning = reasoning_of(message, where)
    except DataError as error:
        raise RequestError(str(error), where) from error
    rest = {key: value for key, value in message.items() if key not in KEYS}
    return rest | {KEYS[0]: reasoning} if reasoning else rest


def _content(content: Any, where: str, reads_media: bool) -> Any:
    """Return the text; where there are pictures and the like, the parts."""
    if content is None or isinstance(content, str):  # beside tool_calls it is null, or absent
        return content or ""
    if not isinstance(content, list):
        raise RequestError(f"{where} is neither text nor a list of parts", where)
    parts = [_part(part, f"{where}[{index}]", reads_media) for index, part in enumerate(content)]
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _part(part: Any, where: str, reads_media: bool) -> dict[str, Any]:
    match part:
        case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
            return {"type": "text", "text": text}
        case {"type": str(kind)} if kind in _MEDIA_PARTS:
            if reads_media and part.get(kind):
                return dict(part)
            raise RequestError(f"{where}: this model reads text alone here, and got {kind}", where)
    fix = "send {'type': 'text', 'text': ...}"
    raise RequestError(f"{where} is not a part that this server reads: {fix}", where)


def _call(call: Any, where: str) -> dict[str, Any]:
    call = readable(call)
    try:
        name = call_from(call, where).name
    except DataError as error:
        raise RequestError(str(error), where) from error
    arguments = call.get("function", call).get("arguments") or "{}"
    result = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"id": call["id"], **result} if call.get("id") else result


def _tool(tool: Any, where: str) -> dict[str, Any]:
    function: Any = None
    if isinstance(tool, dict) and tool.get("type", "function") == "function":
        function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        form = "{'type': 'function', 'function': {'name': ..., ...}}"
        raise RequestError(f"{where}: write {form}", where)
    if not isinstance(function.get("parameters") or {}, dict):
        raise RequestError(f"{where}.function.parameters is not a JSON Schema", where)
    # `strict` is an order to the API, and models have not seen it in training.
    settings = {}
    for key, value in function.items():
        if key != "strict" and value is not None:
            settings[key] = value
    return {"type": "function", "function": settings}
