r"""Alpaca rows (instruction, input, output) whose output may hold a tool call.

Source: the SFT data of "fuzzy question to tool calls" projects in LLaMA-Factory's Alpaca form. A
real row:

    {"instruction": "明天北京天气怎么样", "input": "",
     "output": "{\"tool_call\": {\"tool_name\": \"queryWeather\",
                                 \"parameters\": {\"location\": \"北京\"}}}"}

The output is a call, a JSON list of calls, a call string such as `queryWeather(location=北京,
date=now)` (see toolcall/formats/call_strings.py), or an answer in plain text; reasoning in <think>
may stand before it. Beside tools also {"name", "arguments"} is a call. Optional columns: `tools` (a
list or JSON text), `system`, `history` ([[question, answer], ...], whose answers may be calls too).
In a row without tools a line of code may look like a call string: one without arguments or with a
dot in its name, such as `plt.show()`, is text there. What means to be a call and cannot be read
exactly is refused: text around a tool_call, full-width parentheses, commas or equals signs.

The same in other columns is read too: TRL's prompt and completion, prompt and response, ms-swift's
query and response.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_instruction import (
    pair_of,
    question_of,
    reads_of_pair,
    used_columns,
    with_answer,
)
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 250
READS = reads_of_pair("")


def matches(record: dict[str, Any]) -> bool:
    return pair_of(record) is not None


def convert(record: dict[str, Any]) -> Iterable[Row]:
    pair = pair_of(record)
    if pair is None:
        fix = "name the columns instruction and output"
        raise DataError("the row has no question and answer", "no_question", fix)
    question, answer = pair
    messages = with_answer(question_of(record, question), record, answer)
    return [make_row(messages, record, used_columns(pair))]
