"""Apertus' calls: a JSON list between tokens, in which the name is the key of the arguments.

    <|inner_prefix|>I need the weather.<|tools_prefix|>[{"get_weather": {"city": "北京"}}]
    <|tools_suffix|><|inner_suffix|>

Written by: Apertus.
Read too: without the last token; calls inside `<|inner_prefix|>`, whose rest is reasoning.
Engines: vLLM `apertus`; SGLang `apertus2509`, which needs the last token.

Source: the chat template of Apertus-8B-Instruct-2509; vLLM's apertus_tool_parser.py, SGLang's
apertus2509_detector.py.
"""

import re

from swiftkit.json_text import raw_decode, skip_space
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.scanners.endings import without_stops
from swiftkit.toolcall.scanners.json_blocks import JsonBlocks
from swiftkit.toolcall.wire_format import LineMark

_CALLS, _CALLS_END = "<|tools_prefix|>", "<|tools_suffix|>"
_INNER, _INNER_END = "<|inner_prefix|>", "<|inner_suffix|>"
_MARK = re.compile(r"<\|(?:inner_prefix|inner_suffix|tools_prefix)\|>")
_INNER_CALLS = re.compile(
    rf"{re.escape(_INNER)}[^<]*+(?:<(?!{_MARK.pattern[1:]})[^<]*+)*{re.escape(_CALLS)}"
)
_FORM = JsonBlocks(_CALLS, _CALLS_END, keys=None, is_end_optional=True)
# calls may stand inside reasoning, so nothing can go out before the answer is complete
SIGNS = _FORM.signs._replace(line=LineMark(_INNER_CALLS, needs=_CALLS), marks=None)
render = _FORM.render


def parse(text: str) -> Parsed:
    return _FORM.parse(_with_calls_outside(text) if _INNER in text else text)


def _with_calls_outside(text: str) -> str:
    """Return the text with each inner part ended before its calls and opened again behind them."""
    parts: list[str] = []
    is_inner = False
    position = 0
    while mark := _MARK.search(text, position):
        end = mark.end()
        if mark[0] == _CALLS:
            try:
                end = skip_space(text, raw_decode(text, skip_space(text, end))[1])
            except (ValueError, RecursionError):
                break
            end += len(_CALLS_END) if text.startswith(_CALLS_END, end) else 0
        else:
            is_inner = mark[0] == _INNER
        block = text[mark.start() : end]
        if mark[0] == _CALLS and is_inner:
            block = f"{_INNER_END}{block}{_INNER}"
        parts += [text[position : mark.start()], block]
        position = end
    parts.append(text[position:])
    # the model stops behind its calls, inside the inner part
    return without_stops("".join(parts)).removesuffix(_INNER)
