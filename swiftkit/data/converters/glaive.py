r"""Glaive function calling v2: one text of USER, ASSISTANT and FUNCTION RESPONSE turns, with
<functioncall> in it.

Source: https://huggingface.co/datasets/glaiveai/glaive-function-calling-v2 (Apache-2.0). A real
row, shortened:

    {"system": "SYSTEM: You are a helpful assistant with access to the following functions. Use
                them if required -\n{\n    \"name\": \"get_news_headlines\",\n    ...\n}\n",
     "chat": "USER: News of the United States?\n\n\nASSISTANT: <functioncall> {\"name\":
              \"get_news_headlines\", \"arguments\": '{\"country\": \"United States\"}'}
              <|endoftext|>\n\n\nFUNCTION RESPONSE: {\"headlines\": [...]}\n\n\nASSISTANT: Here are
              the latest headlines. <|endoftext|>\n\n\n"}

The arguments stand in single quotes, which is no JSON: what is between the first and the last quote
must be JSON, where \' is read as an apostrophe (JSON itself has no such escape). Arguments may also
be an object. Any other call is refused, and so is a chat whose <|endoftext|> marks do not stand at
the end of each ASSISTANT turn, and only there: it was cut off, or its source's "AI:" was taken for
a turn. The sentence that announces the functions leaves the system text, because the chat template
writes its own.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.columns import has_chat
from swiftkit.data.dialects import glaive
from swiftkit.data.messages import call_message, text_of
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Message, Row

ORDER = 230
READS = {"": "chat"}

_SPEAKER = re.compile(r"(?:\A\s*|\n\n)(USER|ASSISTANT|FUNCTION RESPONSE): ")
_ROLES = {"USER": "user", "FUNCTION RESPONSE": "tool_response"}


def matches(record: dict[str, Any]) -> bool:
    chat = record.get("chat")
    return isinstance(chat, str) and "USER: " in chat and not has_chat(record)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    chat = record.get("chat")
    if not isinstance(chat, str):
        fix = "give the text of the turns in a column chat"
        raise DataError("the row has no chat", "no_messages", fix)
    system, tools = glaive.without_prompt(text_of(record.get("system"), "system"), "system")
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    before, *parts = _SPEAKER.split(chat)
    if before or not parts:
        reason = "the chat does not begin with a turn"
        raise DataError(reason, "no_messages", "begin it with 'USER: '")
    for speaker, text in zip(parts[::2], parts[1::2], strict=True):
        messages += _messages(speaker, text.strip())
    record = {**record, "tools": tools or record.get("tools")}
    return [make_row(messages, record, ("chat", "system"))]


def _messages(speaker: str, text: str) -> Iterator[Message]:
    is_answer = speaker == "ASSISTANT"
    content = text.removesuffix(glaive.END).rstrip() if is_answer else text
    if glaive.END in content or (is_answer and content == text):
        reason = f"chat: the turn {text[:60]!r} has {glaive.END} in the wrong place, or none"
        fix = f"end each ASSISTANT turn, and no other, with {glaive.END}"
        raise DataError(reason, "bad_end", fix)
    if not is_answer:
        yield {"role": _ROLES[speaker], "content": content}
        return
    before, calls = glaive.text_and_calls(content, "chat")
    if before or not calls:
        yield {"role": "assistant", "content": before}
    for call in calls:
        yield call_message(call)
