r"""ToolBench: APIs in the system text, Thought, Action and Action Input in the assistant's.

Source: https://github.com/OpenBMB/ToolBench (Apache-2.0), toolllama_G123_dfs_train.json. A real
row, shortened:

    {"id": "Step 2: ...", "conversations": [
       {"from": "system", "value": "You are AutoGPT, ... Your output should follow this format:
        \nThought:\nAction\nAction Input:\n ... Specifically, you have access to the following APIs:
        [{'name': 'now_for_clock', ...}]"},
       {"from": "user", "value": "\nWhat time is it in Oslo?\nBegin!\n"},
       {"from": "assistant", "value": "\nThought: I ask.\nAction: now_for_clock\nAction Input:
        {\"city\": \"Oslo\"}"},
       {"from": "function", "value": "{\"error\": \"\", \"response\": \"12:00\"}"},
       {"from": "assistant", "value": "\nThought: \nAction: Finish\nAction Input:
        {\"return_type\": \"give_answer\", \"final_answer\": \"It is noon.\"}"}]}

A Thought becomes the reasoning of its call; the list of APIs, which is printed by Python, the
tools. `Finish` stays a call: the system text demands it, and the APIs define it. The sentences on
the output's format and on the APIs leave the system text, because the chat template writes its own;
so does the user's "Begin!".
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from swiftkit.data.columns import SYSTEM
from swiftkit.data.dialects import react
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
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Message, Row

ORDER = 360
READS = CONVERSATION_READS

_MARKS = {"system": (react.APIS,)}


def matches(record: dict[str, Any]) -> bool:
    return has_mark(record, _MARKS)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    turns = turns_of(record)
    system_texts, tools = system_parts(turns, react.without_prompt)
    return [make_row(_messages(turns, system_texts), with_tools(record, tools), SYSTEM)]


def _messages(turns: list[ShareGptTurn], system_texts: Mapping[str, str]) -> Iterator[Message]:
    for turn in turns:
        if turn.role == "system":
            if system_texts[turn.where]:
                yield turn.says(system_texts[turn.where])
        elif turn.role == "user":
            text = turn.text.strip().removesuffix("\nBegin!").rstrip()
            yield turn.says(text)
        elif turn.role == "tool_response":
            yield turn.says(as_text(turn.value))
        elif turn.role == "assistant":
            yield from _step(turn)
        else:
            fix = "write it into an assistant turn"
            raise DataError(f"{turn.where}: a function_call turn", "bad_role", fix)


def _step(turn: ShareGptTurn) -> Iterator[Message]:
    """Yield a thought and a call; a text without Thought and Action is an answer."""
    step = react.step(turn.text, turn.where)
    if step:
        thought, call = step
        yield from answer("", [call], turn, thought)
    else:
        yield from answer(turn.text, [], turn)
