"""FunctionGemma's calls, whose arguments are an object in a notation of its own.

    <start_function_call>call:get_weather{city:<escape>北京<escape>,days:3}<end_function_call>

Strings stand between <escape>; what else is read is in scanners/gemma_calls.py.

Written by: FunctionGemma.
Read too: as `gemma4`.
Limits: names without white space; no `<escape>` inside a string.
Engines: vLLM `functiongemma`, which loses all values but text.

Source: the chat template of functiongemma-270m-it; vLLM's functiongemma_tool_parser.py.
"""

from swiftkit.toolcall.scanners.gemma_calls import GemmaCalls

_FORM = GemmaCalls("<start_function_call>", "<end_function_call>", "<escape>")
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
