"""What a converted conversation becomes: whole for SFT, cut before an answer for GRPO and evaluation.

An answer is a run of `assistant` and `tool_call` messages. `expected_calls` that a converter gives belong to the
last answer, which may be absent then.
"""

from collections.abc import Callable, Iterator

from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.rows import ANSWERS, call_from_message
from swiftkit.toolcall.gold import gold_of, gold_to_json


def sft(row: Row) -> Iterator[Row]:
    """The whole conversation. The gold is left out: training reads the messages only."""
    if row["messages"][-1]["role"] not in ANSWERS:
        raise DataError("the row ends without an answer", "no_answer", "add the answer, or use --to grpo")
    kept = row.copy()
    kept.pop("expected_calls", None)
    yield kept


def grpo(row: Row) -> Iterator[Row]:
    """One row: the question before the last answer that calls a tool; without any call, before the last answer."""
    yield _cut(row, *_answers(row)[-1])


def grpo_steps(row: Row) -> Iterator[Row]:
    """A row for each answer that calls a tool, tied together by `chain`; without any call as `grpo`."""
    answers = _answers(row)
    chain = row["id"]
    for step, (start, end) in enumerate(answers, 1):
        identity = f"{chain}#{step}" if len(answers) > 1 else chain
        yield _cut(row, start, end) | {"id": identity, "chain": chain}


TARGETS: dict[str, Callable[[Row], Iterator[Row]]] = {"sft": sft, "grpo": grpo, "grpo_steps": grpo_steps}


def _answers(row: Row) -> list[tuple[int, int]]:
    """(start, end) of the answers that matter: the ones with calls, or the last one."""
    messages = row["messages"]
    runs = list(_runs(messages))
    if "expected_calls" in row:
        return runs[-1:] if runs and runs[-1][1] == len(messages) else [(len(messages), len(messages))]
    calling = [(start, end) for start, end in runs if any(_is_call(message) for message in messages[start:end])]
    if not runs:
        raise DataError("the row has no answer", "no_answer", "add the answer, or a column expected_calls")
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
    cut = row.copy()
    cut["messages"] = row["messages"][:start]
    if "expected_calls" not in row:
        calls = [call_from_message(message, "call") for message in row["messages"][start:end] if _is_call(message)]
        cut["expected_calls"] = gold_to_json(gold_of(calls))
    return cut


def _is_call(message: Message) -> bool:
    return message["role"] == "tool_call"
