"""GLM-4's calls: the name on a line, the arguments behind it.

    get_weather
    {"city": "北京"}<|assistant|>now
    {}<|observation|>

Each call is a message of its own; <|observation|> is the token at which GLM-4 stops, and a server
may leave it out.

Written by: GLM-4-9B, GLM-4-0414.
Read too: Python's dicts; without `<|observation|>`.
Limits: names without white space.
Engines: none.

Source: the chat templates of glm-4-9b-chat and GLM-4-9B-0414. ms-swift's GLM4AgentTemplate writes
the arguments as Python prints them ({'city': '北京', 'now': True}); here they are JSON, as in the
template, and both are read.
"""

import re

from swiftkit.errors import DataError
from swiftkit.json_text import reason, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.python_literal import object_at
from swiftkit.toolcall.reasoning import CLOSING
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.wire_format import Signs, WholeAnswer

ASSISTANT, OBSERVATION = "<|assistant|>", "<|observation|>"
# With blanks in it, it could be a line of prose; with backticks, the head of a fenced block.
_NAME = re.compile(r'[^\s<>{}\[\]"`]++')
_HEAD = re.compile(rf"\s*+({_NAME.pattern})[ \t]*+\n[ \t]*+(?=\{{)")
_AFTER = re.compile(r"\s*+(<\|assistant\|>|<\|observation\|>|\Z)")
# an answer without its <|observation|>: a heading such as `Result`, and `json`, is no name
_BEGINNING = re.compile(r"(?!json\n|[A-Z][a-z]*+\n)[^\W\d][\w.\-]*+\n[ \t]*+\{")

# a head, or the beginning of one, with a name as long as tools' names are
_MAY_BEGIN = re.compile(
    rf"{_NAME.pattern[:-2]}{{1,128}}+(?:\Z|[ \t]{{0,40}}+(?:\Z|\n[ \t]{{0,40}}+(?:\{{|\Z)))"
)


def render(calls: list[ToolCall]) -> str:
    messages = []
    for call in calls:
        if not _NAME.fullmatch(call.name):
            fix = 'give the tool a name without white space and without < > { } [ ] " `'
            raise DataError(f"GLM-4 cannot write a call of {call.name!r}", "bad_call", fix)
        messages.append(f"{call.name}\n{written(call.arguments)}")
    return ASSISTANT.join(messages) + OBSERVATION if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer; content may be a message before the calls."""
    return blocks.read_whole(text, _read)


def _read(answer: str) -> Parsed:
    """Read an answer without reasoning."""
    calls: list[ToolCall] = []
    content, position = "", 0
    if not _HEAD.match(answer):
        content, assistant, _ = answer.partition(ASSISTANT)
        # reasoning, which the caller sets aside
        if not assistant or CLOSING.search(content):
            return Parsed([], answer)
        content, position = content.strip(), len(content) + len(ASSISTANT)
    try:
        while head := _HEAD.match(answer, position):
            arguments, end = object_at(answer, head.end())
            after = _AFTER.match(answer, end)
            if not after:
                return Parsed([], answer, "text after the call's arguments")
            calls.append(ToolCall(head[1], arguments))
            position = after.end()
            if after[1] != ASSISTANT or position == len(answer):  # the model stops here
                return Parsed(calls, content)
    except (ValueError, RecursionError) as error:
        return Parsed([], answer, reason(error))
    return Parsed([], answer, "text after the calls" if calls else "")


def _read_unmarked(answer: str) -> Parsed:
    """Read an answer that no mark calls GLM-4's: a word above some braces may be no call."""
    parsed = _read(answer)
    return parsed if parsed.calls else Parsed([], answer)


SIGNS = Signs(
    opening={ASSISTANT: "", OBSERVATION: ""},
    ending=OBSERVATION,
    whole=WholeAnswer(_read_unmarked, _BEGINNING, held=_MAY_BEGIN),
    marks=(),
)
