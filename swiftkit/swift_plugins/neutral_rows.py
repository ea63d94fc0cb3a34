"""Rows and requests as OpenAI's messages, and what ms-swift's loader would drop of them.

Rows hold each thing in a place of its own (docs/data.md): reasoning under `reasoning_content`, ids
under `tool_call_id`, and no line break before a call. swift 4.6.0 keeps of a message its role,
content and loss alone; so these are patched:

    RowPreprocessor._check_messages     keeps the other keys of a message
    RowPreprocessor._normalize_tools    keeps null in the tools of a row that holds them as JSON
    MessagesPreprocessor.preprocess     keeps the reasoning beside the calls of OpenAI's messages
    Template.encode                     for swift's own templates: writes reasoning into the text,
                                        and a line break before calls, as Hermes has it
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from swift.dataset.preprocessor.core import MessagesPreprocessor, RowPreprocessor
from swift.infer_engine import InferRequest
from swift.template import Template
from swift.template.utils import get_token_backed_response_ids

from swiftkit import json_text
from swiftkit.data.folded import folded
from swiftkit.data.to_openai import calls_in_text
from swiftkit.errors import DataError
from swiftkit.serving.output import read_answer as read_text
from swiftkit.serving.output import reader_of
from swiftkit.toolcall import reasoning
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.tools import tool_names, tools_from

Message = dict[str, Any]
MESSAGES = ("messages", "rejected_response")  # endings of the columns that may hold messages
_KEPT = ("reasoning_content", "tool_call_id", "name")
ANSWERS = ("assistant", "tool_call")


@dataclass
class RowConversation:
    """The messages of a row or request in OpenAI's form.

    `flags` are swift's `loss` and `loss_scale` of each message; `sampled` the contents of answers
    that are token ids, by the indexes of their messages.
    """

    messages: list[Message] = field(default_factory=list)
    flags: list[Message] = field(default_factory=list)
    sampled: dict[int, Any] = field(default_factory=dict)

    @property
    def last_question(self) -> int:
        """The index of the last message of a user, -1 without any."""
        last = -1
        for index, message in enumerate(self.messages):
            if message["role"] == "user":
                last = index
        return last

    @property
    def with_loss(self) -> list[int]:
        """The indexes of the answers that have a loss, unless a strategy leaves them out."""
        indexes = []
        for index, message in enumerate(self.messages):
            if message["role"] == "assistant" and self.flags[index].get("loss") is not False:
                indexes.append(index)
        return indexes


def row_messages(messages: Sequence[Any]) -> list[Any]:
    """Return messages with OpenAI's calls as rows hold them: a message for each call.

    swift would take them apart too, without their ids and the reasoning beside them.
    """
    rows: list[Any] = []
    for message in messages:
        if not isinstance(message, dict):
            rows.append(message)
            continue
        calls = message.get("tool_calls") if message.get("role") == "assistant" else None
        answer = {key: value for key, value in message.items() if key != "tool_calls"}
        thought = reasoning.reasoning_of(message, "messages") if calls else None
        if not calls or thought or answer.get("content"):
            rows.append(answer | {"content": answer.get("content") or ""} if calls else answer)
        for call in calls or []:
            function = call.get("function", call)
            arguments = function.get("arguments") or {}
            if isinstance(arguments, str):
                fix = "the arguments are a JSON object"
                arguments = json_text.decode(arguments, "messages: arguments", "bad_call", fix)
            content = json_text.written({"name": function["name"], "arguments": arguments})
            row = {"role": "tool_call", "content": content, "tool_call_id": call.get("id")}
            rows.append(row | _flags([message]))
    return rows


def place_of(row: Any) -> str:
    """Return what a person finds a row by: its source or id, or the beginning of its question."""
    if not isinstance(row, dict):
        return "a row"
    for column in ("source", "id"):
        if isinstance(row.get(column), str):
            return str(row[column])
    for message in row.get("messages") or []:
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, str):
            return f"the row that asks {content[:60]!r}"
    return "a row"


def tools_of(tools: Any) -> list[Any]:
    """Return the tools of a row or request, nothing of them changed. Raises DataError."""
    return tools_from(tools) if tools else []


def conversation_of(
    messages: Sequence[Message], read_answer: Callable[[list[int]], Message], tools: Any
) -> RowConversation:
    """Return the messages that swift hands to a template as OpenAI has them.

    `read_answer` gives the message of an answer that is token ids. Raises DataError: mixed_loss
    for an answer of which only one part has a loss.
    """
    conversation = RowConversation()
    names = tool_names(tools or [])
    waiting: list[str] = []  # ids of calls whose results have not come yet
    answers = 0
    for is_answer, group in groupby(messages, _is_answer):
        for run in [list(group)] if is_answer else [[message] for message in group]:
            flags = _flags(run)
            content = run[0].get("content")
            ids = get_token_backed_response_ids(content) if is_answer else None
            if is_answer and len(run) > 1:
                _check_texts(run)
            if ids is not None:
                conversation.sampled[len(conversation.messages)] = content
                message = read_answer(ids)
            elif is_answer:
                message = _answer(run, names)
            else:
                message = _other(run[0], waiting)
            if is_answer:
                answers += 1
                waiting = _with_ids(message, answers)
            conversation.messages.append(message)
            conversation.flags.append(flags)
    return conversation


def read_answer(template: Any, ids: Sequence[int], tools: Any) -> Message:
    """Return the answer that a client would get for sampled ids, and send back."""
    text = template.tokenizer.decode(template.skip_stop_tokens(list(ids)))
    reader = reader_of(template._agent_template or "", bool(tools), tools or ())
    part = read_text(text, reader)
    message: Message = {"role": "assistant", "content": part.content}
    if part.reasoning:
        message["reasoning_content"] = part.reasoning
    calls = []
    for call in part.calls:
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError:
            return {"role": "assistant", "content": text}
        calls.append({"type": "function", "function": {"name": call.name, "arguments": arguments}})
    if calls:
        message["tool_calls"] = calls
    return message


def _check_texts(run: Sequence[Message]) -> None:
    """Raise DataError (mixed_answer) if a part of an answer is token ids: they are a whole one."""
    for part in run:
        if get_token_backed_response_ids(part.get("content")) is not None:
            fix = "add what is sampled to the ids of the answer that it continues"
            raise DataError("token ids beside another part of their answer", "mixed_answer", fix)


def _is_answer(message: Message) -> bool:
    return message["role"] in ANSWERS


def _flags(run: Sequence[Message]) -> Message:
    """Return the loss flags of the messages that make one answer."""
    losses = {bool(message["loss"]) for message in run if message.get("loss") is not None}
    is_partial = losses == {False} and any(message.get("loss") is None for message in run)
    if len(losses) > 1 or is_partial:
        fix = "give all parts of the answer the same flag"
        raise DataError("an answer of which only one part has a loss", "mixed_loss", fix)
    flags: Message = {"loss": losses.pop()} if losses else {}
    scales = [message["loss_scale"] for message in run if message.get("loss_scale") is not None]
    if any(scale != scales[0] for scale in scales):
        fix = "give all parts of the answer the same scale"
        raise DataError("an answer whose parts have other loss scales", "mixed_loss", fix)
    return flags | ({"loss_scale": scales[0]} if scales else {})


def _answer(run: Sequence[Message], names: frozenset[str]) -> Message:
    """Return one message for the parts of an answer: texts, then calls."""
    content, thought, calls = "", None, []
    for part in run:
        if part["role"] == "tool_call":
            fix = "write it as JSON text"
            call = call_from(json_text.decode(part["content"], "a call", "bad_call", fix), "a row")
            function = {"name": call.name, "arguments": call.arguments}
            calls.append({"id": part.get("tool_call_id"), "type": "function", "function": function})
            continue
        own, text = reasoning.split(part.get("content") or "", "an answer")
        thought = reasoning.reasoning_of(part, "an answer") or own or thought
        content += text
    if not calls and names:
        content, calls = calls_in_text(content, names)
    message: Message = {"role": "assistant", "content": content}
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    return message


def _other(message: Message, waiting: list[str]) -> Message:
    role = "tool" if message["role"] == "tool_response" else message["role"]
    if role not in ("system", "user", "tool"):  # a template would leave it out in silence
        fix = "write developer as system; others are user, assistant, tool"
        raise DataError(f"unknown role {role!r}", "unknown_role", fix)
    result: Message = {"role": role, "content": message.get("content") or ""}
    if role == "tool":
        made_up = waiting.pop(0) if waiting else ""
        if identity := message.get("tool_call_id") or made_up:
            result["tool_call_id"] = identity
    if message.get("name"):
        result["name"] = message["name"]
    return result


def _with_ids(message: Message, answer: int) -> list[str]:
    """Give the calls of a conversation's answer the ids that they lack, and return all of them."""
    ids = []
    for number, call in enumerate(message.get("tool_calls", []), 1):
        call["id"] = call.get("id") or f"call_{answer}_{number}"
        ids.append(call["id"])
    return ids


