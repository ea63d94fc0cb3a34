"""Granite 3.0's calls: a token, and a JSON list behind it.

    <|tool_call|>[{"name": "get_weather", "arguments": {"city": "北京"}}]

Written by: Granite 3.0.
Read too: one object, as Solar writes it; Phi-4-mini's `<|/tool_call|>`.
Engines: vLLM `granite`.

Source: the chat templates of granite-3.0 to 3.3; vLLM's parser/granite.py.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("<|tool_call|>")
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
