"""Can ms-swift use the row as it is meant? What `swiftkit convert` holds a row to, and what gets
lost on the way."""

from collections.abc import Iterator
from typing import Any, cast

from swiftkit.data.check_row import check_row
from swiftkit.data.checks.entry import Entry, Fault
from swiftkit.data.rows import ANSWERS, ROLES
from swiftkit.errors import DataError
from swiftkit.records import GOLD_COLUMNS, Row

_MESSAGE_KEYS = {"role", "content", "loss", "loss_scale"}
# swift reads no text there
_OWN_SHAPE = {
    "messages",
    "rejected_messages",
    "rejected_response",
    "chat_template_kwargs",
    "objects",
}
_REWARDED = ("expected_calls", *GOLD_COLUMNS)


def faults(entry: Entry) -> Iterator[Fault]:
    yield from _unusable(entry.row)
    yield from _answerless(entry.row)
    yield from _lost(entry.row)


def _unusable(row: dict[str, Any]) -> Iterator[Fault]:
    try:
        check_row(cast(Row, row))
    except DataError as error:
        yield Fault(error.code, error.reason, error.fix)
    except RecursionError:
        yield Fault("too_deep", "nested too deeply", "flatten this row")
    # a column of a type that no row has
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        yield Fault(
            "bad_column", f"{type(error).__name__}: {error}", "write the row with swiftkit convert"
        )


def _answerless(row: dict[str, Any]) -> Iterator[Fault]:
    """swift's GRPO takes a last `assistant` message away, but leaves a `tool_call` in the
    prompt."""
    messages = row.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    role = last.get("role") if isinstance(last, dict) else None
    if "expected_calls" in row and role == "tool_call":
        yield Fault("answer_left", "expected_calls is given, and the messages end with a call")
    if role in ROLES and role not in ANSWERS and not any(name in row for name in _REWARDED):
        yield Fault("no_answer", f"the last message is of the role {role}")


def _lost(row: dict[str, Any]) -> Iterator[Fault]:
    for name, value in row.items():
        if isinstance(value, dict | list) and name not in _OWN_SHAPE and not _is_text_list(value):
            yield Fault("nested_column", f"the column {name!r} holds a {type(value).__name__}")
    messages = row.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and (
            dropped := [key for key in message if key not in _MESSAGE_KEYS]
        ):
            yield Fault("dropped_key", f"messages[{index}]: {', '.join(dropped)}")


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
