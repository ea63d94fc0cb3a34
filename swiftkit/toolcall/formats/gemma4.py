"""Gemma 4's calls, whose arguments are an object in a notation of its own.

    <|channel>thought
    Weather is needed.
    <channel|><|tool_call>call:get_weather{city:<|"|>北京<|"|>,days:[1,2.5],wide:null}<tool_call|>

Strings stand between <|"|>; what else is read is in scanners/gemma_calls.py.

Written by: Gemma 4.
Read too: strings in `"` or bare.
Limits: names without white space; no `<|"|>` inside a string.
Engines: vLLM and SGLang `gemma4`.

Source: the chat template of gemma-4-31B-it, which sorts the keys: here they keep their order;
vLLM's parser/gemma4.py, SGLang's gemma4_detector.py.
"""

from swiftkit.toolcall.scanners.gemma_calls import GemmaCalls

_FORM = GemmaCalls("<|tool_call>", "<tool_call|>", '<|"|>')
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
