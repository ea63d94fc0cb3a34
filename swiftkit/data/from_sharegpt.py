"""Conversations of {from, value}: ShareGPT's form, in which each data set calls in its own way.

    {"conversations": [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Hello."}],
     "system": "Be brief."}

A text that prescribes a data set's own call format is no part of a row: the chat template says how
to call, and two prescriptions contradict each other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from swiftkit.data.columns import SYSTEM
from swiftkit.data.json_values import items
from swiftkit.data.messages import FLAGS, answer_message, call_message, loss_flag, placed, text_of
from swiftkit.data.roles import ANSWERS, role_named, unknown_role
from swiftkit.data.row_tools import read_tools
from swiftkit.errors import DataError
from swiftkit.records import Message
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.reasoning import OPEN, split

# what `turns_of` reads of a conversation, for a converter's READS
CONVERSATION_READS = {
    "": "conversations",
    "conversations[]": f"from value {FLAGS}",
    "conversations[].value[]": "type text",
}


class ShareGptTurn(NamedTuple):
    role: str  # swift's name of it
    value: Any  # as it stands
    where: str
    flags: Any  # {"loss": bool} or {}

    @property
    def text(self) -> str:
        return text_of(self.value, self.where)

    def says(self, text: str) -> Message:
        """Return the message of this turn, with this text."""
        return placed({"role": self.role, "content": text}, self.where)


_latest: list[Any] = [None, []]  # a record and its texts


def is_conversation(record: dict[str, Any]) -> bool:
    """Return whether the record is a conversation of this form, in whatever dialect."""
    items = _items(record.get("conversations"))
    if not items or record.get("messages") is not None:
        return False
    return all(
        isinstance(item, dict) and isinstance(item.get("from"), str) and "value" in item
        for item in items
    )


def has_mark(record: dict[str, Any], marks: Mapping[str, tuple[str, ...]]) -> bool:
    """Return whether a text holds a mark of its role (swift's name); `system` columns count too."""
    if _latest[0] is not record:
        _latest[:] = record, _texts(record)  # the next format asks for the same
    for role, text in _latest[1]:
        for mark in marks.get(role, ()):
            if mark in text:
                return True
    return False


def _texts(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the texts of a conversation with their roles; none of anything else."""
    if not is_conversation(record):
        return []
    texts: list[tuple[str, Any]] = [("system", record.get(name)) for name in SYSTEM]
    for item in _items(record["conversations"]):
        texts.append((role_named(item["from"]) or "", item["value"]))
    return [(role, text) for role, text in texts if isinstance(text, str)]


def turns_of(record: dict[str, Any]) -> list[ShareGptTurn]:
    """Return the turns, the columns `system` and `system_prompt` first. Raises DataError."""
    items = _items(record.get("conversations"))
    if not items:
        fix = "give a list of {from, value}"
        raise DataError("the row has no conversations", "no_messages", fix)
    turns = []
    for index, item in enumerate(items):
        where = f"conversations[{index}]"
        if not isinstance(item, dict) or "value" not in item:
            reason = f"{where} is not an object of from and value"
            raise DataError(reason, "bad_message", "write {from, value}")
        role = role_named(item.get("from"))
        if role is None:
            raise unknown_role(item.get("from"), where)
        flags = loss_flag(item, where, is_answer=role in ANSWERS)
        turns.append(ShareGptTurn(role, item["value"], where, flags))
    first = turns[0].value if turns[0].role == "system" else ""
    columns = []
    for name in SYSTEM:
        text = text_of(record.get(name), name)
        if text.strip() and text != first:
            columns.append(ShareGptTurn("system", text, name, {}))
    return columns + turns


def answer(
    text: str, calls: Iterable[ToolCall], turn: ShareGptTurn, reasoning: str | None = None
) -> Iterator[Message]:
    """Yield the messages of an assistant's turn: its text, also with <think>, then its calls."""
    messages = [call_message(call) for call in calls]
    content = text.strip()
    if messages and content.startswith(OPEN):
        reasoning, rest = split(content, turn.where)
        content = rest.strip()
    if content or reasoning or not messages:
        messages.insert(0, answer_message(content, reasoning))
    for message in messages:
        message |= turn.flags
        yield placed(message, turn.where)


def system_parts(
    turns: Iterable[ShareGptTurn], without_prompt: Callable[[str, str], tuple[str, list[Any]]]
) -> tuple[dict[str, str], list[Any]]:
    """Return what is left of each system text, by the turn's place, and the tools of all."""
    texts: dict[str, str] = {}
    tools: list[Any] = []
    for turn in turns:
        if turn.role == "system":
            texts[turn.where], listed = without_prompt(turn.text, turn.where)
            tools += listed
    return texts, tools


def with_tools(record: dict[str, Any], tools: list[Any]) -> dict[str, Any]:
    """Return the record with these tools. Raises DataError (two_tool_lists) if it has others."""
    column = read_tools(record.get("tools"))
    if column.tools and tools and read_tools(tools).text != column.text:
        reason = "the column tools and the system text define different tools"
        fix = "keep one: the list in the system text, or the column"
        raise DataError(reason, "two_tool_lists", fix)
    return {**record, "tools": tools or record.get("tools")}


def _items(value: Any) -> list[Any]:
    """Return the list of turns; Arrow's table of two columns is turned around."""
    if isinstance(value, dict):
        roles, texts = value.get("from"), value.get("value")
        if isinstance(roles, list) and isinstance(texts, list) and len(roles) == len(texts):
            return [{"from": role, "value": text} for role, text in zip(roles, texts, strict=True)]
    return items(value)
