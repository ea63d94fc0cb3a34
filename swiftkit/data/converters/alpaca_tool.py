r"""A question and an answer in columns of their own, as Alpaca has them; the answer may be a call.

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

The same in other columns is read too (data/from_instruction.py has the names): TRL's prompt and
completion, ms-swift's query and response, Dolly's instruction, context and response, user and
assistant, and so on, with reasoning in a column beside the answer. A second question or answer
(`ambiguous_columns`) is refused. Question and `answer` or `solution` are not read here: they may be
a reward's (question_answer.py, grpo_prompts.py).
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_instruction import (
    check_others,
    pair_of,
    question_of,
    reads_of_pair,
    used_columns,
    with_answer,
)
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 312
READS = reads_of_pair("")


def matches(record: dict[str, Any]) -> bool:
    return pair_of(record) is not None


def convert(record: dict[str, Any]) -> Iterable[Row]:
    pair = pair_of(record)
    if pair is None:
        fix = "name the columns instruction and output, as with --columns request=instruction"
        raise DataError("the row has no question and answer", "no_question", fix)
    check_others(record, pair)
    question, answer = pair
    messages = with_answer(question_of(record, question), record, answer)
    return [make_row(messages, record, used_columns(record, pair))]
