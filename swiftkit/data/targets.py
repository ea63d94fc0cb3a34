"""The targets of a conversation: whole for SFT, a pair, a verdict, cut before an answer for GRPO.

An answer is a run of `assistant` and `tool_call` messages. A converter's row holds text alone; what
a target needs of it beside the messages it finds in these columns, and writes them as ms-swift
reads them:

    expected_calls      the gold of the last answer, which may be absent then
    rejected_response   JSON text: the messages of a worse answer after the last user turn
    label               "true" or "false": whether the last answer is a good one
    margin              a number: by how much the answer is better than the rejected one

An answer that is not a good one is no row of `sft` or `grpo`, which is no fault.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import msgspec

from swiftkit.data.check_row import call_from_message
from swiftkit.data.json_values import listed
from swiftkit.data.roles import ANSWERS
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.records import GOLD_COLUMNS, Message, Row
from swiftkit.scoring.expected_calls import expect_exactly, to_json
from swiftkit.toolcall import detect
from swiftkit.toolcall.added_breaks import has_added_breaks
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes
from swiftkit.toolcall.reasoning import join
from swiftkit.toolcall.unread import call_like

_CALL_NAMES = ("tool", "tool_name", "action", "api", "function", "function_name", "command")
_CALL_ARGUMENTS = frozenset(
    "args arguments parameters params input action_input tool_input kwargs".split()
)
_VERDICTS = ("true", "false")
_SHOWN = 60  # characters
_NOT_FOR_REWARDS = {"messages", "tools", "id", "source", "category", "chat_template_kwargs"}


def whole(row: Row) -> Iterator[Row]:
    """Yield the row with all messages, whatever they end with.

    The gold of an answer that is there is left out: training reads the messages only.
    """
    yield _without_gold(row) if _is_answered(row) else _without_answers(row)


def sft(row: Row) -> Iterator[Row]:
    """Yield the whole conversation, if its answer is there and is a good one."""
    if not _is_answered(row):
        fix = "add the answer, or name its column, as in --columns NAME=response; or use --to grpo"
        golds = [name for name in ("solution", "answer") if name in row]
        if golds and "reward_model" not in row:
            fix = f"use --to grpo, which compares with {' and '.join(golds)}; or train one of them"
            fix = f"{fix} as the answer: --columns {golds[0]}=response"
        raise DataError("the row ends without an answer", "no_answer", fix)
    if _is_good(row):
        yield _without_gold(row)


def grpo(row: Row) -> Iterator[Row]:
    """Yield the question before the last answer that calls a tool, or else before the last answer.

    A prompt without an answer stays as it is, if it has a column for the reward function: gold, or,
    where nothing in it is an answer, any.
    """
    if _is_prompt(row):
        yield _without_answers(row)
    elif _is_good(row):
        start, end = _answers(row)[-1]
        yield _cut(row, start, end)


def grpo_steps(row: Row) -> Iterator[Row]:
    """Yield a row for each answer that calls a tool, tied by `chain`; without a call as `grpo`."""
    chain = row["id"]
    if _is_prompt(row):
        yield _without_answers(row) | {"chain": chain}
        return
    answers = _answers(row) if _is_good(row) else []
    for step, (start, end) in enumerate(answers, 1):
        identity = f"{chain}#{step}" if len(answers) > 1 else chain
        yield _cut(row, start, end) | {"id": identity, "chain": chain}


def preference(row: Row) -> Iterator[Row]:
    """Yield the conversation with the better answer, and the worse one as a list of messages.

    A list always: a column must hold one type, only a list can hold a call that each model's own
    template writes, and ms-swift gives the tools to `rejected_response` but not to
    `rejected_messages`, whose prompt would lack them.
    """
    if "rejected_response" not in row:
        fix = "give chosen and rejected, or use --to sft"
        raise DataError("the row has no rejected answer", "no_rejected", fix)
    pair: Any = _without_gold(row)
    if "margin" in row:
        pair["margin"] = float(row["margin"])
    pair["rejected_response"] = msgspec.json.decode(row["rejected_response"])
    yield pair


def kto(row: Row) -> Iterator[Row]:
    """Yield the conversation with the verdict on its last answer; of a preference row, two of them.

    ms-swift's KTO refuses a call at the end, so there it is text, as Hermes and Qwen write calls:
    that is what their template makes of the call too, and of the reasoning before it. A model with
    another wire format needs the calls written in its own. ms-swift also pairs each row with the
    answer of its neighbour in the batch and deletes it where the two are equal; under --strict true
    it stops there, so KTO on short answers runs without.
    """
    has_rejected = "rejected_response" in row
    if row.get("label") not in _VERDICTS and not has_rejected:
        reason = "the row has neither a label nor a rejected answer"
        raise DataError(reason, "no_label", "add a label, true or false")
    messages = row["messages"]
    if not _is_answered(row):
        fix = "add the answer that the label is about"
        raise DataError("the row ends without an answer", "no_answer", fix)
    if not has_rejected:
        yield _judged(row, messages, row["label"] == "true", "")
        return
    question = messages[: after_last_user(messages)]
    rejected: list[Message] = msgspec.json.decode(row["rejected_response"])
    yield _judged(row, messages, True, "#chosen")
    yield _judged(row, [*question, *rejected], False, "#rejected")


TARGETS: dict[str, Callable[[Row], Iterator[Row]]] = {
    "sft": sft, "grpo": grpo, "grpo_steps": grpo_steps, "preference": preference, "kto": kto,
    "whole": whole,
}  # fmt: skip


def after_last_user(messages: list[Message]) -> int:
    """Return where the answers begin that ms-swift replaces by the rejected response."""
    end = len(messages)
    while end and messages[end - 1]["role"] != "user":
        end -= 1
    return end


def _without_answers(row: Row) -> Row:
    """Return a copy without the columns that only some targets write, each in its own form."""
    kept = row.copy()
    kept.pop("rejected_response", None)
    kept.pop("margin", None)
    # another one is a class, which ms-swift's classifiers are trained on
    if row.get("label") in _VERDICTS:
        kept.pop("label")
    return kept


def _without_gold(row: Row) -> Row:
    """Return the same without the gold, for training on messages alone."""
    kept = _without_answers(row)
    kept.pop("expected_calls", None)
    kept.pop("scoring", None)
    return kept


def _is_answered(row: Row) -> bool:
    return row["messages"][-1]["role"] in ANSWERS


def _is_good(row: Row) -> bool:
    return row.get("label") != "false"


def _is_prompt(row: Row) -> bool:
    """Return whether no answer is there or needed: a reward function has another column."""
    if "expected_calls" in row or _is_answered(row):
        return False
    has_answers = any(message["role"] in ANSWERS for message in row["messages"])
    columns = row.keys() & GOLD_COLUMNS if has_answers else row.keys() - _NOT_FOR_REWARDS
    return bool(columns)


def _judged(row: Row, messages: list[Message], label: bool, suffix: str) -> Row:
    judged: Any = _without_gold(row)
    judged["id"] = row["id"] + suffix
    judged["messages"] = _text_last(messages)
    judged["label"] = label
    return judged  # type: ignore[no-any-return]


def _text_last(messages: list[Message]) -> list[Message]:
    """Return the messages, with the last answer as one text if it calls a tool."""
    start, _ = _runs(messages)[-1]
    answer = messages[start:]
    calls = _calls(answer)
    parts = [part for part in answer if part["role"] == "assistant"]
    text = "".join(part["content"] for part in parts)
    last: Message = {"role": "assistant", "content": text}
    reasoning = parts[0].get("reasoning_content") if parts else None
    if calls:
        separator = "" if not text or has_added_breaks(messages) else "\n"
        last["content"] = f"{text}{separator}{hermes.render(calls)}"
    if reasoning and calls:
        last["content"] = join(reasoning, last["content"], "the last answer")
    elif reasoning:
        last["reasoning_content"] = reasoning
    for key, value in messages[-1].items():
        if key.startswith("loss"):
            last[key] = value  # type: ignore[literal-required]
    return [*messages[:start], last]


def _answers(row: Row) -> list[tuple[int, int]]:
    """Return (start, end) of the answers that matter: the ones with calls, or the last one."""
    messages = row["messages"]
    runs = _runs(messages)
    if "expected_calls" in row:
        return runs[-1:] if _is_answered(row) else [(len(messages), len(messages))]
    if not runs:
        reason = "the row has no answer, and nothing to compare one with"
        columns = ", ".join(("expected_calls", *GOLD_COLUMNS))
        fix = f"add the answer, or a column for the reward function, such as {columns}"
        raise DataError(reason, "no_answer", fix)
    calling = []
    for start, end in runs:
        if any(message["role"] == "tool_call" for message in messages[start:end]):
            calling.append((start, end))
    return calling or runs[-1:]


def _runs(messages: list[Message]) -> list[tuple[int, int]]:
    """Return (start, end) of all answers."""
    runs, start = [], 0
    for is_answer, run in groupby(messages, lambda message: message["role"] in ANSWERS):
        end = start + len(list(run))
        if is_answer:
            runs.append((start, end))
        start = end
    return runs


def _cut(row: Row, start: int, end: int) -> Row:
    """Return the row up to an answer, whose calls become the gold unless the row has one.

    Raises DataError (no_question) where nothing stands before the answer.
    """
    if not start:
        fix = "give a question, or use --to sft for text to pre-train on (swift pt)"
        raise DataError("nothing is asked before the answer", "no_question", fix)
    cut = _without_answers(row)
    cut["messages"] = row["messages"][:start]
    if "expected_calls" not in row:
        answer = row["messages"][start:end]
        _check_speaks(answer, has_tools="tools" in row)
        cut["expected_calls"] = to_json(expect_exactly(_calls(answer)))
    return cut


def _check_speaks(answer: list[Message], *, has_tools: bool) -> None:
    """Refuse a text that may be a call as well: without tools nobody can tell, and its gold would
    be "call nothing"."""
    for message in answer:
        if message["role"] != "assistant":
            continue
        text = message["content"]
        like = call_like(text, ())
        if not like and not has_tools and (detect.parse(text).calls or _is_named_call(text)):
            like = text[:_SHOWN]
        if like:
            reason = f"{like!r} looks like a call, in a row without tools"
            raise DataError(reason, "unread_call", "give the row its tools, or write tool_calls")


def _is_named_call(text: str) -> bool:
    """Tell whether a text is JSON that names a tool and its arguments, under whatever keys."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    calls = listed(decode_or_none(text))
    for call in calls:
        if not isinstance(call, dict) or _CALL_ARGUMENTS.isdisjoint(call):
            return False
        if not any(isinstance(call.get(name), str) for name in _CALL_NAMES):
            return False
    return bool(calls)


def _calls(messages: list[Message]) -> list[ToolCall]:
    calls = [message for message in messages if message["role"] == "tool_call"]
    return [call_from_message(call, "call") for call in calls]
