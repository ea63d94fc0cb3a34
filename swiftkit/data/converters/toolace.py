r"""ToolACE: tools as JSON in the system text, calls as [name(parameter=value, ...), ...] in the
assistant's.

Source: https://huggingface.co/datasets/Team-ACE/ToolACE (Apache-2.0). A real row, shortened:

    {"system": "You are an expert in composing functions. ... Here is a list of functions in JSON
        format that you can invoke:\n[{\"name\": \"Market Trends API\", \"parameters\": {\"type\":
        \"dict\", ...}, \"required\": null}]. \nShould you decide to return the function call(s).
        \nPut it in the format of [func1(params_name=params_value, params_name2=params_value2...),
        func2(params)]\n\nNO other text MUST be included. \n",
     "conversations": [{"from": "user", "value": "What moves the markets in the US?"},
        {"from": "assistant",
         "value": "[Market Trends API(trend_type=\"MARKET_INDEXES\", country=\"us\")]"},
        {"from": "tool", "value": "[{\"name\": \"Market Trends API\", \"results\": {...}}]"},
        {"from": "assistant", "value": "The indexes rise."}]}

A name may hold spaces and dots. Values are Python literals or JSON; a call with anything else
(names, sums, values without a name) is refused. The results of several calls come as one list;
where its names are those of the calls, each call gets its own. What tells the model to write calls
in this format leaves the system text, with the list of tools: the chat template writes its own.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from swiftkit.data.columns import SYSTEM
from swiftkit.data.dialects import toolace
from swiftkit.data.from_sharegpt import (
    CONVERSATION_READS,
    ShareGptTurn,
    answer,
    has_mark,
    system_parts,
    turns_of,
    with_tools,
)
from swiftkit.data.json_values import as_text
from swiftkit.data.row_tools import read_tools
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.tools import tool_names

ORDER = 370
READS = CONVERSATION_READS

_MARKS = {"system": toolace.MARKS}


def matches(record: dict[str, Any]) -> bool:
    return has_mark(record, _MARKS)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    turns = turns_of(record)
    system_texts, tools = system_parts(turns, toolace.without_prompt)
    record = with_tools(record, tools)
    names = tool_names(read_tools(record["tools"]).tools)
    return [make_row(_messages(turns, system_texts, names), record, SYSTEM)]


def _messages(
    turns: list[ShareGptTurn], system_texts: Mapping[str, str], names: Collection[str]
) -> Iterator[Message]:
    calls: list[ToolCall] = []  # of the last answer
    for turn in turns:
        if turn.role == "assistant":
            text, calls = toolace.text_and_calls(turn.text.strip(), turn.where, names)
            yield from answer(text, calls, turn)
        elif turn.role == "tool_response":
            for content in toolace.results(as_text(turn.value), [call.name for call in calls]):
                yield turn.says(content)
        elif turn.role == "user":
            yield turn.says(turn.text)
        elif turn.role == "tool_call":
            fix = "write it into an assistant turn"
            raise DataError(f"{turn.where}: a function_call turn", "bad_role", fix)
        elif system_texts[turn.where]:
            yield turn.says(system_texts[turn.where])
