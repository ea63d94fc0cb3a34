r"""Hermes function calling v1 (NousResearch): ShareGPT turns with <tools>, <tool_call> and
<tool_response> in the text.

Source: https://huggingface.co/datasets/NousResearch/hermes-function-calling-v1 (Apache-2.0). A real
row, shortened:

    {"id": "753d8365", "conversations": [
       {"from": "system", "value": "You are a function calling AI model. You are provided with
        function signatures within <tools> </tools> XML tags. ...\n<tools>\n[{'type': 'function',
        'function': {'name': ...}}]\n</tools>\nFor each function call return a json object ...
        <tool_call>\n{'arguments': <args-dict>, ...}\n</tool_call>\n"},
       {"from": "human", "value": "Find me a flight to Auckland."},
       {"from": "gpt", "value": "<tool_call>\n{'arguments': {'to': 'Auckland'}, 'name': 'search'}\n
        </tool_call>\n"},
       {"from": "tool", "value": "<tool_response>\n{\"name\": \"search\", \"content\": {...}}\n
        </tool_response>\n"}],
     "tools": "[{\"type\": \"function\", ...}]", "category": "Travel"}

Tools and calls are JSON or Python dicts; both are read exactly, what is neither is refused. What
the chat template writes itself leaves the system text: the list of tools and the sentences on how
tools are shown and called. The rest stays ("Don't make assumptions about what values to plug into
functions."). The JSON-mode rows of this data set have no tools: they are plain ShareGPT.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from swiftkit.data.columns import SYSTEM
from swiftkit.data.dialects import hermes
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

ORDER = 350
READS = CONVERSATION_READS

_MARKS = {
    "system": ("<tools>",), "assistant": (hermes.OPEN,), "tool_response": ("<tool_response>",),
}  # fmt: skip


def matches(record: dict[str, Any]) -> bool:
    return has_mark(record, _MARKS)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    turns = turns_of(record)
    system_texts, tools = system_parts(turns, hermes.without_prompt)
    return [make_row(_messages(turns, system_texts), with_tools(record, tools), SYSTEM)]


def _messages(turns: list[ShareGptTurn], system_texts: Mapping[str, str]) -> Iterator[Message]:
    for turn in turns:
        if turn.role == "assistant":
            yield from answer(turn.text, [], turn)  # make_row reads the calls in it
        elif turn.role == "tool_response":
            yield from _results(turn)
        elif turn.role == "user":
            yield turn.says(turn.text)
        elif turn.role == "tool_call":
            fix = f"write the call as {hermes.OPEN} in a gpt turn"
            raise DataError(f"{turn.where}: a function_call turn", "bad_role", fix)
        elif system_texts[turn.where]:
            yield turn.says(system_texts[turn.where])


def _results(turn: ShareGptTurn) -> Iterator[Message]:
    for content in hermes.results(as_text(turn.value), turn.where):
        yield turn.says(content)
