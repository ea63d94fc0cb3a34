"""Gemma 4's calls, whose arguments are an object in a notation of its own.

    <|channel>thought
    Weather is needed.
    <channel|><|tool_call>call:get_weather{city:<|"|>北京<|"|>,days:[1,2.5],wide:null}<tool_call|>

Strings stand between <|"|>; what else is read is in scanners/gemma_calls.py.

Source: the chat template of gemma-4-31B-it, which sorts the keys: here they keep their order.
"""

from swiftkit.toolcall.scanners.gemma_calls import GemmaCalls

_FORM = GemmaCalls("<|tool_call>", "<tool_call|>", '<|"|>')
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
