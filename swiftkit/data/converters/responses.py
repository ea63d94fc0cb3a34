r"""Items of OpenAI's Responses API: messages, reasoning, function calls and their outputs.

Source: the Responses API, as its request and response logs, OpenAI's batches and vLLM keep it. Real
rows:

    {"instructions": "Be brief", "input": [
        {"type": "message", "role": "user",
         "content": [{"type": "input_text", "text": "Weather in Bergen?"}]},
        {"type": "reasoning", "id": "rs_1",
         "summary": [{"type": "summary_text", "text": "I need the tool"}]},
        {"type": "function_call", "call_id": "c1", "name": "get_weather",
         "arguments": "{\"city\": \"Bergen\"}"},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
        {"type": "message", "role": "assistant",
         "content": [{"type": "output_text", "text": "Rain."}]}],
     "tools": [{"type": "function", "name": "get_weather", "parameters": {...}}]}
    {"request": {"input": "Hi", "instructions": "..."},
     "response": {"object": "response", "status": "completed", "output": [...]}}

An answer is all that stands between a user's message or a tool's result and the next one. The
reasoning is the text of the item (vLLM, gpt-oss), or else its summary; an encrypted one is left
out, and counted. A custom tool's call has its text as the argument `input`. A refusal is the
answer's text. Items of tools that OpenAI's servers run (web_search_call and the like), and those
tools, are refused: nothing in a row could show them. `previous_response_id` is refused, for what
was said before is not in the row.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.custom_tools import as_function
from swiftkit.data.exchange import (
    are_items,
    check_end,
    exchange_in,
    exchange_of,
    reads,
    rows_of,
)
from swiftkit.data.json_values import as_text, field, items, listed
from swiftkit.data.messages import FLAGS, loss_flag
from swiftkit.data.rows import make_row
from swiftkit.data.turns import TurnParts, Turns, hosted_tool
from swiftkit.data.unread_fields import known_names
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from

ORDER = 270
COMPANION, COMPANION_ID = "requests", "custom_id"

_COLUMNS = ("input", "items", "messages", "conversation")  # of a record that is no log
_ROLES = {"user": "user", "system": "system", "developer": "system", "assistant": "assistant"}
_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_MEDIA = ("input_image", "input_file", "input_audio", "output_audio", "image", "image_url", "audio")
_CALLS = ("function_call", "custom_tool_call")
_RESULTS = ("function_call_output", "custom_tool_call_output")
_ELSEWHERE = ("item_reference", "compaction", "compaction_summary", "context_compaction")

_ITEM = f"""type role content summary arguments name call_id output input status {FLAGS}
    -id -phase -caller -created_by -internal_chat_message_metadata_passthrough"""
_PARTS = "type text refusal -annotations -logprobs -prompt_cache_breakpoint"
_ITEMS = {
    "[]": _ITEM,
    "[].content[]": _PARTS,
    "[].summary[]": "type text",
    "[].output[]": _PARTS,
}
_SETTINGS = """-model -temperature -top_p -max_output_tokens -max_tool_calls -parallel_tool_calls
    -tool_choice -truncation -store -stream -stream_options -metadata -include -user -service_tier
    -background -safety_identifier -prompt_cache_key -prompt_cache_retention -top_logprobs -text
    -conversation -context_management"""
_REQUEST = {
    "": f"input instructions tools reasoning previous_response_id {_SETTINGS}",
    "reasoning": "effort -summary -generate_summary -mode -context",
} | {f"input{path}": names for path, names in _ITEMS.items()}
_RESPONSE = {
    "": f"""output status error incomplete_details tools instructions reasoning -id -object
        -created_at -completed_at -usage -billing -content_filters -frequency_penalty
        -presence_penalty -output_text -moderation -tool_usage -input_messages -output_messages
        -kv_transfer_params -request_id -previous_response_id {_SETTINGS}""",
    "reasoning": "effort -summary -generate_summary -mode -context",
    "incomplete_details": "reason",
    "[]": f"{_ITEM} -response -sequence_number",
    "[].content[]": _PARTS,
    "[].summary[]": "type text",
} | {f"output{path}": names for path, names in _ITEMS.items()}
READS = reads(_REQUEST, _RESPONSE)
READS[""] += f" {' '.join(_COLUMNS)}"
for _name in _COLUMNS:
    READS |= {f"{_name}{path}": names for path, names in _ITEMS.items()}


def matches(record: dict[str, Any]) -> bool:
    exchange = exchange_in(record)
    if exchange is None:
        return bool(_column(record))
    return exchange.api == "responses"


def _column(record: dict[str, Any]) -> str:
    """Return the column of a record that is no log in which items stand; "" for none."""
    for name in _COLUMNS:
        if are_items(record.get(name)):
            return name
    return ""


def convert(record: dict[str, Any]) -> Iterable[Row]:
    exchange = exchange_in(record)
    if exchange is None or (exchange.response is None and not exchange.request_at):
        known = known_names(READS[""])
        rest = {name: value for name, value in record.items() if name not in known}
        columns = {**_columns(record, ""), "id": record.get("id")}
        column = _column(record) or "input"
        messages = _messages(record, items(record.get(column)), column)
        return [make_row(messages, {**rest, **columns}, ())]
    exchange = exchange_of(record)
    request, response, at = exchange.request, exchange.response, exchange.response_at
    _check_status(response, at)
    prompt = request.get("input")
    if isinstance(prompt, str):
        prompt = [{"role": "user", "content": prompt}]
    if isinstance(response, dict):
        # what the log of the response repeats of the request
        request = {
            name: response[name] for name in ("tools", "instructions") if response.get(name)
        } | request
        answer, answer_at = items(response.get("output")), f"{at}.output" if at else "output"
    else:
        answer, answer_at = items(response), at
    messages = _messages(request, items(prompt), exchange.at("input"), answer, answer_at)
    columns = _columns(request, exchange.at(""))
    return rows_of(record, exchange, [messages], READS, **columns)


def _check_status(response: Any, at: str) -> None:
    status = field(response, "status")
    reason = field(field(response, "incomplete_details"), "reason")
    check_end(reason or status, f"{at}.status")


def _columns(request: dict[str, Any], at: str) -> dict[str, Any]:
    if request.get("previous_response_id"):
        reason = f"{at}previous_response_id: what was said before is not in the row"
        raise DataError(reason, "no_request", "log whole conversations as input")
    tools = []
    for number, tool in enumerate(listed(request.get("tools") or [])):
        kind = field(tool, "type")
        if isinstance(kind, str) and kind not in ("function", "custom"):
            raise hosted_tool(f"{at}tools[{number}]", kind)
        tools.append(as_function(tool))
    return {"tools": tools, "reasoning_effort": field(request.get("reasoning"), "effort")}


def _messages(
    request: dict[str, Any],
    prompt: list[Any],
    at: str,
    answer: list[Any] | None = None,
    answer_at: str = "",
) -> list[Message]:
    """Return the messages of a request's items, and of those that answer it."""
    turns = _Items()
    instructions = request.get("instructions")
    if isinstance(instructions, str) and instructions.strip():
        turns.say("system", instructions, "instructions")
    elif isinstance(instructions, list):
        prompt, at = [*instructions, *prompt], f"instructions and {at}"
    for number, item in enumerate(prompt):
        turns.add(item, f"{at}[{number}]")
    if answer is not None:
        if turns.has_answer:
            fix = "take the beginning of the answer out of the request"
            raise DataError(f"{at} ends with an answer", "ends_with_answer", fix)
        for number, item in enumerate(answer):
            turns.add(item, f"{answer_at}[{number}]")
        if not turns.has_answer:
            fix = "leave the row out"
            raise DataError(f"{answer_at}: no answer", "empty_answer", fix)
    turns.close()
    return turns.messages


