"""Build swift rows: what every converter needs and none should write again.

ms-swift itself deletes what it cannot encode, joins two user turns without a separator, and never
looks whether a called tool exists. check_row.py looks whether a finished row is right.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from swiftkit.data.columns import (
    INSTRUCTIONS,
    JUDGED,
    MEDIA,
    OWN_COLUMNS,
    SWIFT_COLUMNS,
    SYSTEM,
    has_chat,
)
from swiftkit.data.dialects.system_text import without_call_format
from swiftkit.data.messages import id_text, place_of, placed, text_of, unsupported_media
from swiftkit.data.row_tools import RowTools, are_tools_column, is_tools_column, read_tools
from swiftkit.data.text_calls import with_calls_read
from swiftkit.data.tools_in_text import check_no_tools_in_text
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.reasoning import OPEN, split

_TEXT_ROLES = ("system", "user", "assistant")


def check_media(record: Mapping[str, Any]) -> None:
    """Raise DataError (unsupported_media) for a row with images or the like."""
    for name in MEDIA:
        if record.get(name):
            raise unsupported_media(f"the row has {name}")


def make_row(
    messages: Iterable[Message],
    record: Mapping[str, Any],
    used: Iterable[str],
    *,
    keeps_broken_calls: bool = False,
) -> Row:
    """Return a row of these messages, with the record's tools, id, system, settings and texts.

    Calls in the texts of answers become calls, and a format of calls that a system text prescribes
    is taken out of it, its tools with it. `used` names the record's columns that the converter has
    put into the messages. Raises DataError for what a row of text, or the converter, would lose:
    unsupported_media, other_format, two_tool_lists, and what text_calls.py and dialects/ raise;
    with keeps_broken_calls a broken call stays text, as a bad answer may have one.
    """
    check_media(record)
    used = (*used, "reasoning_effort")
    _check_not_judged(record, used)
    apart = []
    for number, message in enumerate(messages):
        place = place_of(message, number)
        apart.append(placed(reasoning_apart(message, place), place))
    apart, prescribed = _without_call_formats(_with_system(apart, record, used))
    tools = _tools(record, prescribed)
    read = with_calls_read(apart, tools.tools, lenient=keeps_broken_calls)
    _check_prompts(apart, read, has_tools=bool(tools.tools))
    row: Any = {"messages": _joined(read)}
    settings, effort = record.get("chat_template_kwargs"), record.get("reasoning_effort")
    settings = settings if isinstance(settings, dict) else {}
    if isinstance(effort, str):
        settings = {"reasoning_effort": effort, **settings}
    if settings:
        row["chat_template_kwargs"] = settings
    if tools.tools:
        row["tools"] = tools.text
    identity = identity_of(record)
    if identity:
        row["id"] = identity
    skipped = SWIFT_COLUMNS.union(OWN_COLUMNS, used, row, tools.columns)
    if has_chat(record):
        skipped = skipped.union(INSTRUCTIONS)  # a system text, then
    for name, value in record.items():
        if isinstance(value, str) and name not in skipped:
            row[name] = value
    return row  # type: ignore[no-any-return]


def _check_not_judged(record: Mapping[str, Any], used: Iterable[str]) -> None:
    lost = [name for name in JUDGED if record.get(name) is not None and name not in used]
    if isinstance(record.get("label"), bool) and "label" not in used:
        lost.append("label")
    if lost:
        reason = f"the row has another answer or a verdict: {', '.join(lost)}"
        fix = "give all columns of a pair, or a verdict; if --from is given, leave it out"
        raise DataError(reason, "other_format", fix)


def _without_call_formats(messages: list[Message]) -> tuple[list[Message], list[Any]]:
    """Return the messages without the formats of calls in system texts, and the tools in these."""
    kept: list[Message] = []
    tools: list[Any] = []
    for number, message in enumerate(messages):
        if message["role"] != "system":
            kept.append(message)
            continue
        place = place_of(message, number)
        text, found = without_call_format(message["content"], place)
        tools += found
        if text.strip() or not message["content"].strip():
            kept.append(placed({**message, "content": text}, place))
    return kept, tools


def _check_prompts(messages: list[Message], read: list[Message], *, has_tools: bool) -> None:
    """Refuse tools that no column has, and a question that prescribes the format of calls that the
    row no longer has. read: the messages with the calls taken out of their texts."""
    if not has_tools:
        check_no_tools_in_text(read)
    calls_before = sum(message["role"] == "tool_call" for message in messages)
    has_read_calls = sum(message["role"] == "tool_call" for message in read) > calls_before
    for number, message in enumerate(read):
        if message["role"] != "user" or not has_read_calls:
            continue
        place = place_of(message, number)
        try:
            rest, _ = without_call_format(message["content"], place)
        except DataError:
            rest = ""
        if rest != message["content"]:
            fix = "take the tools and the sentences about calls out: the chat template has its own"
            reason = f"{place}: a question that prescribes a format of calls"
            raise DataError(reason, "format_in_prompt", fix)


def _tools(record: Mapping[str, Any], prescribed: list[Any]) -> RowTools:
    """Return the tools of a record, from its columns and its system text. Raises DataError:
    bad_tools, two_tool_lists."""
    chosen = read_tools(record.get("tools"))
    columns = []
    for name, value in record.items():
        if name != "tools" and is_tools_column(name) and are_tools_column(value):
            columns.append(name)
            chosen = _one_of(chosen, read_tools(value), f"the columns tools and {name}")
    if prescribed:
        found = read_tools(prescribed)
        chosen = _one_of(chosen, found, "a column of tools and the system text")
    return chosen._replace(columns=tuple(columns))


def _one_of(first: RowTools, second: RowTools, where: str) -> RowTools:
    if first.tools and second.tools and first.text != second.text:
        reason = f"{where} define different tools"
        raise DataError(reason, "two_tool_lists", "keep one of them")
    return first if first.tools else second


def identity_of(record: Mapping[str, Any]) -> str:
    """Return the record's own id as text, or ""."""
    return id_text(record.get("id"))


def _with_system(
    messages: list[Message], record: Mapping[str, Any], used: Iterable[str]
) -> list[Message]:
    """Return the messages after the texts of `system` and `system_prompt` that are not in front."""
    first = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    added: list[Message] = []
    for name in (*SYSTEM, *INSTRUCTIONS):
        if name in INSTRUCTIONS and not has_chat(record):
            continue  # then it may be anybody's
        text = text_of(record[name], name) if record.get(name) and name not in used else ""
        message = placed({"role": "system", "content": text}, name)
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
            joined[-1] = placed(_one_message(last, message), place_of(last, len(joined) - 1))
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
