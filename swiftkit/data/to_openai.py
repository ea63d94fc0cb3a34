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
_PLAIN = ("system", "user")
_RESULTS = ("tool_response", "tool")


def openai_messages(messages: Any, where: str) -> list[Message]:
    """OpenAI messages of a swift row; `where` (file:line) begins each DataError."""
    if not isinstance(messages, list) or not messages:
        raise DataError(
            f"{where}: no messages", "no_messages", "a row needs a list of {role, content}"
        )
    result: list[Message] = []
    waiting: list[str] = []  # ids of calls whose result has not come yet
    for number, message in enumerate(messages, 1):
        _add(result, waiting, *_role_and_content(message, f"{where}: message {number}"))
    return result


def parse_tools(value: Any, where: str) -> list[dict[str, Any]]:
    """The `tools` column (JSON text, or the list itself) as OpenAI tool schemas. Rows with the same
    text share them."""
    try:
        return _read_tools(value) if isinstance(value, str) else tools_from(value)
    except DataError as error:
        raise DataError(f"{where}: {error.reason}", error.code, error.fix) from error


# the rows of a data set often have the same tools, and there may be 100,000 of them
@lru_cache(maxsize=1024)
def _read_tools(text: str) -> list[dict[str, Any]]:
    return tools_from(text)


def _role_and_content(message: Any, where: str) -> tuple[str, str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise DataError(f"{where} has no role", "bad_message", "each message is {role, content}")
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise DataError(
            f"{where}: content is no text",
            "bad_content",
            "write structured content as a JSON string",
        )
    return message["role"], content or "", where


def _add(result: list[Message], waiting: list[str], role: str, content: str, where: str) -> None:
    if role in _PLAIN:
        result.append({"role": role, "content": content})
    elif role == "assistant":
        _add_answer(result, waiting, content, where)
    elif role == "tool_call":
        value = decode_line(content.encode("utf-8", "surrogatepass"), where, msgspec.json.decode)
        _add_calls(result, waiting, [call_from(value, where)])
    elif role in _RESULTS:
        if not waiting:
            raise DataError(
                f"{where}: a result without a call before it",
                "orphan_result",
                "add its tool_call message",
            )
        result.append({"role": "tool", "tool_call_id": waiting.pop(0), "content": content})
    else:
        raise DataError(
            f"{where}: unknown role {role!r}",
            "unknown_role",
            "convert the file with `swiftkit convert`",
        )


def _add_answer(result: list[Message], waiting: list[str], content: str, where: str) -> None:
    """An assistant message; calls that are written into its text become calls."""
    parsed = detect.parse(content)
    if parsed.malformed:
        raise DataError(
            f"{where}: {parsed.malformed}", "malformed_call", "mend the markup of the calls"
        )
    # The chat template of gpt-oss refuses Harmony's own markup in a message.
    taken_apart = parsed.calls or detect.format_of(content) == "harmony"
    result.append({"role": "assistant", "content": parsed.content if taken_apart else content})
    if parsed.calls:
        _add_calls(result, waiting, parsed.calls)


def _add_calls(result: list[Message], waiting: list[str], calls: list[ToolCall]) -> None:
    """Hang calls on the assistant message that is open, so that parallel calls share one
    message."""
    if not result or result[-1]["role"] != "assistant":
        result.append({"role": "assistant", "content": ""})
    held = result[-1].setdefault("tool_calls", [])
    turn = sum(message["role"] == "assistant" for message in result)
    for call in calls:
        identity = f"call_{turn}_{len(held) + 1}"
        held.append(openai_calls.to_openai(call, identity))
        waiting.append(identity)
