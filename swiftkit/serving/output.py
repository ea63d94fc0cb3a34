"""The reader of a model's text for an API client: reasoning, content and tool calls.

One reader serves both ways of answering: a stream feeds it piece by piece, a completion all at
once.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache, partial

from swiftkit.serving.answer_reader import (
    AnswerReader,
    ReadingRules,
    SwiftCallsReader,
    reading_rules,
)
from swiftkit.serving.call_heads import CallHeads, heads_of
from swiftkit.serving.growing_calls import CompleteCalls, GrowingCalls, JsonCalls
from swiftkit.serving.harmony_reader import HarmonyReader
from swiftkit.serving.output_part import OutputCall, OutputPart
from swiftkit.toolcall import wire_format
from swiftkit.toolcall.agent_templates import wire_format_of
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.text_arguments import Tools, retyped
from swiftkit.toolcall.wire_format import Signs, WholeAnswer

# Where calls begin in what ms-swift may read of an agent template that is not known here
_MARKS = tuple(
    "<tool_call <function <|tool <｜tool <|python_ [TOOL_CALLS] Action: <minimax: <seed:".split()
)
_BEGINNING = re.compile(r"[{\[]|```|`{1,2}\Z")
_UNKNOWN = reading_rules(
    Signs(marks=_MARKS, whole=WholeAnswer(blocks.read_content, held=_BEGINNING))
)
_CONTENT = reading_rules(Signs(marks=()))


def reader_of(agent_template: str, has_tools: bool, tools: Tools = ()) -> AnswerReader:
    """Return the reader for an agent template's answers; calls need tools that were offered.

    tools: their definitions, for the types of arguments that a format writes without.
    """
    name = wire_format_of(agent_template)
    if not name and has_tools:
        return SwiftCallsReader(blocks.read_content, _UNKNOWN, GrowingCalls())
    return format_reader(name, has_tools, tools)


def format_reader(name: str, has_tools: bool = True, tools: Tools = ()) -> AnswerReader:
    """Return the reader for answers in a wire format."""
    if name == "harmony":
        return HarmonyReader(has_tools)
    if not has_tools:
        return AnswerReader(blocks.read_content, _CONTENT, GrowingCalls())
    form = wire_format.load(name)
    parse = partial(_parse, form.parse, tools)
    rules, heads = _description(name)
    calls = GrowingCalls()
    if heads:
        calls = JsonCalls(heads)
    elif form.SIGNS.call_ends:
        calls = CompleteCalls(form.SIGNS, parse)
    return AnswerReader(parse, rules, calls)


def read_answer(text: str, reader: AnswerReader, calls: Sequence[OutputCall] = ()) -> OutputPart:
    """Read a complete answer; what cannot be read is content."""
    reader.is_stream = False
    return reader.feed(text).and_then(reader.close(calls))


def _parse(parse: Callable[[str], Parsed], tools: Tools, text: str) -> Parsed:
    return retyped(parse(text), tools)


@cache
def _description(name: str) -> tuple[ReadingRules, CallHeads | None]:
    form = wire_format.load(name)
    return reading_rules(form.SIGNS), heads_of(form)
