"""Calls that Qwen2.5-Coder writes between the tags of its prompt's list of tools.

    <tools>
    {"name": "get_weather", "arguments": {"city": "北京"}}
    </tools>

The tag is prose where no JSON follows.

Written by: Qwen2.5-Coder.
Engines: none.

Source: answers of Qwen2.5-Coder-Instruct, whose template asks for <tool_call> (hermes.py).
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("<tools>\n", "\n</tools>", is_word=True, is_list=False)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
