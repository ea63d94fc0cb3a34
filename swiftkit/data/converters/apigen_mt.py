r"""APIGen-MT rows: many turns between a customer and an agent of tau-bench's airline or shop, one
call at a time.

Source: Salesforce/APIGen-MT-5k, a list of 5,000 objects in apigen-mt_5k.json. A real row:

    {"conversations": [
       {"from": "human", "value": "Hello, I have a request regarding a past flight reservation, ..."},
       {"from": "gpt", "value": "To assist you with the cancellation request, I need to verify a few details: ..."},
       {"from": "function_call", "value": "{\"name\": \"get_reservation_details\", \"arguments\": {...}}"},
       {"from": "observation", "value": "{\"reservation_id\": \"0U4NPP\", ...}"},
       {"from": "gpt", "value": "Your reservation is ..."}],
     "tools": "[{\"name\": \"book_reservation\", \"description\": \"Book a ...\", \"parameters\": {...}}, ...]",
     "system": "# Airline Agent Policy\n\nThe current time is 2024-05-15 15:00:00 EST. ..."}

Its arguments are an object, or in a quarter of the calls JSON text. Some rows end with an
observation: these have no last answer. What tells the rows from ShareGPT's, whose form this is, is
the policy in `system` (data/from_sharegpt.py).
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_sharegpt import Turn, answer, dialect_of, turns_of
from swiftkit.data.rows import SYSTEM, make_row
from swiftkit.errors import DataError
from swiftkit.json_text import decode_distinct
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from


def matches(record: dict[str, Any]) -> bool:
    return dialect_of(record) == "apigen_mt"


def convert(record: dict[str, Any]) -> Iterable[Row]:
    return [
        make_row(
            (message for turn in turns_of(record) for message in _messages(turn)), record, SYSTEM
        )
    ]


def _messages(turn: Turn) -> Iterable[Message]:
    if turn.role == "tool_call":
        return answer("", [_call(turn)], turn)
    if turn.role == "assistant":
        return answer(turn.text, [], turn)
    return [{"role": turn.role, "content": turn.text}]


def _call(turn: Turn) -> ToolCall:
    try:
        value = (
            decode_distinct(turn.value, turn.where) if isinstance(turn.value, str) else turn.value
        )
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{turn.where}: a broken call: {error}", "broken_call", "mend its JSON"
        ) from error
    return call_from(value, turn.where)
