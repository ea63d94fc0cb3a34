"""GigaChat 3's call: a JSON object behind the head of a message of its own.

    function call<|role_sep|>
    {"name": "get_weather", "arguments": {"city": "北京"}}

Written by: GigaChat 3.
Read too: `<|function_call|>`; several calls.
Engines: vLLM and SGLang `gigachat3`, one call and no more.

Source: the chat template of GigaChat3-10B-A1.8B; vLLM's gigachat3_tool_parser.py, SGLang's
gigachat3_detector.py.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("function call<|role_sep|>\n", also=("<|function_call|>",), is_list=False)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
