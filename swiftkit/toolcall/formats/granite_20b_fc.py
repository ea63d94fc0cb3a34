"""The calls of granite-20b-functioncalling: a tag, and a JSON object behind it.

    <function_call> {"name": "get_weather", "arguments": {"city": "北京"}}

Written by: granite-20b-functioncalling.
Read too: Glaive's tag `<functioncall>`; a closing tag.
Engines: vLLM `granite-20b-fc`.

Source: the model card of granite-20b-functioncalling; vLLM's granite_20b_fc_tool_parser.py.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("<function_call> ", also=("<functioncall>",), is_list=False)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
