"""LongCat's calls: a JSON object between tags.

    <longcat_tool_call>
    {"name": "get_weather", "arguments": {"city": "北京"}}
    </longcat_tool_call>

Written by: LongCat.
Engines: vLLM `longcat`, also without the last tag.

Source: the chat template of LongCat-Flash-Chat; vLLM's longcat_tool_parser.py.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("<longcat_tool_call>\n", "\n</longcat_tool_call>", is_list=False)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
