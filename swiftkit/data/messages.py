"""Build the messages of swift rows: texts, answers, calls, results and their flags."""

from collections.abc import Mapping
from typing import Any

import msgspec

from swiftkit.data.json_values import field, listed
from swiftkit.errors import DataError
from swiftkit.records import Message
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.reasoning import KEYS, reasoning_of

# a share of a loss, which a row cannot hold
_SHARES = ("loss_scale",)
_LOSS_FLAGS = (
    "loss", "weight", "train", "training", "loss_weight", "train_on_turn", "trainable", *_SHARES,
)  # fmt: skip
_NO_LOSS_FLAGS = ("masked", "ignore", "ignored", "no_loss")
# 1 means a loss to one framework and none to the next, or parts of a text have flags of their own
_UNCLEAR_FLAGS = ("mask", "loss_mask", "train_mask", "train_detail", "train_details")
FLAGS = " ".join((*_LOSS_FLAGS, *_NO_LOSS_FLAGS, *_UNCLEAR_FLAGS))  # for a converter's READS
_THOUGHTS = ("thought", "thoughts", "think", "analysis")
REASONING = " ".join((*KEYS, "reasoning_details", *_THOUGHTS))  # for a converter's READS
_FLAGS, _REASONING = frozenset(FLAGS.split()), frozenset(REASONING.split())
_MEDIA_PARTS = frozenset((
    "image", "image_url", "input_image", "video", "video_url", "audio", "audio_url", "input_audio",
))  # fmt: skip


class PlacedMessage(dict[str, Any]):
    """A message that knows where the source has it; else a message like any other."""

    __slots__ = ("place",)
    place: str


def placed(message: Mapping[str, Any], place: str) -> Message:
    """Return the message with its place in the source, such as "messages[3]", for messages about
    it."""
    made = PlacedMessage(message)
    made.place = place
    return made  # type: ignore[return-value]


def place_of(message: Any, number: int) -> str:
    """Return where the source has a message; `number` is its place in the list, if that is all that
    is known."""
    return message.place if isinstance(message, PlacedMessage) else f"messages[{number}]"


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
            raise unsupported_media(f"{where}: a part of the content is of type {kind}")
        is_bare = isinstance(content, list) and isinstance(part, dict) and part.keys() == {"text"}
        is_text = kind == "text" or is_bare
        has_other = has_other or not is_text or not isinstance(text, str)
        texts.append(text)
    if has_other:
        reason = f"{where}: content is neither text nor text parts"
        raise DataError(reason, "bad_content", "give the content as text")
    return "".join(texts)


def unsupported_media(reason: str) -> DataError:
    return DataError(reason, "unsupported_media", "convert rows of text only")


def loss_flag(message: Mapping[str, Any], where: str, *, is_answer: bool) -> Any:
    """Return ms-swift's flag {"loss": bool} for a message's `loss`, `weight`, `masked` or the like,
    or {}.

    `is_answer` says that a model wrote the message. Raises DataError (unsupported_loss_flag) for a
    share of a loss, flags that disagree or can mean both, and the loss of a message that no model
    wrote.
    """
    if _FLAGS.isdisjoint(message):
        return {}
    flags = {name: message[name] for name in FLAGS.split() if message.get(name) is not None}
    if not flags:
        return {}
    losses = set()  # what the flags say, each
    for name, flag in flags.items():
        is_clear = flag in (0, 1) and name not in _UNCLEAR_FLAGS and name not in _SHARES
        losses.add(bool(flag) != (name in _NO_LOSS_FLAGS) if is_clear else None)
    if len(losses) == 1 and None not in losses:
        has_loss = losses.pop()
        if is_answer:
            return {"loss": has_loss}
        if not has_loss or not flags.keys().isdisjoint(_NO_LOSS_FLAGS):
            return {}
        fix = "delete the flag: ms-swift trains on answers alone"
    else:
        fix = f"write one of {', '.join(_LOSS_FLAGS[:3])}, as 0 or 1"
    written = ", ".join(f"{name} {value!r}"[:60] for name, value in flags.items())
    raise DataError(f"{where}: {written}", "unsupported_loss_flag", fix)


def reasoning_beside(message: Mapping[str, Any], where: str) -> str | None:
    """Return the reasoning of a message, under whichever name data give it; None without one.

    Raises DataError: two_reasonings, and bad_reasoning for one that is no text.
    """
    if _REASONING.isdisjoint(message):
        return None
    thoughts = {}  # by key
    if reasoning := reasoning_of(message, where):
        thoughts["reasoning"] = reasoning
    for key in (*KEYS, *_THOUGHTS):
        value = message.get(key)
        if isinstance(value, str) and value and key not in KEYS:
            thoughts[key] = value
        elif value and not isinstance(value, str):
            raise DataError(f"{where}: {key} is no text", "bad_reasoning", "write it as text")
    if details := _details(message.get("reasoning_details"), where):
        thoughts["reasoning_details"] = details
    if len({thought.strip() for thought in thoughts.values()}) > 1:
        fix = f"keep one of {', '.join(thoughts)}"
        raise DataError(f"{where}: two different reasonings", "two_reasonings", fix)
    return next(iter(thoughts.values()), None)


def _details(value: Any, where: str) -> str:
    """Return the text of OpenRouter's [{"type": "reasoning.text", "text": ...}]; what is encrypted
    has none."""
    texts = []
    for item in listed(value) if value else ():
        kind = field(item, "type")
        text = field(item, "summary" if kind == "reasoning.summary" else "text")
        if isinstance(text, str):
            texts.append(text)
        elif kind != "reasoning.encrypted":
            reason = f"{where}: reasoning_details of an unknown form"
            raise DataError(reason, "bad_reasoning", "write the reasoning as text")
    return "\n\n".join(texts)


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
    if text_id := id_text(identity):
        message["tool_call_id"] = text_id
    return message


def result_message(text: str, identity: Any = None, name: Any = None) -> Message:
    """Return the message of a tool's result, with the id of its call and the tool's name, if the
    data has them."""
    message: Message = {"role": "tool_response", "content": text}
    if text_id := id_text(identity):
        message["tool_call_id"] = text_id
    if isinstance(name, str) and name:
        message["name"] = name
    return message


def id_text(identity: Any) -> str:
    return str(identity) if isinstance(identity, str | int) else ""
