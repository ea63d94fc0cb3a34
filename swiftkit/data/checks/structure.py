"""Can ms-swift use the row? What `swiftkit convert` holds a row to, and what gets lost."""

from collections.abc import Iterator
from typing import Any, cast

from swiftkit.data.check_row import check_row, is_plain_text
from swiftkit.data.checks.row_view import RowFinding, RowView
from swiftkit.data.json_values import field, items
from swiftkit.data.roles import ANSWERS, ROLES
from swiftkit.errors import DataError
from swiftkit.records import GOLD_COLUMNS, Row

_MESSAGE_KEYS = {
    "role", "content", "reasoning_content", "tool_call_id", "name", "loss", "loss_scale",
}  # fmt: skip
_OWN_SHAPE = {  # columns in which swift reads no text
    "messages", "rejected_messages", "rejected_response", "chat_template_kwargs", "objects",
}  # fmt: skip
_REWARDED = {"expected_calls", *GOLD_COLUMNS}


def findings_in(view: RowView) -> Iterator[RowFinding]:
    yield from _unusable(view.row)
    yield from _answerless(view.row)
    yield from _after_results(view.row)
    yield from _lost(view.row)


def _unusable(row: dict[str, Any]) -> Iterator[RowFinding]:
    if is_plain_text(cast(Row, row)):
        yield RowFinding("plain_text", "one text without a question")
        return
    try:
        check_row(cast(Row, row), question_after_result=True)
    except DataError as error:
        yield RowFinding(error.code, error.reason, error.fix)
    except RecursionError:
        yield RowFinding("too_deep", "nested too deeply", "flatten this row")
    # a column of a type that no row has
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        detail = f"{type(error).__name__}: {error}"
        yield RowFinding("bad_column", detail, "write the row with swiftkit convert")


def _answerless(row: dict[str, Any]) -> Iterator[RowFinding]:
    """Yield what is wrong at the end: swift's GRPO removes a last `assistant`, no `tool_call`."""
    messages = items(row.get("messages"))
    role = field(messages[-1], "role") if messages else None
    if "expected_calls" in row and role == "tool_call":
        yield RowFinding("answer_left", "expected_calls is given, and the messages end with a call")
    if role in ROLES and role not in ANSWERS and _REWARDED.isdisjoint(row):
        yield RowFinding("no_answer", f"the last message is of the role {role}")


def _after_results(row: dict[str, Any]) -> Iterator[RowFinding]:
    """Yield the questions that only some chat templates can write."""
    before = None
    for index, message in enumerate(items(row.get("messages"))):
        role = field(message, "role")
        if role == "user" and before == "tool_response":
            place = f"messages[{index}]: a question right after a tool's result"
            yield RowFinding("question_after_result", place)
        before = role


def _lost(row: dict[str, Any]) -> Iterator[RowFinding]:
    for name, value in row.items():
        is_texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if isinstance(value, dict | list) and name not in _OWN_SHAPE and not is_texts:
            yield RowFinding("nested_column", f"the column {name!r} holds a {type(value).__name__}")
    for index, message in enumerate(items(row.get("messages"))):
        keys = message if isinstance(message, dict) else {}
        dropped = [key for key in keys if key not in _MESSAGE_KEYS]
        if dropped:
            yield RowFinding("dropped_key", f"messages[{index}]: {', '.join(dropped)}")
