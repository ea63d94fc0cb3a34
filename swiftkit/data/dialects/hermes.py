r"""Hermes: tools, calls and results in tags, in JSON or as Python prints them.

    <tools>\n[{'type': 'function', 'function': {'name': 'search', ...}}]\n</tools>
    <tool_call>\n{'arguments': {'to': 'Auckland'}, 'name': 'search'}\n</tool_call>
    <tool_response>\n{"name": "search", "content": {...}}\n</tool_response>

Source: NousResearch/hermes-function-calling-v1, the chat templates of Hermes and Qwen, and
HuggingFaceTB/smoltalk (apigen-80k), whose calls are a list in one pair of tags.
"""

import re
from collections.abc import Iterator
from typing import Any

from swiftkit.data.dialects.markup import check_no_markup
from swiftkit.data.json_values import listed
from swiftkit.errors import DataError
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from

OPEN, CLOSE = "<tool_call>", "</tool_call>"
# all up to the next tag of this name; never goes back, however long
_INSIDE = "([^<]*(?:<(?!/?{0}>)[^<]*)*)"
_TOOLS = re.compile(f"<tools>{_INSIDE.format('tools')}</tools>")
_TOOL_TAG = re.compile(r"(?m)^\s*<tool>|</tool>\s*$")
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
    | For\ each\ (?:function|tool)\ call,?\ return\ a\ json\ object,?\ with
      \ (?:function\ name\ and\ arguments
      | the\ following\ pydantic\ model\ json\ schema(?:\ for\ each)?:\s*\{{.*?\}}\s*
        Each\ function\ call\ should\ be\ enclosed)
      \ within\ <tool_call>\s*</tool_call>\ (?:XML\ )?tags[^<]*{_EXAMPLE}
      (?:\.\ If\ a\ tool\ does\ not\ exist\ in\ the\ provided\ list\ of\ tools,[^\n]*?request\.)?
    | For\ each\ function\ call,\ output\ the\ function\ name\ and\ arguments\ within\ the
      \ following\ XML\ format:\s*{_EXAMPLE}
    | You\ are\ a\ helpful\ assistant\ with\ access\ to\ the\ following\ tools\.\ (?=You\ may\ call)
    | You\ may\ call\ one\ or\ more\ tools\ to\ assist\ with\ the\ user\ query\.
    | The\ output\ MUST\ strictly\ adhere\ to\ the\ following\ format[^<]*{_EXAMPLE}
    | You\ have\ access\ to\ the\ following\ tools:
    )\s*""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)


def without_prompt(text: str, where: str) -> tuple[str, list[Any]]:
    """Return a system text without what a chat template writes itself, and its tools. Raises
    DataError (bad_tools, format_in_prompt)."""
    tools = list(_tools(text, where))
    return check_no_markup(_PROMPT.sub("", text), ("<tools>", OPEN, "<tool_response>")), tools


def text_and_calls(text: str, where: str) -> tuple[str, list[ToolCall]]:
    """Return the text of an answer before its calls, and the calls."""
    before, *blocks = text.split(OPEN)
    calls = []
    for block in blocks:
        inside, closed, after = block.partition(CLOSE)
        if not closed:
            fix = f"close it with {CLOSE}"
            raise DataError(f"{where}: {OPEN} is never closed", "broken_call", fix)
        if after.strip():
            fix = "put it before the calls, or delete it"
            raise DataError(f"{where}: text after a call", "text_after_call", fix)
        try:
            value = python_literal.read(inside.strip())
        except ValueError as error:
            reason = f"{where}: the call is {error}"
            raise DataError(reason, "broken_call", "mend the call's JSON") from error
        calls += [call_from(call, where) for call in listed(value)]
    if CLOSE in before:
        raise DataError(f"{where}: {CLOSE} without {OPEN}", "broken_call", "mend the tags")
    return before, calls


def results(text: str, where: str) -> list[str]:
    """Return a result for each pair of tags; a text without any tag is one result. Raises DataError
    (broken_result)."""
    found, around = _RESULT.findall(text), _RESULT.sub("", text)
    if "tool_response>" in around or (found and around.strip()):
        reason = f"{where}: text outside of <tool_response>"
        raise DataError(reason, "broken_result", "mend the tags")
    return [content.strip() for content in found or [around]]


def _tools(text: str, where: str) -> Iterator[Any]:
    """Yield the tools between the tags: a list, or one after the other. Tags around nothing are
    only spoken of."""
    for block in _TOOLS.findall(text):
        block = _TOOL_TAG.sub("", block)  # MiniMax has each tool in a pair
        lines = [line for line in block.splitlines() if line.strip()]
        # as later Hermes prompts are written
        is_one_a_line = all(line.lstrip().startswith("{") for line in lines)
        for part in lines if is_one_a_line else [block]:
            try:
                value = python_literal.read(part)
            except ValueError as error:
                reason = f"{where}: <tools>: {error}"
                fix = "give the tools as JSON, one a line, or in the column tools"
                raise DataError(reason, "bad_tools", fix) from error
            yield from listed(value)
