"""Jamba's calls: a JSON list between tags.

    <tool_calls>[
    {"name": "get_weather", "arguments": {"city": "北京"}}
    ]</tool_calls>

Written by: Jamba.
Read too: MiniMax-M1's object a line; Hunyuan-A13B; each object in `<tool_call>`, as `hunyuan`.
Engines: vLLM `jamba`, `hunyuan_a13b`: a list alone.

Source: the chat templates of Jamba-1.5 and MiniMax-M1 (whose parser vLLM no longer has); vLLM's
jamba_tool_parser.py and hunyuan_a13b_tool_parser.py.
"""

from swiftkit.toolcall.scanners.json_blocks import TOOL_CALLS

SIGNS, parse, render = TOOL_CALLS.signs, TOOL_CALLS.parse, TOOL_CALLS.render
