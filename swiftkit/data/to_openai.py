"""A swift row's messages as an OpenAI conversation, ready to send and to cut into turns.

swift writes each call as a message of role `tool_call` and each result as `tool_response`; the
OpenAI form hangs the calls on the assistant's message and ties each result to its call by an id,
which is made up where the row has none. Reasoning stands under `reasoning_content`; rows that an
older `swiftkit convert` wrote hold it in the text. `content` is never null: `swift deploy` of
ms-swift 4.6.0 answers 500 to a null.
"""

from collections.abc import Collection
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.files.jsonl import decode_line
from swiftkit.toolcall import detect, openai_calls
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import CLOSE, KEYS, reasoning_of, split
from swiftkit.toolcall.tools import tools_from, tools_in

Message = dict[str, Any]
REASONING = KEYS[0]


def openai_messages(messages: Any, where: str, *, reads_markup: bool = True) -> list[Message]:
    """Return the OpenAI messages of a swift row; `where` (file:line) begins each DataError.

    `reads_markup`: calls that are written into an answer's text become calls. Without it a text
    stays as it is, as training needs it.
    """
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
            answer, calls = _answer(message, content, place, reads_markup)
            result.append(answer)
            if calls:
                _add_calls(result, waiting, calls)
        elif role == "tool_call":
            line = content.encode("utf-8", "surrogatepass")
            call = call_from(decode_line(line, place, msgspec.json.decode), place)
            _add_calls(result, waiting, [call], message.get("tool_call_id"))
        elif role in ("tool_response", "tool"):
            if not waiting:
                fix = "add its tool_call message"
                raise DataError(f"{place}: a result without a call before it", "orphan_result", fix)
            result.append(_result(message, waiting, content))
        else:
            fix = "convert the file with `swiftkit convert`"
            raise DataError(f"{place}: unknown role {role!r}", "unknown_role", fix)
    return result


def calls_in_text(content: str, names: Collection[str]) -> tuple[str, list[Message]]:
    """Return what a text is without the calls that are written into it, and these calls.

    They are calls only where all of them are of the tools of these names.
    """
    parsed = detect.parse(content)
    if parsed.malformed or not all(call.name in names for call in parsed.calls):
        return content, []
    calls = [openai_calls.to_openai(call, "") for call in parsed.calls]
    return (parsed.content if calls else content), calls


def parse_tools(value: Any, where: str) -> list[dict[str, Any]]:
    """Return a `tools` column (JSON text or list) as OpenAI tool schemas, shared for one text."""
    try:
        return tools_in(value) if isinstance(value, str) else tools_from(value)
    except DataError as error:
        raise DataError(f"{where}: {error.reason}", error.code, error.fix) from error


def _role_and_content(message: Any, where: str) -> tuple[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise DataError(f"{where} has no role", "bad_message", "each message is {role, content}")
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        fix = "write structured content as a JSON string"
        raise DataError(f"{where}: content is no text", "bad_content", fix)
    return message["role"], content or ""


def _result(message: Message, waiting: list[str], content: str) -> Message:
    """Return a tool's result; it answers the call of its id, or else the next one."""
    identity = message.get("tool_call_id")
    place = waiting.index(identity) if identity in waiting else 0
    result: Message = {"role": "tool", "tool_call_id": waiting.pop(place), "content": content}
    if isinstance(message.get("name"), str):
        result["name"] = message["name"]
    return result


def _answer(
    message: Message, content: str, where: str, reads_markup: bool
) -> tuple[Message, list[ToolCall]]:
    """Return an assistant message, and the calls that are written into its text."""
    reasoning = reasoning_of(message, where)
    if reasoning is None and CLOSE in content:
        reasoning, content = split(content, where)
    parsed = detect.parse(content) if reads_markup else Parsed()
    if parsed.malformed:
        fix = "mend the markup of the calls"
        raise DataError(f"{where}: {parsed.malformed}", "malformed_call", fix)
    # The chat template of gpt-oss refuses Harmony's own markup in a message.
    if parsed.calls or (reads_markup and detect.format_of(content) == "harmony"):
        content, reasoning = parsed.content, reasoning or parsed.reasoning
    answer: Message = {"role": "assistant", "content": content}
    if reasoning:
        answer[REASONING] = reasoning
    return answer, parsed.calls


def _add_calls(
    result: list[Message], waiting: list[str], calls: list[ToolCall], own_id: Any = None
) -> None:
    """Hang calls on the assistant message that is open: parallel calls share one."""
    if not result or result[-1]["role"] != "assistant":
        result.append({"role": "assistant", "content": ""})
    own_calls = result[-1].setdefault("tool_calls", [])
    turn = sum(message["role"] == "assistant" for message in result)
    for call in calls:
        identity = f"call_{turn}_{len(own_calls) + 1}"
        if isinstance(own_id, str) and own_id not in waiting:
            identity = own_id
        own_calls.append(openai_calls.to_openai(call, identity))
        waiting.append(identity)