class _Items(Turns):
    """Turns whose answers come as an item for each of their parts."""

    def __init__(self) -> None:
        super().__init__()
        self._answer = TurnParts()
        self._flag: Any = {}

    @property
    def has_answer(self) -> bool:
        return bool(self._answer)

    def add(self, item: Any, where: str) -> None:
        """Add one item. Raises DataError."""
        kind = field(item, "type") or ("message" if field(item, "role") else None)
        if not isinstance(item, dict) or not isinstance(kind, str):
            fix = "write {type, ...} or {role, content}"
            raise DataError(f"{where} is no item with a type", "bad_message", fix)
        if item.get("status") in ("incomplete", "failed"):
            check_end(item["status"], f"{where}.status")
        if kind == "message":
            self._add_message(item, where)
        elif kind == "reasoning":
            thought = _text(item.get("content"), where) or _joined(item.get("summary"), where)
            if thought:
                self._open(where)
                self._answer.think(thought, where)
        elif kind in _CALLS:
            self._answer.call(_call(item, where), item.get("call_id"))
        elif kind in _RESULTS:
            if self._answer:  # or it is one more result
                self.close(where)
            output = item.get("output")
            text = _text(output, where) if isinstance(output, list) else output
            text = text if isinstance(text, str) else as_text(text)
            self.result(text, item.get("call_id"), None, where)
        elif kind in _ELSEWHERE:
            reason = f"{where}: {kind} stands for what is not in the row"
            raise DataError(reason, "no_request", "log whole conversations as input")
        else:
            raise hosted_tool(where, kind)

    def _add_message(self, item: dict[str, Any], where: str) -> None:
        role = item.get("role")
        name = _ROLES.get(role) if isinstance(role, str) else None
        if name is None:
            fix = f"use {', '.join(_ROLES)}"
            raise DataError(f"{where}: unknown role {role!r:.50}", "bad_role", fix)
        flag = loss_flag(item, where, is_answer=name == "assistant")
        text = _text(item.get("content"), where)
        if name == "assistant":
            self._open(where)
            self._answer.say(text, where)
            self._flag = flag
            return
        self.close(where)
        self.say(name, text, where)

    def _open(self, where: str) -> None:
        """Begin another answer where the one before has said its calls."""
        if self._answer.calls:
            self.close(where)

    def close(self, where: str = "the end") -> None:
        """End the answer that is being read, and the results before."""
        if self._answer:
            self.answer(self._answer, where, self._flag)
        else:
            self.end(where)
        self._answer, self._flag = TurnParts(), {}


def _call(item: dict[str, Any], where: str) -> ToolCall:
    if item["type"] == "custom_tool_call":
        made = {"name": item.get("name"), "arguments": {"input": item.get("input")}}
        return call_from(made, where)
    return call_from({"name": item.get("name"), "arguments": item.get("arguments")}, where)


def _joined(summary: Any, where: str) -> str:
    texts = [_text([part], where) for part in items(summary)]
    return "\n\n".join(filter(None, texts))


def _text(content: Any, where: str) -> str:
    """Return the text of a content: text, null or parts."""
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for part in listed(content):
        kind = field(part, "type")
        text = field(part, "refusal") if kind == "refusal" else field(part, "text")
        if isinstance(kind, str) and kind in _MEDIA:
            reason = f"{where}: a part of the content is of type {kind}"
            raise DataError(reason, "unsupported_media", "convert rows of text only")
        if not isinstance(text, str) or kind not in (*_TEXTS, "refusal"):
            reason = f"{where}: a part of type {kind!r:.50} is no text"
            raise DataError(reason, "bad_content", f"use {', '.join(_TEXTS[:2])}")
        texts.append(text)
    return "".join(texts)
