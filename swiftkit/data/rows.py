"""Build swift rows and check them: what every converter needs and none should write again.

A checked row is one that ms-swift encodes as it is meant: ms-swift itself deletes what it cannot
encode, joins two user turns without a separator, and never looks whether a called tool exists.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.reasoning import OPEN, join, split
from swiftkit.toolcall.tools import tool_names, tools_from

ROLES = ("system", "user", "assistant", "tool_call", "tool_response")
ANSWERS = ("assistant", "tool_call")
MEDIA = ("images", "image", "videos", "video", "audios", "audio", "objects")
SYSTEM = ("system", "system_prompt")
# Columns that ms-swift reads itself: a raw file's column of that name must not reach it by
# accident.
SWIFT_COLUMNS = frozenset((
    *MEDIA, *SYSTEM, "messages", "tools", "label", "margin", "conversation", "conversations", "chat_template_kwargs",
    "rejected_response", "rejected_messages", "positive_messages", "negative_messages",
))  # fmt: skip
# columns that hold another answer, or a verdict on the one: a plain conversation would lose them
JUDGED = (
    "chosen", "rejected", "rejected_response", "rejected_messages", "preferred_output", "non_preferred_output",
    "positive_messages", "negative_messages", "kto_tag",
)  # fmt: skip
OWN_COLUMNS = ("source", "chain")  # swiftkit writes them itself
# The last one is a share, which a row cannot hold.
_LOSS_FLAGS = ("loss", "weight", "train", "training", "loss_weight", "loss_scale")
# which roles may stand before a role; None is the beginning
FOLLOWS: dict[Any, set[str | None]] = {
    "system": {None},
    # ms-swift stops at a question right after a tool's result
    "user": {None, "system", "user", *ANSWERS},
    "assistant": {"user", "assistant", "tool_response"},
    "tool_call": {"user", *ANSWERS, "tool_response"},
    "tool_response": {"tool_call", "tool_response"},
}

_MEDIA_PARTS = (
    "image",
    "image_url",
    "input_image",
    "video",
    "video_url",
    "audio",
    "audio_url",
    "input_audio",
)
# the tools that make_row wrote last: check_row need not read them again
_names_in: dict[str, frozenset[str]] = {}


def text_of(content: Any, where: str) -> str:
    """A message's text: a string, null, or OpenAI's list of text parts."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    parts = content if isinstance(content, list) else [content]
    texts = [
        part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        for part in parts
    ]
    if not all(isinstance(text, str) for text in texts):
        for part in parts:
            if isinstance(part, dict) and part.get("type") in _MEDIA_PARTS:
                raise _no_text(f"{where}: a part of the content is of type {part['type']}")
        raise DataError(
            f"{where}: content is neither text nor text parts",
            "bad_content",
            "give the content as text",
        )
    return "".join(str(text) for text in texts)


def loss_flag(message: Mapping[str, Any], where: str) -> Any:
    """{"loss": bool} from a message's `loss`, `weight`, `train` or the like, {} without any:
    ms-swift's own flag.

    Raises DataError (unsupported_loss_flag) where it would not do what is asked for: a share of a
    loss, flags that disagree, and the loss of a message that no model wrote.
    """
    given = {name: message[name] for name in _LOSS_FLAGS if message.get(name) is not None}
    if not given:
        return {}
    shown = f"{where}: {', '.join(f'{name} {value!r}'[:60] for name, value in given.items())}"
    flags = [value for name, value in given.items() if name != "loss_scale"]
    if (
        not flags
        or len(flags) < len(given)
        or any(flag != flags[0] or flag not in (0, 1) for flag in flags)
    ):
        fix = f"write one of {', '.join(_LOSS_FLAGS[:3])}, as 0 or 1"
        raise DataError(shown, "unsupported_loss_flag", fix)
    if message.get("role") == "assistant":
        return {"loss": bool(flags[0])}
    if flags[0]:
        fix = "delete the flag: ms-swift trains on answers alone"
        raise DataError(shown, "unsupported_loss_flag", fix)
    return {}


def call_message(call: ToolCall) -> Message:
    try:
        return {"role": "tool_call", "content": msgspec.json.encode(call).decode()}
    except UnicodeEncodeError as error:  # a call that was read from text may hold it as an escape
        raise DataError("a call holds a lone surrogate", "broken_call", "mend its text") from error


def is_judged(record: Mapping[str, Any]) -> bool:
    """Whether it is a row of preference.py's or kto.py's: it has another answer, or a verdict on
    the one."""
    return isinstance(record.get("label"), bool) or any(
        record.get(name) is not None for name in JUDGED
    )


def check_media(record: Mapping[str, Any]) -> None:
    """Raise DataError (unsupported_media) for a row with images or the like."""
    for name in MEDIA:
        if record.get(name):
            raise _no_text(f"the row has {name}")


