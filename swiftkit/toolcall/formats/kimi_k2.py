"""Calls of Kimi K2 to K2.6, each with an id that holds its name and its number.

    <|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>
    {"city": "北京"}<|tool_call_end|><|tool_calls_section_end|>

all of it without a line break. The numbers go on over a whole conversation; here they begin at 0.

Written by: Kimi K2, K2.5, K2.6.
Read too: ids without `functions.`; text between the marks; without the section's last token.
Limits: one-line names.
Engines: vLLM and SGLang `kimi_k2`.

Source: the chat template of Kimi-K2-Instruct and Kimi-K2.6, and its docs/tool_call_guidance.md;
vLLM's parser/kimi_k2.py, SGLang's kimik2_detector.py.
"""

import re

from swiftkit.json_text import object_at, skip_space, written
from swiftkit.toolcall.alternatives import any_of
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.scanners.endings import is_end
from swiftkit.toolcall.wire_format import Signs

SECTION, SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CALL, CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
ARGUMENTS = "<|tool_call_argument_begin|>"
SIGNS = Signs(opening={SECTION: "", CALL: ""}, closing=(SECTION_END, CALL_END, ARGUMENTS), marks=())
_TAGS = re.compile(any_of((SECTION, SECTION_END, CALL, CALL_END, ARGUMENTS)))
_MARKUP = blocks.markup(SECTION, SECTION_END, CALL, CALL_END, ARGUMENTS)
_ID = re.compile(rf"\s*+({blocks.NAME}){re.escape(ARGUMENTS)}")
_NUMBERED = re.compile(r"(?:functions\.)?+(.+):\d++\s*", re.DOTALL)


def render(calls: list[ToolCall]) -> str:
    text = ""
    for number, call in enumerate(calls):
        blocks.check_name(call.name, "Kimi K2")
        arguments = written(call.arguments)
        text += f"{CALL}functions.{call.name}:{number}{ARGUMENTS}{arguments}{CALL_END}"
    return f"{SECTION}{text}{SECTION_END}" if calls else ""


def parse(text: str) -> Parsed:
    return blocks.read(text, _MARKUP, _read_section)


def _read_section(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
    if tag[0] != SECTION:
        raise ValueError(f"{tag[0]} without {SECTION}")
    mark = _TAGS.search(text, tag.end())
    while mark and mark[0] == CALL:
        call, end = _read_call(text, mark.end())
        calls.append(call)
        mark = _TAGS.search(text, end)
        if is_end(text, end):
            return len(text)
    if not mark or mark[0] != SECTION_END:
        raise ValueError(f"neither a call nor {SECTION_END}")
    return mark.end()


def _read_call(text: str, start: int) -> tuple[ToolCall, int]:
    """Return the call whose id begins here, and the position behind its last mark."""
    identity = _ID.match(text, start)
    numbered = _NUMBERED.fullmatch(identity[1]) if identity else None
    if not identity or not numbered:
        raise ValueError(f"{CALL} without name:number and {ARGUMENTS}")
    position = skip_space(text, identity.end())
    if text.startswith(CALL_END, position):
        return ToolCall(numbered[1], {}), position + len(CALL_END)
    arguments, end = object_at(text, position)
    if text.startswith(CALL_END, end):
        end += len(CALL_END)
    elif not text.startswith(SECTION_END, end):
        raise ValueError(f"{CALL_END} is missing after the call")
    return ToolCall(numbered[1], arguments), end
