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
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from

ORDER = 350

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_MARKS = {"system": ("<tools>",), "assistant": (_OPEN,), "tool_response": ("<tool_response>",)}
# all up to the next tag of this name; never goes back, however long
_INSIDE = "([^<]*(?:<(?!/?{0}>)[^<]*)*)"
_TOOLS = re.compile(f"<tools>{_INSIDE.format('tools')}</tools>")
_RESULT = re.compile(f"<tool_response>{_INSIDE.format('tool_response')}</tool_response>")
_EXAMPLE = f"<tool_call>{_INSIDE.format('tool_call')}</tool_call>"
_PROMPT = re.compile(  # what a chat template writes itself
    rf"""(?:
    \#\ Tools\s
    | You\ are\ provided\ with\ function\ signatures\ within\ <tools>\s*</tools>\ XML\ tags\s?[.:]?
    | You\ may\ call\ one\ or\ more\ functions\ to\ assist\ with\ the\ user\ query\.
    | After\ calling\ (?:&|and)\ executing\ the\ functions,\ you\ will\ be\ provided\ with\ function
      \ results\ within\ <tool_response>\s*</tool_response>\ XML\ tags\.
    | Here\ are\ the\ available\ tools:
    | {_TOOLS.pattern}
    | Use\ the\ following\ pydantic\ model\ json\ schema\ for\ each\ tool\ call\ you\ will\ make:
      \s*\{{.*?\}}(?=\s*For\ each\ function\ call)
    | For\ each\ function\ call,?\ return\ a\ json\ object,?\ with
      \ (?:function\ name\ and\ arguments
      | the\ following\ pydantic\ model\ json\ schema(?:\ for\ each)?:\s*\{{.*?\}}\s*
        Each\ function\ call\ should\ be\ enclosed)
      \ within\ <tool_call>\s*</tool_call>\ (?:XML\ )?tags[^<]*{_EXAMPLE}
    )\s*""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)


def matches(record: dict[str, Any]) -> bool:
    return has_mark(record, _MARKS)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    turns = turns_of(record)
    tools: list[Any] = []
    for turn in turns:
        if turn.role == "system":
            tools += _tools(turn)
    return [make_row(_messages(turns), with_tools(record, tools), SYSTEM)]


def _messages(turns: list[ShareGptTurn]) -> Iterator[Message]:
    for turn in turns:
        if turn.role == "assistant":
            text, calls = _text_and_calls(turn.text, turn.where)
            yield from answer(text, calls, turn)
        elif turn.role == "tool_response":
            yield from _results(turn)
        elif turn.role == "user":
            yield {"role": "user", "content": turn.text}
        elif turn.role == "tool_call":
            fix = f"write the call as {_OPEN} in a gpt turn"
            raise DataError(f"{turn.where}: a function_call turn", "bad_role", fix)
        else:
            marks = ("<tools>", _OPEN, "<tool_response>")
            text = check_no_markup(_PROMPT.sub("", turn.text), marks)
            if text:
                yield {"role": "system", "content": text}


def _tools(turn: ShareGptTurn) -> Iterator[Any]:
    """Yield the tools between the tags: a list, or one after the other. Tags around nothing are
    only spoken of."""
    for block in _TOOLS.findall(turn.text):
        lines = [line for line in block.splitlines() if line.strip()]
        # as later Hermes prompts are written
        is_one_a_line = all(line.lstrip().startswith("{") for line in lines)
        for text in lines if is_one_a_line else [block]:
            try:
                value = python_literal.read(text)
            except ValueError as error:
                reason = f"{turn.where}: <tools>: {error}"
                raise DataError(reason, "bad_tools", "mend the list of tools") from error
            yield from listed(value)


def _text_and_calls(text: str, where: str) -> tuple[str, list[ToolCall]]:
    """Return the text of an answer before its calls, and the calls."""
    before, *blocks = text.split(_OPEN)
    calls = []
    for block in blocks:
        inside, closed, after = block.partition(_CLOSE)
        if not closed:
            fix = f"close it with {_CLOSE}"
            raise DataError(f"{where}: {_OPEN} is never closed", "broken_call", fix)
        if after.strip():
            fix = "put it before the calls, or delete it"
            raise DataError(f"{where}: text after a call", "text_after_call", fix)
        try:
            value = python_literal.read(inside.strip())
        except ValueError as error:
            reason = f"{where}: the call is {error}"
            raise DataError(reason, "broken_call", "mend the call's JSON") from error
        calls.append(call_from(value, where))
    if _CLOSE in before:
        raise DataError(f"{where}: {_CLOSE} without {_OPEN}", "broken_call", "mend the tags")
    return before, calls


def _results(turn: ShareGptTurn) -> Iterator[Message]:
    """Yield a result for each pair of tags; a text without any tag is one result."""
    text = as_text(turn.value)
    results, around = _RESULT.findall(text), _RESULT.sub("", text)
    if "tool_response>" in around or (results and around.strip()):
        reason = f"{turn.where}: text outside of <tool_response>"
        raise DataError(reason, "broken_result", "mend the tags")
    for content in results or [around]:
        yield {"role": "tool_response", "content": content.strip()}
