"""A swift row's messages as an OpenAI conversation, ready to send and to cut into turns.

swift writes each call as a message of role `tool_call` and each result as `tool_response`; the
OpenAI form hangs the calls on the assistant's message and ties each result to its call by an id.
`content` is never null: `swift deploy` of ms-swift 4.6.0 answers 500 to a null.
"""

from functools import lru_cache
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.files.jsonl import decode_line
from swiftkit.toolcall import detect, openai_calls
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.tools import tools_from

Message = dict[str, Any]


def openai_messages(messages: Any, where: str) -> list[Message]:
    """Return the OpenAI messages of a swift row; `where` (file:line) begins each DataError."""
    if not isinstance(messages, list) or not messages:
        fix = "a row needs a list of {role, content}"
        raise DataError(f"{where}: no messages", "no_messages", fix)
    result: list[Message] = []
    waiting: list[str] = []  # ids of calls whose result has not come yet
    for number, message in enumerate(messages, 1):
        place = f"{where}: message {number}"
        role, content = _role_and_content(message, place)
        if role in ("system", "user"):
            result.append({"role": role, "content": content})
        elif role == "assistant":
            _add_answer(result, waiting, content, place)
        elif role == "tool_call":
            line = content.encode("utf-8", "surrogatepass")
            call = call_from(decode_line(line, place, msgspec.json.decode), place)
            _add_calls(result, waiting, [call])
        elif role in ("tool_response", "tool"):
            if not waiting:
                fix = "add its tool_call message"
                raise DataError(f"{place}: a result without a call before it", "orphan_result", fix)
            result.append({"role": "tool", "tool_call_id": waiting.pop(0), "content": content})
        else:
            fix = "convert the file with `swiftkit convert`"
            raise DataError(f"{place}: unknown role {role!r}", "unknown_role", fix)
    return result


def parse_tools(value: Any, where: str) -> list[dict[str, Any]]:
    """Return a `tools` column (JSON text or list) as OpenAI tool schemas, shared for one text."""
    try:
        return _read_tools(value) if isinstance(value, str) else tools_from(value)
    except DataError as error:
        raise DataError(f"{where}: {error.reason}", error.code, error.fix) from error


@lru_cache(maxsize=1024)  # the rows of a data set often have the same tools
def _read_tools(text: str) -> list[dict[str, Any]]:
    return tools_from(text)


def _role_and_content(message: Any, where: str) -> tuple[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise DataError(f"{where} has no role", "bad_message", "each message is {role, content}")
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        fix = "write structured content as a JSON string"
        raise DataError(f"{where}: content is no text", "bad_content", fix)
    return message["role"], content or ""


def _add_answer(result: list[Message], waiting: list[str], content: str, where: str) -> None:
    """Add an assistant message; calls that are written into its text become calls."""
    parsed = detect.parse(content)
    if parsed.malformed:
        fix = "mend the markup of the calls"
        raise DataError(f"{where}: {parsed.malformed}", "malformed_call", fix)
    # The chat template of gpt-oss refuses Harmony's own markup in a message.
    has_markup = parsed.calls or detect.format_of(content) == "harmony"
    result.append({"role": "assistant", "content": parsed.content if has_markup else content})
    if parsed.calls:
        _add_calls(result, waiting, parsed.calls)


def _add_calls(result: list[Message], waiting: list[str], calls: list[ToolCall]) -> None:
    """Hang calls on the assistant message that is open: parallel calls share one."""
    if not result or result[-1]["role"] != "assistant":
        result.append({"role": "assistant", "content": ""})
    own_calls = result[-1].setdefault("tool_calls", [])
    turn = sum(message["role"] == "assistant" for message in result)
    for call in calls:
        identity = f"call_{turn}_{len(own_calls) + 1}"
        own_calls.append(openai_calls.to_openai(call, identity))
        waiting.append(identity)
