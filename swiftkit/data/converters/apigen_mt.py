r"""APIGen-MT rows: many turns between a customer and an agent of tau-bench's airline or shop, one
call at a time.

Source: Salesforce/APIGen-MT-5k, a list of 5,000 objects in apigen-mt_5k.json. A real row:

    {"conversations": [
       {"from": "human", "value": "Hello, I have a request regarding a past flight ..."},
       {"from": "gpt", "value": "To assist you with the cancellation request, I need to ..."},
       {"from": "function_call",
        "value": "{\"name\": \"get_reservation_details\", \"arguments\": {...}}"},
       {"from": "observation", "value": "{\"reservation_id\": \"0U4NPP\", ...}"},
       {"from": "gpt", "value": "Your reservation is ..."}],
     "tools": "[{\"name\": \"book_reservation\", \"description\": \"Book a ...\", ...}, ...]",
     "system": "# Airline Agent Policy\n\nThe current time is 2024-05-15 15:00:00 EST. ..."}

Its arguments are an object, or in a quarter of the calls JSON text. Some rows end with an
observation: these have no last answer. What tells the rows from ShareGPT's, whose form this is, is
the policy in `system` (data/from_sharegpt.py).
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.columns import SYSTEM
from swiftkit.data.from_sharegpt import CONVERSATION_READS, ShareGptTurn, answer, has_mark, turns_of
from swiftkit.data.rows import make_row
from swiftkit.json_text import decode
from swiftkit.records import Message, Row
from swiftkit.toolcall.read_call import call_from

ORDER = 380
READS = CONVERSATION_READS

_MARKS = {"system": ("# Airline Agent Policy", "# Retail agent policy")}


def matches(record: dict[str, Any]) -> bool:
    return has_mark(record, _MARKS)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    return [make_row(_messages(turns_of(record)), record, SYSTEM)]


def _messages(turns: list[ShareGptTurn]) -> Iterator[Message]:
    for turn in turns:
        if turn.role == "assistant":
            yield from answer(turn.text, [], turn)
        elif turn.role == "tool_call":
            call = turn.value
            if isinstance(call, str):
                call = decode(call, turn.where, "broken_call", "mend its JSON", "a broken call")
            yield from answer("", [call_from(call, turn.where)], turn)
        else:
            yield turn.says(turn.text)