def columns_with(inputs: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    """Return a row or request with each column of messages changed; anything else as it is."""
    if isinstance(inputs, InferRequest):
        inputs = asdict(inputs)
    if not isinstance(inputs, dict):
        return inputs
    changed = dict(inputs)
    for key, value in inputs.items():
        if key.endswith(MESSAGES) and isinstance(value, list):
            changed[key] = change(value)
    return changed


def _check_messages(row: dict[str, Any]) -> None:
    kept = []
    for message in row.get("messages") or []:
        kept.append({key: message[key] for key in _KEPT if message.get(key) is not None})
    _swift_check(row)
    for message, more in zip(row.get("messages") or [], kept, strict=True):
        message.update(more)


def _normalize_tools(row: dict[str, Any]) -> None:
    texts = {}
    for key, value in row.items():
        if key.endswith("tools") and isinstance(value, str):
            texts[key] = value
    _swift_normalize(row)
    for key, text in texts.items():
        try:
            tools = json.loads(text)
        except ValueError:
            continue
        row[key] = tools if isinstance(tools, list) else [tools]


def _preprocess(loader: Any, row: dict[str, Any]) -> Any:
    if isinstance(row.get("messages"), list):
        row = row | {"messages": row_messages(row["messages"])}
    return _swift_preprocess(loader, row)


def _encode(template: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if not getattr(template, "reads_neutral_rows", False):
        inputs = columns_with(inputs, lambda messages: folded(row_messages(messages)))
    return _swift_encode(template, inputs, *args, **kwargs)


_swift_check = RowPreprocessor._check_messages
_swift_normalize = RowPreprocessor._normalize_tools
_swift_preprocess = MessagesPreprocessor.preprocess
_swift_encode = Template.encode
RowPreprocessor._check_messages = staticmethod(_check_messages)
RowPreprocessor._normalize_tools = staticmethod(_normalize_tools)
# its cache is named after the input alone: rows without these keys must not be taken for ours
RowPreprocessor.cache_format_version += "-swiftkit"
MessagesPreprocessor.preprocess = _preprocess
Template.encode = _encode
