"""Build swift rows: what every converter needs and none should write again.

ms-swift itself deletes what it cannot encode, joins two user turns without a separator, and never
looks whether a called tool exists. check_row.py looks whether a finished row is right.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from swiftkit.data.json_values import field, listed
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.reasoning import OPEN, split
from swiftkit.toolcall.tools import tools_from

ROLES = ("system", "user", "assistant", "tool_call", "tool_response")
ANSWERS = ("assistant", "tool_call")
CALL_ROLES = ("tool_call", "tool_response")  # which only ms-swift's own rows have
_TEXT_ROLES = ("system", "user", "assistant")
MEDIA = ("images", "image", "videos", "video", "audios", "audio", "objects")
SYSTEM = ("system", "system_prompt")
# ms-swift reads them itself: a raw file's column of that name must not reach it by accident
SWIFT_COLUMNS = frozenset((
    *MEDIA, *SYSTEM, "messages", "tools", "label", "margin", "conversation", "conversations",
    "chat_template_kwargs", "rejected_response", "rejected_messages", "positive_messages",
    "negative_messages",
))  # fmt: skip
# columns that hold another answer, or a verdict on the one: a plain conversation would lose them
JUDGED = (
    "chosen", "rejected", "rejected_response", "rejected_messages", "preferred_output",
    "non_preferred_output", "positive_messages", "negative_messages", "kto_tag",
)  # fmt: skip
OWN_COLUMNS = ("source", "chain")  # swiftkit writes them itself
# which roles may stand before a role; None is the beginning
FOLLOWS: dict[Any, set[str | None]] = {
    "system": {None},
    # ms-swift stops at a question right after a tool's result
    "user": {None, "system", "user", *ANSWERS},
    "assistant": {"user", "assistant", "tool_response"},
    "tool_call": {"user", *ANSWERS, "tool_response"},
    "tool_response": {"tool_call", "tool_response"},
}
# The last one is a share, which a row cannot hold.
_LOSS_FLAGS = ("loss", "weight", "train", "training", "loss_weight", "loss_scale")
_MEDIA_PARTS = frozenset((
    "image", "image_url", "input_image", "video", "video_url", "audio", "audio_url", "input_audio",
))  # fmt: skip


def text_of(content: Any, where: str) -> str:
    """Return the text of a content: a string, null or OpenAI's text parts. Raises DataError."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    texts = []
    has_other = False
    for part in listed(content):
        kind, text = field(part, "type"), field(part, "text")
        if isinstance(kind, str) and kind in _MEDIA_PARTS:
            raise _unsupported_media(f"{where}: a part of the content is of type {kind}")
        has_other = has_other or kind != "text" or not isinstance(text, str)
        texts.append(text)
    if has_other:
        reason = f"{where}: content is neither text nor text parts"
        raise DataError(reason, "bad_content", "give the content as text")
    return "".join(texts)


def _unsupported_media(reason: str) -> DataError:
    return DataError(reason, "unsupported_media", "convert rows of text only")


def loss_flag(message: Mapping[str, Any], where: str, *, is_answer: bool) -> Any:
    """Return ms-swift's flag {"loss": bool} for a message's `loss`, `weight` or `train`, or {}.

    `is_answer` says that a model wrote the message. Raises DataError (unsupported_loss_flag) for a
    share of a loss, flags that disagree, and the loss of a message that no model wrote.
    """
    flags = {name: message[name] for name in _LOSS_FLAGS if message.get(name) is not None}
    if not flags:
        return {}
    first, *others = flags.values()
    is_clear = first in (0, 1) and all(flag == first for flag in others)
    has_loss = bool(first)
    if is_clear and "loss_scale" not in flags:
        if is_answer:
            return {"loss": has_loss}
        if not has_loss:
            return {}
        fix = "delete the flag: ms-swift trains on answers alone"
    else:
        fix = f"write one of {', '.join(_LOSS_FLAGS[:3])}, as 0 or 1"
    written = ", ".join(f"{name} {value!r}"[:60] for name, value in flags.items())
    raise DataError(f"{where}: {written}", "unsupported_loss_flag", fix)


def answer_message(text: str, reasoning: str | None = None) -> Message:
    message: Message = {"role": "assistant", "content": text}
    if reasoning:
        message["reasoning_content"] = reasoning
    return message


def call_message(call: ToolCall, identity: Any = None) -> Message:
    """Return the message of a call; `identity` is the id that the data gives it, if any."""
    try:
        content = msgspec.json.encode(call).decode()
    except UnicodeEncodeError as error:  # a call that was read from text may hold it as an escape
        raise DataError("a call holds a lone surrogate", "broken_call", "mend its text") from error
    message: Message = {"role": "tool_call", "content": content}
    if id_text := _id_text(identity):
        message["tool_call_id"] = id_text
    return message


def result_message(text: str, identity: Any = None, name: Any = None) -> Message:
    """Return the message of a tool's result, with the id of its call and the tool's name, if the
    data has them."""
    message: Message = {"role": "tool_response", "content": text}
    if id_text := _id_text(identity):
        message["tool_call_id"] = id_text
    if isinstance(name, str) and name:
        message["name"] = name
    return message


def _id_text(identity: Any) -> str:
    return str(identity) if isinstance(identity, str | int) else ""


def is_judged(record: Mapping[str, Any]) -> bool:
    """Return whether a record has another answer, or a verdict on the one."""
    has_verdict = isinstance(record.get("label"), bool)
    return has_verdict or any(record.get(name) is not None for name in JUDGED)


