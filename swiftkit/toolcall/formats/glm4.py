"""GLM-4's calls: the name on a line, the arguments behind it.

    get_weather
    {"city": "北京"}<|assistant|>now
    {}<|observation|>

Each call is a message of its own; <|observation|> is the token at which GLM-4 stops, and a server
may leave it out.

Source: the chat templates of glm-4-9b-chat and GLM-4-9B-0414. ms-swift's GLM4AgentTemplate writes
the arguments as Python prints them ({'city': '北京', 'now': True}); here they are JSON, as in the
template, and both are read.
"""

import re

from swiftkit.errors import DataError
from swiftkit.json_text import reason, written
from swiftkit.toolcall import python_literal as literal
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import _blocks as blocks

ASSISTANT, OBSERVATION = "<|assistant|>", "<|observation|>"
_NAME = re.compile(r'[^\s<>{}\[\]"]++')  # with blanks in it, it could be a line of prose
_HEAD = re.compile(rf"\s*+({_NAME.pattern})[ \t]*+\n[ \t]*+(?=\{{)")
_AFTER = re.compile(r"\s*+(<\|assistant\|>|<\|observation\|>|\Z)")


def render(calls: list[ToolCall]) -> str:
    """As ms-swift does, but for the arguments. Raises DataError (bad_call)."""
    return ASSISTANT.join(map(_rendered, calls)) + OBSERVATION if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer. Never raises; parse(render(calls)).calls == calls. Content may be a message
    before the calls."""
    return blocks.read_whole(text, read)


def read(answer: str) -> Parsed:
    """The same for an answer without reasoning."""
    calls: list[ToolCall] = []
    content, position = "", 0
    if not _HEAD.match(answer):
        content, assistant, _ = answer.partition(ASSISTANT)
        # reasoning, which the caller sets aside
        if not assistant or blocks.CLOSING.search(content):
            return Parsed([], answer)
        content, position = content.strip(), len(content) + len(ASSISTANT)
    try:
        while head := _HEAD.match(answer, position):
            position = _call(answer, head, calls)
            if position == len(answer):
                return Parsed(calls, content)
    except (ValueError, RecursionError) as error:
        return Parsed([], answer, reason(error))
    return Parsed([], answer, "text after the calls" if calls else "")


def _rendered(call: ToolCall) -> str:
    if not _NAME.fullmatch(call.name):
        fix = 'give the tool a name without white space and without < > { } [ ] "'
        raise DataError(f"GLM-4 cannot write a call of {call.name!r}", "bad_call", fix)
    return f"{call.name}\n{written(call.arguments)}"


def _call(text: str, head: re.Match[str], calls: list[ToolCall]) -> int:
    """The position behind the call and its end; behind everything, where the model stops."""
    arguments, end = literal.object_at(text, head.end())
    after = _AFTER.match(text, end)
    if not after:
        raise ValueError("text after the call's arguments")
    calls.append(ToolCall(head[1], arguments))
    return after.end() if after[1] == ASSISTANT else len(text)
