"""The calls of granite-20b-functioncalling: a tag, and a JSON object behind it.

    <function_call> {"name": "get_weather", "arguments": {"city": "北京"}}

Glaive's <functioncall>, and a closing tag at the end, are read, not written.

Source: the model card of granite-20b-functioncalling; vLLM's parser granite-20b-fc.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("<function_call> ", also=("<functioncall>",), is_list=False)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