def has_chat(record: Mapping[str, Any]) -> bool:
    """Return whether a record has a column for a list of messages."""
    return "messages" in record or "conversations" in record


def has_call_roles(messages: Iterable[Any]) -> bool:
    """Return whether some of the messages have the roles of ms-swift's own calls and results."""
    return any(field(message, "role") in CALL_ROLES for message in messages)


def check_media(record: Mapping[str, Any]) -> None:
    """Raise DataError (unsupported_media) for a row with images or the like."""
    for name in MEDIA:
        if record.get(name):
            raise _unsupported_media(f"the row has {name}")


def make_row(messages: Iterable[Message], record: Mapping[str, Any], used: Iterable[str]) -> Row:
    """Return a row of these messages, with the record's tools, id, system, settings and texts.

    `used` names the record's columns that the converter has put into the messages. Raises DataError
    for what a row of text, or the converter, would lose: unsupported_media, other_format.
    """
    check_media(record)
    used = (*used, "reasoning_effort")
    lost = [name for name in JUDGED if record.get(name) is not None and name not in used]
    if isinstance(record.get("label"), bool) and "label" not in used:
        lost.append("label")
    if lost:
        reason = f"the row has another answer or a verdict: {', '.join(lost)}"
        fix = "give all columns of a pair, or a verdict; if --from is given, leave it out"
        raise DataError(reason, "other_format", fix)
    apart = [reasoning_apart(message, f"messages[{n}]") for n, message in enumerate(messages)]
    row: Any = {"messages": _joined(_with_system(apart, record, used))}
    settings, effort = record.get("chat_template_kwargs"), record.get("reasoning_effort")
    settings = settings if isinstance(settings, dict) else {}
    if isinstance(effort, str):
        settings = {"reasoning_effort": effort, **settings}
    if settings:
        row["chat_template_kwargs"] = settings
    tools = tools_from(record.get("tools"))
    if tools:
        row["tools"] = msgspec.json.encode(tools).decode()
    identity = identity_of(record)
    if identity:
        row["id"] = identity
    skipped = SWIFT_COLUMNS.union(OWN_COLUMNS, used, row)
    for name, value in record.items():
        if isinstance(value, str) and name not in skipped:
            row[name] = value
    return row  # type: ignore[no-any-return]


def identity_of(record: Mapping[str, Any]) -> str:
    """Return the record's own id as text, or ""."""
    return _id_text(record.get("id"))


def _with_system(
    messages: list[Message], record: Mapping[str, Any], used: Iterable[str]
) -> list[Message]:
    """Return the messages after the texts of `system` and `system_prompt` that are not in front."""
    first = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    added: list[Message] = []
    for name in SYSTEM:
        text = text_of(record[name], name) if record.get(name) and name not in used else ""
        message = Message(role="system", content=text)
        if text.strip() and text != first and message not in added:
            added.append(message)
    return added + messages


def reasoning_apart(message: Message, where: str) -> Message:
    """Return an answer with the reasoning that its text begins with in a key of its own.

    An empty block of reasoning is left out: where one belongs, the chat template writes it. Raises
    DataError: open_reasoning, and two_reasonings where the message has another one already.
    """
    content = message["content"]
    if message["role"] != "assistant" or not content.startswith(OPEN):
        return message
    reasoning, text = split(content, where)
    beside = message.get("reasoning_content")
    if beside and reasoning and beside.strip() != reasoning.strip():
        fix = "keep the one in the text, or the one beside it"
        raise DataError(f"{where}: two different reasonings", "two_reasonings", fix)
    apart: Message = {**message, "content": text}
    if reasoning and not beside:
        apart["reasoning_content"] = reasoning
    return apart


def _joined(messages: Iterable[Message]) -> list[Message]:
    """Return one message for neighbours of one role.

    Where one part of an answer has a loss and the other none, the two parts of a text stay apart;
    of two calls ms-swift would take the first one's flag for both.
    """
    joined: list[Message] = []
    for message in messages:
        last, role = joined[-1] if joined else None, message["role"]
        if last is None or last["role"] != role:
            joined.append(message)
            continue
        differ = last.get("loss") != message.get("loss")
        if role == "tool_call" and differ:
            reason = "neighbouring calls of which only one has a loss"
            fix = "give the calls of one answer the same flag"
            raise DataError(reason, "unsupported_loss_flag", fix)
        if role not in _TEXT_ROLES:
            joined.append(message)
        elif differ:
            _check_reasoning_first(message)
            joined.append(message)
        else:
            # a new one: two conversations may share their question
            joined[-1] = _one_message(last, message)
    return joined


def _one_message(first: Message, second: Message) -> Message:
    """Return two neighbours as one message, whose reasoning stands in front of all its text."""
    if first["content"].strip() or "reasoning_content" not in first | second:
        _check_reasoning_first(second)
        return {**first, "content": f"{first['content']}\n\n{second['content']}"}
    thoughts = []
    for part in (first, second):
        if thought := part.get("reasoning_content"):
            thoughts.append(thought)
    return {**first, "content": second["content"], "reasoning_content": "\n\n".join(thoughts)}


def _check_reasoning_first(second: Message) -> None:
    """Refuse a reasoning that would stand behind an answer's beginning."""
    if second.get("reasoning_content"):
        reason = "a reasoning in the middle of an answer"
        raise DataError(reason, "bad_reasoning", "put it before the whole answer")
