r"""Anthropic's messages to messages of a swift row: contents of blocks, tool_use among them.

    {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "I need the weather.", "signature": "EqQB..."},
        {"type": "text", "text": "I'll look."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}]}

Results are put in the order of their calls. A result with `is_error` begins with "Error: ", unless
its text says so itself. Left out is what only the API can read: redacted_thinking, signatures,
cache marks. Tools that Anthropic's servers run are refused.
"""

from typing import Any

from swiftkit.data.json_values import field, listed
from swiftkit.data.messages import loss_flag, text_of
from swiftkit.data.turns import TurnParts, Turns, hosted_tool
from swiftkit.errors import DataError
from swiftkit.toolcall.read_call import call_from

_ROLES = ("system", "user", "assistant")
_HOSTED = ("server_tool_use", "mcp_tool_use", "container_upload")
_HOSTED_RESULT = "_tool_result"  # web_search_tool_result and the like


def add_message(turns: Turns, message: Any, where: str) -> None:
    """Add one message to the turns. Raises DataError."""
    role = field(message, "role")
    if role not in _ROLES:
        fix = f"use {', '.join(_ROLES)}"
        raise DataError(f"{where}: unknown role {role!r:.50}", "bad_role", fix)
    blocks = _blocks_of(message.get("content"), where)
    flag = loss_flag(message, where, is_answer=role == "assistant")
    if role == "assistant":
        turns.answer(_answer(blocks, where), where, flag)
        return
    texts = []
    for block in blocks:
        if block.get("type") != "tool_result":
            texts.append(block)
        elif texts:
            fix = "put the results first"
            raise DataError(f"{where}: text before a tool_result", "bad_order", fix)
        else:
            turns.result(_result(block, where), block.get("tool_use_id"), None, where)
    if texts or not blocks:
        turns.say(role, text_of(texts, where), where)


def system_text(system: Any) -> str:
    """Return the text of a request's `system`: text, blocks or null. Raises DataError."""
    if system is None:
        return ""
    texts = []
    for block in listed(system):
        texts.append(text_of(block if isinstance(block, str) else listed(block), "system"))
    return "\n\n".join(text for text in texts if text)


def _blocks_of(content: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(content, list):
        return [{"type": "text", "text": text_of(content, where)}]
    for number, block in enumerate(content):
        kind = field(block, "type")
        if not isinstance(block, dict):
            reason = f"{where}: content is neither text nor blocks"
            raise DataError(reason, "bad_content", "write text, or {type, ...}")
        if isinstance(kind, str) and (kind in _HOSTED or kind.endswith(_HOSTED_RESULT)):
            raise hosted_tool(f"{where}.content[{number}]", kind)
        if kind == "document":
            reason = f"{where}: a part of the content is of type {kind}"
            raise DataError(reason, "unsupported_media", "convert rows of text only")
    return content


def _result(block: dict[str, Any], where: str) -> str:
    text = text_of(block.get("content"), where)
    if block.get("is_error") is True and not text.lower().startswith("error"):
        text = f"Error: {text}"
    return text


def _answer(blocks: list[dict[str, Any]], where: str) -> TurnParts:
    answer = TurnParts()
    for block in blocks:
        kind = block.get("type")
        if kind == "tool_use":
            arguments = {"arguments": block["input"]} if "input" in block else {}
            call = call_from({"name": block.get("name"), **arguments}, where)
            answer.call(call, block.get("id"))
        elif kind == "thinking" and not answer.texts and not answer.calls:
            answer.think(text_of(block.get("thinking"), where), where)
        elif kind == "text" and not answer.calls:
            answer.say(text_of([block], where), where)
        elif kind != "redacted_thinking":
            fix = "an answer is thinking, then text, then tool_use, and nothing else"
            raise DataError(f"{where}: a block {kind!r:.50} in this place", "bad_content", fix)
    return answer
