"""Granite 3's calls: a token, and a JSON list behind it.

    <|tool_call|>[{"name": "get_weather", "arguments": {"city": "北京"}}]

Solar writes one object there, and Phi-4-mini a token behind the list: read, not written.

Source: the chat templates of granite-3.0 to 3.3; vLLM's parser granite. Granite 4 writes hermes.py.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("<|tool_call|>")
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
