r"""xLAM / APIGen rows: a query, the tools, and the calls that answer it.

Source: Salesforce/xlam-function-calling-60k, and its copies argilla/apigen-function-calling and
minpeter/xlam-function-calling-60k-parsed. A real row:

    {"id": 0, "query": "Where can I find live giveaways for beta access and games?",
     "answers": "[{\"name\": \"live_giveaways_by_type\", \"arguments\": {\"type\": \"beta\"}},
                  {\"name\": \"live_giveaways_by_type\", \"arguments\": {\"type\": \"game\"}}]",
     "tools": "[{\"name\": \"live_giveaways_by_type\", \"description\": \"Retrieve live ...\",
                 \"parameters\": {\"type\": {\"description\": \"The type of giveaways ...\",
                                             \"type\": \"str\", \"default\": \"game\"}}}]"}

The parameters are a flat map; toolcall/tools.py makes JSON Schema of it. No answers, [], says that
no tool fits, as in the irrelevance data made from these rows: such a row has no answer to train on,
and a gold of no calls.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.columns import has_chat
from swiftkit.data.messages import call_message, text_of
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.json_text import decode
from swiftkit.records import Row
from swiftkit.toolcall.read_call import call_from

ORDER = 240
READS = {"": "query answers"}

_COLUMNS = ("query", "answers", "tools")


def matches(record: dict[str, Any]) -> bool:
    return all(name in record for name in _COLUMNS) and not has_chat(record)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    query = text_of(record.get("query"), "query")
    if not query.strip():
        raise DataError("the query is empty", "no_question", "fill in query")
    answers = record.get("answers")
    if isinstance(answers, str):
        answers = decode(answers, "answers", "broken_call", "mend its JSON")
    if isinstance(answers, dict):
        answers = [answers]
    if not isinstance(answers, list):
        fix = "write [{name, arguments}], or [] for no call"
        raise DataError("answers is not a list of calls", "bad_call", fix)
    calls = [call_message(call_from(call, f"answers[{i}]")) for i, call in enumerate(answers)]
    row = make_row([{"role": "user", "content": query}, *calls], record, ("query", "answers"))
    if not calls:
        row["expected_calls"] = "[]"
    return [row]
