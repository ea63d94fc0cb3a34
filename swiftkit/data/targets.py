"""What a converted conversation becomes: whole for SFT, a pair, a verdict, or cut before an answer
for GRPO.

An answer is a run of `assistant` and `tool_call` messages. A converter's row holds text alone; what
a target needs of it beside the messages it finds in these columns, and writes them as ms-swift
reads them:

    expected_calls      the gold of the last answer, which may be absent then
    rejected_response   JSON text: the messages of a worse answer, to be read after the last user turn
    label               "true" or "false": whether the last answer is a good one
    margin              a number: by how much the answer is better than the rejected one

An answer that is not a good one is no row of `sft` or `grpo`: they yield nothing then, which is no
fault.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from swiftkit.data.check_row import call_from_message
from swiftkit.data.rows import ANSWERS
from swiftkit.errors import DataError
from swiftkit.records import GOLD_COLUMNS, Message, Row
from swiftkit.scoring.expected_calls import expect_exactly, to_json
from swiftkit.toolcall.formats import hermes

_VERDICTS = ("true", "false")
_NOT_FOR_REWARDS = {"messages", "tools", "id", "source", "category", "chat_template_kwargs"}


def whole(row: Row) -> Iterator[Row]:
    """All messages, whatever they end with. The gold of an answer that is there is left out:
    training reads the messages only. What remains of a question without its answer is a prompt."""
    kept = _without_answers(row)
    if kept["messages"][-1]["role"] in ANSWERS:
        _drop_gold(kept)
    yield kept


def sft(row: Row) -> Iterator[Row]:
    """The whole conversation, if its answer is there and is a good one."""
    if row["messages"][-1]["role"] not in ANSWERS:
        fix = "add the answer, in a column output or in the messages, or use --to grpo"
        raise DataError("the row ends without an answer", "no_answer", fix)
    if _is_good(row):
        yield from whole(row)


def grpo(row: Row) -> Iterator[Row]:
    """One row: the question before the last answer that calls a tool; without any call, before the
    last answer.

    A prompt without an answer stays as it is, if it has a column for the reward function: gold, or,
    where nothing in it is an answer, any.
    """
    if _is_prompt(row):
        yield _without_answers(row)
    elif _is_good(row):
        yield _cut(row, *_answers(row)[-1])


def grpo_steps(row: Row) -> Iterator[Row]:
    """A row for each answer that calls a tool, tied together by `chain`; without any call as
    `grpo`."""
    chain = row["id"]
    if _is_prompt(row):
        yield _without_answers(row) | {"chain": chain}
        return
    answers = _answers(row) if _is_good(row) else []
    for step, (start, end) in enumerate(answers, 1):
        identity = f"{chain}#{step}" if len(answers) > 1 else chain
        yield _cut(row, start, end) | {"id": identity, "chain": chain}


def preference(row: Row) -> Iterator[Row]:
    """The conversation with the better answer, and the worse one as a list of messages.

    A list always: a column must hold one type, only a list can hold a call that each model's own
    template writes, and ms-swift gives the tools to `rejected_response` but not to
    `rejected_messages`, whose prompt would lack them.
    """
    if "rejected_response" not in row:
        raise DataError(
            "the row has no rejected answer",
            "no_rejected",
            "give chosen and rejected, or use --to sft",
        )
    pair: Any = _without_answers(row)
    _drop_gold(pair)
    if "margin" in row:
        pair["margin"] = float(row["margin"])
    yield pair | {"rejected_response": _rejected(row)}


def kto(row: Row) -> Iterator[Row]:
    """The conversation with the verdict on its last answer; a preference row becomes two, one for
    each answer.

    ms-swift's KTO refuses a call at the end, so there it is text, as Hermes and Qwen write calls:
    that is what their template makes of the call too. A model with another wire format needs the
    calls written in its own. ms-swift also pairs each row with the answer of its neighbour in the
    batch and deletes it where the two are equal; under --strict true it stops there, so KTO on
    short answers runs without.
    """
    if row.get("label") not in _VERDICTS and "rejected_response" not in row:
        raise DataError(
            "the row has neither a label nor a rejected answer",
            "no_label",
            "add a label, true or false",
        )
    if row["messages"][-1]["role"] not in ANSWERS:
        raise DataError(
            "the row ends without an answer", "no_answer", "add the answer that the label is about"
        )
    if "rejected_response" not in row:
        yield _judged(row, row["messages"], row["label"] == "true", "")
        return
    question = row["messages"][: after_last_user(row["messages"])]
    yield _judged(row, row["messages"], True, "#chosen")
    yield _judged(row, [*question, *_rejected(row)], False, "#rejected")


TARGETS: dict[str, Callable[[Row], Iterator[Row]]] = {
    "sft": sft, "grpo": grpo, "grpo_steps": grpo_steps, "preference": preference, "kto": kto, "whole": whole,
}  # fmt: skip


def after_last_user(messages: list[Message]) -> int:
    """Where the answers to the last question begin: what ms-swift replaces by the rejected
    response."""
    return max(
        (index for index, message in enumerate(messages, 1) if message["role"] == "user"), default=0
    )


def _without_answers(row: Row) -> Row:
    """A copy without the columns that only some targets write, each in its own form."""
    kept = row.copy()
    kept.pop("rejected_response", None)
    kept.pop("margin", None)
    # another one is a class, which ms-swift's classifiers are trained on
    if row.get("label") in _VERDICTS:
        kept.pop("label")
    return kept


def _drop_gold(row: Any) -> None:
    for column in ("expected_calls", "scoring"):
        row.pop(column, None)


def _is_good(row: Row) -> bool:
    return row.get("label") != "false"


def _is_prompt(row: Row) -> bool:
    """Whether there is no answer, and none is needed: a reward function compares with another
    column."""
    if "expected_calls" in row or row["messages"][-1]["role"] in ANSWERS:
        return False
    has_answers = any(message["role"] in ANSWERS for message in row["messages"])
    return any(
        name in row for name in (GOLD_COLUMNS if has_answers else row.keys() - _NOT_FOR_REWARDS)
    )


def _rejected(row: Row) -> list[Message]:
    messages: list[Message] = msgspec.json.decode(row["rejected_response"])
    return messages


def _judged(row: Row, messages: list[Message], label: bool, suffix: str) -> Row:
    judged: Any = _without_answers(row)
    _drop_gold(judged)
    return judged | {"id": row["id"] + suffix, "messages": _text_last(messages), "label": label}  # type: ignore[no-any-return]


def _text_last(messages: list[Message]) -> list[Message]:
    """The messages, with the calls of the last answer as text."""
    start, _ = list(_runs(messages))[-1]
    calls = [
        call_from_message(message, "call") for message in messages[start:] if _is_call(message)
    ]
    texts = [message["content"] for message in messages[start:] if not _is_call(message)]
    content = "".join(texts + ([hermes.render(calls)] if calls else []))
    last = messages[-1].copy()  # a flag of its loss stays
    last |= {"role": "assistant", "content": content}
    return [*messages[:start], last]


def _answers(row: Row) -> list[tuple[int, int]]:
    """(start, end) of the answers that matter: the ones with calls, or the last one."""
    messages = row["messages"]
    runs = list(_runs(messages))
    if "expected_calls" in row:
        return (
            runs[-1:] if runs and runs[-1][1] == len(messages) else [(len(messages), len(messages))]
        )
    calling = [
        (start, end)
        for start, end in runs
        if any(_is_call(message) for message in messages[start:end])
    ]
    if not runs:
        fix = f"add the answer, or a column for the reward function, such as expected_calls, {', '.join(GOLD_COLUMNS)}"
        raise DataError("the row has no answer, and nothing to compare one with", "no_answer", fix)
    return calling or runs[-1:]


def _runs(messages: list[Message]) -> Iterator[tuple[int, int]]:
    start = None
    for index, message in enumerate(messages):
        if message["role"] in ANSWERS:
            start = index if start is None else start
        elif start is not None:
            yield start, index
            start = None
    if start is not None:
        yield start, len(messages)


def _cut(row: Row, start: int, end: int) -> Row:
    cut = _without_answers(row)
    cut["messages"] = row["messages"][:start]
    if "expected_calls" not in row:
        calls = [
            call_from_message(message, "call")
            for message in row["messages"][start:end]
            if _is_call(message)
        ]
        cut["expected_calls"] = to_json(expect_exactly(calls))
    return cut


def _is_call(message: Message) -> bool:
    return message["role"] == "tool_call"
