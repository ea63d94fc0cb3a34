"""LongCat's calls: a JSON object between tags.

    <longcat_tool_call>
    {"name": "get_weather", "arguments": {"city": "北京"}}
    </longcat_tool_call>

Source: the chat template of LongCat-Flash-Chat; vLLM's parser longcat.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks(
    "<longcat_tool_call>\n", "\n</longcat_tool_call>", is_list=False, is_end_optional=True
)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
