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

import re
from collections.abc import Iterable, Iterator
from typing import Any

from swiftkit.data.from_sharegpt import (
    ShareGptTurn,
    answer,
    check_no_markup,
    has_mark,
    turns_of,
    with_tools,
)
from swiftkit.data.json_values import as_text, listed
from swiftkit.data.rows import SYSTEM, make_row
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.read_call import call_from

ORDER = 360

_MARKS = {"system": ("access to the following APIs:",)}
_APIS = re.compile(r"Specifically, you have access to the following APIs:")
_PROMPT = re.compile(
    r"Your output should follow this format:\s*Thought:\s*Action:?\s*Action Input:\s*"
)
_STEP = re.compile(r"\s*(?:Thought:(.*?))?(?:\A|\n)Action:([^\n]*)\nAction Input:(.*)", re.DOTALL)


def matches(record: dict[str, Any]) -> bool:
    return has_mark(record, _MARKS)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    turns = turns_of(record)
    tools: list[Any] = []
    for turn in turns:
        if turn.role != "system":
            continue
        for text in _APIS.split(turn.text)[1:]:  # a list, as Python prints it
            try:
                tools += listed(python_literal.read(text))
            except ValueError as error:
                reason = f"{turn.where}: the APIs: {error}"
                raise DataError(reason, "bad_tools", "mend the list of APIs") from error
    return [make_row(_messages(turns), with_tools(record, tools), SYSTEM)]


def _messages(turns: list[ShareGptTurn]) -> Iterator[Message]:
    for turn in turns:
        if turn.role == "system":
            before_apis = _APIS.split(turn.text)[0]
            text = check_no_markup(_PROMPT.sub("", before_apis), ("Action Input",))
            if text:
                yield {"role": "system", "content": text}
        elif turn.role == "user":
            text = turn.text.strip().removesuffix("\nBegin!").rstrip()
            yield {"role": "user", "content": text}
        elif turn.role == "tool_response":
            yield {"role": "tool_response", "content": as_text(turn.value)}
        elif turn.role == "assistant":
            yield from _step(turn)
        else:
            fix = "write it into an assistant turn"
            raise DataError(f"{turn.where}: a function_call turn", "bad_role", fix)


def _step(turn: ShareGptTurn) -> Iterator[Message]:
    """Yield a thought and a call; a text without Thought and Action is an answer."""
    step = _STEP.fullmatch(turn.text)
    if step:
        thought, name, arguments = [(part or "").strip() for part in step.groups()]
        call = call_from({"name": name, "arguments": arguments}, turn.where)
        yield from answer("", [call], turn, thought)
    elif "Thought:" in turn.text or "Action:" in turn.text:
        fix = "write Thought: ...\\nAction: NAME\\nAction Input: {...}"
        raise DataError(f"{turn.where}: neither a whole step nor plain text", "broken_call", fix)
    else:
        yield from answer(turn.text, [], turn)