def _no_text(what: str) -> DataError:
    return DataError(what, "unsupported_media", "convert rows of text only")


def make_row(messages: Iterable[Message], record: Mapping[str, Any], used: Iterable[str]) -> Row:
    """A row of these messages with the record's tools, id and system text, its settings of the chat
    template, and its other columns of plain text.

    `used` names the record's columns that the converter has put into the messages. Raises DataError
    for what a row of text, or the converter, would lose: unsupported_media, other_format.
    """
    check_media(record)
    used = (*used, "reasoning_effort")
    lost = [name for name in JUDGED if record.get(name) is not None and name not in used]
    if lost or (isinstance(record.get("label"), bool) and "label" not in used):
        fix = "leave --from out, or force preference or kto"
        raise DataError(
            f"the row has another answer or a verdict: {', '.join(lost) or 'label'}",
            "other_format",
            fix,
        )
    row: Any = {"messages": _joined(_with_system(list(messages), record, used))}
    if settings := _template_settings(record):
        row["chat_template_kwargs"] = settings
    if tools := tools_from(record.get("tools")):
        row["tools"] = msgspec.json.encode(tools).decode()
        _names_in.clear()
        _names_in[row["tools"]] = tool_names(tools)
    if identity := identity_of(record):
        row["id"] = identity
    skipped = SWIFT_COLUMNS.union(OWN_COLUMNS, used, row)
    row |= {
        name: value
        for name, value in record.items()
        if isinstance(value, str) and name not in skipped
    }
    return row  # type: ignore[no-any-return]


def identity_of(record: Mapping[str, Any]) -> str:
    """The record's own id as text, or ""."""
    identity = record.get("id")
    return str(identity) if isinstance(identity, str | int) else ""


def _with_system(
    messages: list[Message], record: Mapping[str, Any], used: Iterable[str]
) -> list[Message]:
    """The messages, and in front of them the texts of the columns `system` and `system_prompt`,
    unless they stand there already."""
    first = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    texts = [
        text_of(record[name], name) for name in SYSTEM if record.get(name) and name not in used
    ]
    missing = dict.fromkeys(text for text in texts if text.strip() and text != first)
    return [*({"role": "system", "content": text} for text in missing), *messages]  # type: ignore[list-item]


def _template_settings(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the chat template is to be told for this row."""
    given, effort = record.get("chat_template_kwargs"), record.get("reasoning_effort")
    settings = {"reasoning_effort": effort} if isinstance(effort, str) else {}
    return settings | (given if isinstance(given, dict) else {})


def _joined(messages: Iterable[Message]) -> list[Message]:
    """One message for neighbours of one role, and a line break between an answer's text and its
    calls, as the model families' own chat templates write it. Where one part of an answer has a
    loss and the other none, the two parts of a text stay apart, and ms-swift joins them; of two
    calls it would take the first one's flag for both."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        differ = last is not None and last.get("loss") != message.get("loss")
        if last and last["role"] == message["role"] in ("system", "user", "assistant"):
            together = _one_answer if message["role"] == "assistant" else _one_text
            content = together(last["content"], message["content"], apart=differ)
            # a new one: two conversations may share their question
            joined[-1] = {**last, "content": content}
            if not differ:
                continue
        if differ and last and last["role"] == message["role"] == "tool_call":
            fix = "give the calls of one answer the same flag"
            raise DataError(
                "neighbouring calls of which only one has a loss", "unsupported_loss_flag", fix
            )
        if (
            last
            and last["role"] == "assistant"
            and message["role"] == "tool_call"
            and _parts(last["content"])[1]
        ):
            joined[-1] = {**last, "content": f"{last['content']}\n"}
        joined.append(message)
    return joined


def _one_text(first: str, second: str, *, apart: bool) -> str:
    """The text of two neighbours; where they stay apart, the first one's."""
    return f"{first}\n\n" if apart else f"{first}\n\n{second}"


def _one_answer(first: str, second: str, *, apart: bool) -> str:
    """The same for two parts of an answer, which has one reasoning, in front."""
    if not first.startswith(OPEN) and not second.startswith(OPEN):
        return _one_text(first, second, apart=apart)
    (before, answer), (after, rest) = _parts(first), _parts(second)
    if after and (apart or answer.strip()):
        raise DataError(
            "a reasoning in the middle of an answer",
            "bad_reasoning",
            "put it before the whole answer",
        )
    if apart or answer.strip():
        return _one_text(first, rest, apart=apart)
    thoughts = "\n\n".join(thought for thought in (before, after) if thought)
    return join(thoughts, rest, "an answer") if thoughts else second


def _parts(answer: str) -> tuple[str | None, str]:
    return split(answer, "an answer")
